"""Optional packages and weights of backends that are installed; nothing is imported to find out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from dsrbench.requirements import package_version as package_version

if TYPE_CHECKING:
    from dsrbench.backends.base import BaseBackend
    from dsrbench.hub import HubModel

EXTRAS = {
    "nanodet": ("ncnn",),
    "picodet": ("onnxruntime",),
    "motion": ("opencv-python-headless",),
    "trackers": ("trackers", "supervision"),
    "yolo": ("ultralytics", "lap"),
    "hf": ("torch", "torchvision", "transformers", "timm", "safetensors", "huggingface_hub", "num2words"),
    "sprites": ("torch", "diffusers", "accelerate", "safetensors"),
    "generate": (
        "torch",
        "diffusers",
        "transformers",
        "accelerate",
        "safetensors",
        "huggingface_hub",
        "PyYAML",
        "ftfy",
        "sentencepiece",
        "protobuf",
    ),
    "align": ("torch", "diffusers", "accelerate", "safetensors", "peft", "tensorboard", "PyYAML"),
    "ray": ("ray",),
    "s3": ("fsspec", "s3fs"),
    "serve": ("starlette", "uvicorn", "httptools"),
    "dataset": ("datasets", "huggingface_hub", "ImageHash", "PyYAML"),
    "board": ("gradio", "authlib", "itsdangerous", "huggingface_hub"),
}
"""Extra to the packages it installs, for users; a test holds them against the package's own metadata."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of a backend.

    Attributes:
        what: Weights to fetch: their size, or a model's id on the Hub.
        state: Check that the weights on disk passed; empty where there are none.
        problem: Fault of the weights on disk; empty where they are complete.
    """

    what: str
    state: str = ""
    problem: str = ""


def missing_packages(extra: str) -> list[str]:
    """Packages of an extra that are not installed; none for an extra that is not known."""
    return [package for package in EXTRAS.get(extra, ()) if package_version(package) is None]


def pip_command(extra: str) -> str:
    """Return the command that installs an extra.

    >>> pip_command("yolo")
    "pip install 'dsrbench[yolo]'"
    """
    return f"pip install 'dsrbench[{extra}]'"


def find_backend_weights(name: str, cls: type[BaseBackend]) -> Weights | None:
    """Find the weights of a backend; None for one without."""
    from dsrbench.errors import WeightsError
    from dsrbench.hub import find_weights

    files, model = cls.weight_files, cls.hub_model
    if files:
        size = f"{sum(file.size for file in files) / 1e6:.1f} MB"
        try:
            find_weights(name, files)
        except WeightsError as error:
            return Weights(size, problem=str(error))
        return Weights(size, "sha256 as expected")
    return _find_hub_weights(name, model) if model else None


def _find_hub_weights(name: str, model: HubModel) -> Weights:
    from dsrbench.backends.pretrained.snapshots import find_snapshot
    from dsrbench.errors import BackendError

    what = f"{model.id}, {model.licence}"
    if package_version("huggingface_hub") is None:
        return Weights(what, problem=f"{model.id} unknown: huggingface_hub is not installed")
    try:
        snapshot = find_snapshot(model.id, backend=name, default=model)
    except BackendError as error:
        return Weights(what, problem=str(error))
    return Weights(what, f"commit {snapshot.commit}")
