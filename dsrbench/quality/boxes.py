"""Quality figures of the boxes alone: smoothness of the subject's path, and duplicates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dsrbench.geometry import areas, nms
from dsrbench.types import Detections, Floats

MAX_IOU = 0.5
"""Maximum overlap (IoU) of two boxes of one label that count as two things."""


def track_smoothness(boxes: Floats) -> float:
    """Return 1 / (1 + a), with a the mean length of the centre's second difference, in units of the box's size.

    The size of a box is the root of its area.

    Args:
        boxes: Boxes of one entity, float64 `[T, 4]` in pixels, NaN where it is absent; such frames and their
            neighbours do not count.

    Returns:
        The smoothness in [0, 1], 1 for straight, even motion; NaN without three boxes in a row.

    >>> x = np.array([0.0, 2, 4, 6])
    >>> track_smoothness(np.stack([x, 0 * x, x + 4, 0 * x + 4], axis=1))
    1.0
    >>> jump = np.array([[0.0, 0, 4, 4], [4, 0, 8, 4], [0, 0, 4, 4]])
    >>> round(track_smoothness(jump), 3)
    0.333
    """
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, np.sqrt(areas(boxes))
    bends = np.linalg.norm(centres[2:] - 2 * centres[1:-1] + centres[:-2], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = bends / sizes[1:-1]
    shares = shares[np.isfinite(shares)]
    return float(1 / (1 + shares.mean())) if len(shares) else float("nan")


def duplicate_rate(detections: Sequence[Detections]) -> float:
    """Return the share of frames that show more than one subject, or more than one object.

    A model that is rewarded for positions may draw a thing at both of them. Boxes of one label that overlap by more
    than `MAX_IOU` are one thing.

    Args:
        detections: Detections of each frame; label 0 is the subject, 1 the object.

    Returns:
        The share in [0, 1]; NaN without frames.

    >>> cat, other = [0, 0, 4, 4], [8, 0, 12, 4]
    >>> duplicate_rate([Detections([cat], [0.9], [0]), Detections([cat, other], [0.9, 0.8], [0, 0])])
    0.5
    """
    if not detections:
        return float("nan")
    return float(np.mean([_has_duplicates(frame) for frame in detections]))


def _has_duplicates(frame: Detections) -> bool:
    labels = frame.label[nms(frame.xyxy, frame.score, frame.label, iou=MAX_IOU)]
    return any(np.count_nonzero(labels == label) > 1 for label in (0, 1))
