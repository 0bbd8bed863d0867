"""The runtime of a run: the device and precision of each backend, the versions of the libraries, and the driver."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from dsrbench.backends.base import BaseBackend, Generator
from dsrbench.backends.registry import Backend
from dsrbench.evaluation.scorer import Scorer
from dsrbench.requirements import installed_versions

LIBRARIES = ("torch", "transformers", "diffusers", "peft", "ultralytics", "onnxruntime", "ncnn")
"""Packages that compute; a backend's record names those that are installed."""


def describe_runtime(scorer: Scorer, generator: Backend[Generator] | None) -> dict[str, Any]:
    """Describe what computes on this machine; nothing of it is part of a cache key.

    Returns:
        `detector`, `tracker` and, where videos are made, `generator`, each with `device`, `name` and `dtype`; beside
        them `libraries` (versions) and, where a GPU is used, its `driver`.
    """
    backends: dict[str, Backend[Any]] = {"detector": scorer.detector, "tracker": scorer.tracker}
    if generator is not None:
        backends["generator"] = generator
    runtime: dict[str, Any] = {kind: _describe(backend.instance) for kind, backend in backends.items()}
    uses_gpu = any(part["device"].startswith("cuda") for part in runtime.values())
    return {**runtime, "libraries": installed_versions(LIBRARIES), **({"driver": _driver()} if uses_gpu else {})}


def add_runtime(known: Sequence[Mapping[str, Any]], new: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Add what computes now to what has computed before, each once, in the order in which they came.

    >>> add_runtime([{"driver": "1"}], {"driver": "1"}), add_runtime([], {"driver": "2"})
    ([{'driver': '1'}], [{'driver': '2'}])
    """
    return [*known, *([new] if new not in known else [])]


def _describe(instance: BaseBackend) -> dict[str, Any]:
    """Device, its name and precision of a backend."""
    device, dtype = instance.placement()
    return {"device": device, "name": _device_name(device), "dtype": dtype}


def _device_name(device: str) -> str:
    if not device.startswith("cuda"):
        return platform.machine()
    import torch

    return str(torch.cuda.get_device_name(device))


def _driver() -> str:
    """The version of NVIDIA's driver; empty where its tool does not say."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.splitlines()[0].strip() if said.strip() else ""
