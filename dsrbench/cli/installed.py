"""What is there of the optional packages and of the backends' weights; nothing is imported to find out."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsrbench.hub import WeightFile

EXTRAS = {
    "nanodet": ("ncnn",),
    "picodet": ("onnxruntime",),
    "trackers": ("trackers", "supervision"),
    "yolo": ("ultralytics", "lap"),
    "sprites": ("torch", "diffusers", "safetensors"),
    "align": ("torch", "diffusers", "safetensors", "peft", "accelerate"),
}
"""Extra to the packages it installs, for users; a test holds them against the package's own metadata."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of a backend.

    Attributes:
        files: Where they come from.
        problem: What is wrong with those on disk; empty when they are complete.
    """

    files: Sequence[WeightFile]
    problem: str

    @property
    def megabytes(self) -> float:
        """Size of all files."""
        return sum(file.size for file in self.files) / 1e6


def package_version(package: str) -> str | None:
    """The installed version of a package, or None.

    >>> package_version("no-such-package") is None
    True
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def missing_packages(extra: str) -> list[str]:
    """Packages of an extra that are not installed; none for an extra that is not known."""
    return [package for package in EXTRAS.get(extra, ()) if package_version(package) is None]


def pip_command(extra: str) -> str:
    """What installs an extra.

    >>> pip_command("yolo")
    "pip install 'dsrbench[yolo]'"
    """
    return f"pip install 'dsrbench[{extra}]'"


def find_backend_weights(name: str, cls: type) -> Weights | None:
    """The weights of a backend, from its module's table WEIGHTS; None for one without."""
    from dsrbench.errors import WeightsError
    from dsrbench.hub import find_weights

    files: Sequence[WeightFile] | None = getattr(sys.modules[cls.__module__], "WEIGHTS", None)
    if not files:
        return None
    try:
        find_weights(name, files)
    except WeightsError as error:
        return Weights(files, str(error))
    return Weights(files, "")
