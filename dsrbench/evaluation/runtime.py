"""The runtime of a run: the device and precision of each backend, the versions of the libraries, and the driver."""

from __future__ import annotations

import dataclasses
import platform
import subprocess
from collections.abc import Sequence

from dsrbench.backends.base import BaseBackend, Generator
from dsrbench.backends.registry import Backend
from dsrbench.evaluation.scorer import Scorer
from dsrbench.requirements import installed_versions
from dsrbench.store import DeviceRecord, RuntimeRecord

LIBRARIES = ("torch", "transformers", "diffusers", "peft", "ultralytics", "onnxruntime", "ncnn")
"""Packages that compute; a backend's record names those that are installed."""


def describe_runtime(scorer: Scorer, generator: Backend[Generator] | None) -> RuntimeRecord:
    """Describe what computes on this machine; nothing of it is part of a cache key."""
    record = RuntimeRecord(
        detector=_describe(scorer.detector.instance),
        tracker=_describe(scorer.tracker.instance),
        generator=_describe(generator.instance) if generator is not None else None,
        second_detector=_describe(scorer.second.instance) if scorer.second is not None else None,
        depth=_describe(scorer.depth.instance) if scorer.depth is not None else None,
        libraries=installed_versions(LIBRARIES),
    )
    devices = (record.detector, record.tracker, record.generator, record.second_detector, record.depth)
    uses_gpu = any(device.device.startswith("cuda") for device in devices if device is not None)
    return dataclasses.replace(record, driver=_driver()) if uses_gpu else record


def add_runtime(records: Sequence[RuntimeRecord], new: RuntimeRecord) -> tuple[RuntimeRecord, ...]:
    """Add what computes now to what has computed before, each once, in the order in which they came.

    >>> one, two = RuntimeRecord(driver="1"), RuntimeRecord(driver="2")
    >>> [record.driver for record in add_runtime([one], one)], [record.driver for record in add_runtime([one], two)]
    (['1'], ['1', '2'])
    """
    return (*records, *([new] if new not in records else []))


def _describe(instance: BaseBackend) -> DeviceRecord:
    """Return the device of a backend."""
    device, dtype = instance.placement()
    return DeviceRecord(device, _device_name(device), dtype)


def _device_name(device: str) -> str:
    if not device.startswith("cuda"):
        return platform.machine()
    import torch

    return str(torch.cuda.get_device_name(device))


def _driver() -> str:
    """Return the version of NVIDIA's driver; empty where its tool does not say."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return output.splitlines()[0].strip() if output.strip() else ""
