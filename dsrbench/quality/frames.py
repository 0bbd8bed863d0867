"""Quality figures of the pixels alone: sharpness, and smoothness over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsrbench.types import Floats

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue (ITU-R BT.601)."""

CHUNK = 16
"""Number of frames converted to floats at once."""


def sharpness(frames: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of the luma in [0, 1], mean over frames (Pech-Pacheco et al., ICPR 2000).

    Blur lowers it and noise raises it; compare it between clips of the same size.

    Args:
        frames: RGB frames, uint8 `[T, H, W, 3]`, at least 3 pixels high and wide.

    Returns:
        The sharpness in [0, 16], 0 for flat frames; NaN without frames.

    >>> frames = np.zeros((2, 8, 8, 3), np.uint8)
    >>> sharpness(frames)
    0.0
    >>> frames[:, :, 4:] = 255
    >>> round(sharpness(frames), 3)
    0.333
    """
    if len(frames) == 0:
        return float("nan")
    values = []
    for first in range(0, len(frames), CHUNK):
        y = luma(frames[first : first + CHUNK])
        middle = y[:, 1:-1, 1:-1]
        laplacian = y[:, :-2, 1:-1] + y[:, 2:, 1:-1] + y[:, 1:-1, :-2] + y[:, 1:-1, 2:] - 4 * middle
        values += laplacian.var(axis=(1, 2)).tolist()
    return float(np.mean(values))


def temporal_smoothness(frames: NDArray[np.uint8]) -> float:
    """Return 1 minus the mean difference in luma of each inner frame from the mean of its two neighbours.

    Flicker lowers it. VBench's motion smoothness (arXiv 2311.17982) uses a network in place of the mean.

    Args:
        frames: RGB frames, uint8 `[T, H, W, 3]`.

    Returns:
        The smoothness in [0, 1], 1 where nothing moves; NaN with fewer than 3 frames.

    >>> frames = np.zeros((3, 2, 2, 3), np.uint8)
    >>> temporal_smoothness(frames)
    1.0
    >>> frames[1] = 255
    >>> round(temporal_smoothness(frames), 6)
    0.0
    """
    if len(frames) < 3:
        return float("nan")
    total = 0.0
    for first in range(1, len(frames) - 1, CHUNK):
        y = luma(frames[first - 1 : first + CHUNK + 1])
        total += float(np.abs(y[1:-1] - (y[:-2] + y[2:]) / 2).mean(axis=(1, 2)).sum())
    return 1 - total / (len(frames) - 2)


def luma(frames: NDArray[np.uint8]) -> Floats:
    """Return the luma of RGB frames uint8 `[..., 3]`, float64 `[...]` in [0, 1]."""
    return np.asarray(frames @ LUMA / 255)
