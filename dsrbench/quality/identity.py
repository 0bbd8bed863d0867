"""Identity of the subject over time: similarity of its crops, by any features."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dsrbench.types import Floats

BINS = 8
"""Number of histogram bins of each colour."""


def cut_crops(frames: NDArray[np.uint8], boxes: Floats) -> list[NDArray[np.uint8]]:
    """Return the part of each frame inside its box, RGB uint8 `[h, w, 3]`; frames without a box have none.

    Args:
        frames: RGB frames, uint8 `[T, H, W, 3]`.
        boxes: Boxes of the subject, float64 `[T, 4]` in pixels, NaN where it is absent.
    """
    crops = []
    for frame, box in zip(frames, boxes, strict=True):
        if np.isnan(box[0]):
            continue
        x0, y0 = (max(math.floor(v), 0) for v in box[:2])
        crop = frame[y0 : math.ceil(box[3]), x0 : math.ceil(box[2])]
        if crop.size:
            crops.append(crop)
    return crops


def colour_features(crop: NDArray[np.uint8]) -> Floats:
    """Return the histogram of a crop's colours, 8 x 8 x 8 bins as shares of its pixels, float64 `[512]`."""
    red, green, blue = (crop.reshape(-1, 3).astype(np.int64) * BINS // 256).T
    return np.bincount((red * BINS + green) * BINS + blue, minlength=BINS**3) / len(red)


def identity_consistency(features: Floats) -> float:
    """Return the mean cosine of each crop after the first with the first and with the previous one.

    With features of DINOv2 this is SpatialAlign's figure (arXiv 2602.22745), which follows VBench's (arXiv 2311.17982).

    Args:
        features: Features of the crops in order, float64 `[N, D]`.

    Returns:
        The mean in [-1, 1], in [0, 1] for features without negative values; NaN with fewer than two crops.

    >>> identity_consistency(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]))
    0.5
    """
    if len(features) < 2:
        return float("nan")
    unit = features / np.linalg.norm(features, axis=1, keepdims=True).clip(1e-12)
    first, previous = unit[1:] @ unit[0], (unit[1:] * unit[:-1]).sum(axis=1)
    return float(((first + previous) / 2).mean())
