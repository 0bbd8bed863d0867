"""Seconds and memory on the device, and the rows of a table."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import resource
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        part: The part of the script that made it.
        what: What was measured.
        value: The figure, with its unit.
        memory: Peak memory of the device, GiB (on a CPU, of the process); None where it was not measured.
    """

    part: str
    what: str
    value: str
    memory: float | None = None


@dataclasses.dataclass(frozen=True)
class Setting:
    """Where and at which size to measure.

    Attributes:
        device: As torch names it.
        small: Whether to rehearse with tiny models.
    """

    device: str
    small: bool

    def wait(self) -> None:
        """Wait until the device has done all it was told."""
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()

    def time(self, work: Callable[[], object], *, repeats: int) -> float:
        """Seconds that a piece of work takes: the median of some runs, after one to warm up."""
        seconds = []
        for _ in range(repeats + 1):
            self.wait()
            began = time.perf_counter()
            work()
            self.wait()
            seconds.append(time.perf_counter() - began)
        return statistics.median(seconds[1:])

    @contextlib.contextmanager
    def peak(self) -> Iterator[Callable[[], float]]:
        """Forget earlier peaks of memory; yields a function that gives the peak since, GiB."""
        import torch

        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            yield lambda: torch.cuda.max_memory_allocated() / 2**30
        else:
            yield lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def draw_clip(n_frames: int, *, small: bool) -> NDArray[np.uint8]:
    """Draw a clip of noise with a moving and a still box, 832x480 unless small, uint8 `[T, H, W, 3]`."""
    height, width = (96, 160) if small else (480, 832)
    frames = np.random.default_rng(0).integers(60, 120, (n_frames, height, width, 3), dtype=np.uint8)
    h, w = height // 12, width // 12
    for t, frame in enumerate(frames):
        x = w + t * 4 * w // max(n_frames, 1)
        frame[4 * h : 7 * h, x : x + 2 * w] = (200, 120, 40)
        frame[3 * h : 8 * h, 7 * w : 9 * w] = (40, 60, 200)
    return frames
