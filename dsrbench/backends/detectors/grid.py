"""From the dense outputs of a grid detector (class scores and box distributions a cell) to labelled boxes.

NanoDet-Plus and PicoDet share this head (generalized focal loss, arXiv 2006.04388): each cell of four strides has a
score a class, and for each side of its box a distribution over 8 bins whose expectation, times the stride, is the
distance from the cell's centre.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.closed import check_share
from dsrbench.backends.detectors.nouns import Vocabulary
from dsrbench.errors import OptionError
from dsrbench.geometry import clip_boxes, iou_matrix, nms
from dsrbench.types import Detections, Floats

STRIDES = (8, 16, 32, 64)
BINS = 8
MAX_BOXES = 20
"""Maximum number of boxes a label and frame; the best ones stay."""


@dataclasses.dataclass(frozen=True)
class Selection:
    """Settings by which cells become boxes.

    Attributes:
        threshold: Lowest score kept, in 0..1.
        nms: Overlap (IoU) of one label's boxes above which the lower-scored goes.
        vote: Overlap from which a cell's box counts in the score-weighted mean that replaces a kept box; 1: off.
        scale: Factor on a box's width and height about its centre.

    Raises:
        OptionError: One of them out of range.
    """

    threshold: float
    nms: float
    vote: float
    scale: float

    def __post_init__(self) -> None:
        check_share("threshold", self.threshold, above_zero=True)
        check_share("nms", self.nms)
        check_share("vote", self.vote, above_zero=True)
        if not 0 < self.scale <= 10:
            raise OptionError(f"box_scale must be above 0 and at most 10, got {self.scale}")


def cell_centres(side: int, *, offset: float) -> tuple[Floats, Floats]:
    """Centres and strides of all cells, for a square input of `side` pixels.

    Args:
        side: Width and height of the network's input.
        offset: Where in its cell a centre lies: 0 (its corner) or 0.5.

    Returns:
        Centres `[C, 2]` in input pixels and strides `[C]`.

    >>> len(cell_centres(416, offset=0.0)[0])
    3598
    """
    centres, strides = [], []
    for stride in STRIDES:
        count = -(-side // stride)
        y, x = np.mgrid[:count, :count]
        shift = (stride - 1) / 2 if offset else 0.0
        centres.append(np.stack([x.ravel(), y.ravel()], axis=1) * stride + shift)
        strides.append(np.full(count * count, stride))
    return np.concatenate(centres).astype(np.float64), np.concatenate(strides).astype(np.float64)


def decode_boxes(distributions: NDArray[np.float32], centres: Floats, strides: Floats) -> Floats:
    """Boxes from the distributions over the distances to their four sides.

    Args:
        distributions: Logits `[K, 4 * BINS]`: left, top, right, bottom.
        centres: Cell centres `[K, 2]`.
        strides: Cell strides `[K]`.

    Returns:
        Boxes `[K, 4]` in input pixels.
    """
    logits = distributions.reshape(-1, 4, BINS).astype(np.float64)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    distances = (weights @ np.arange(BINS)) / weights.sum(axis=-1) * strides[:, None]
    return np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)


def select_boxes(
    scores: NDArray[np.float32],
    distributions: NDArray[np.float32],
    cells: tuple[Floats, Floats],
    *,
    side: int,
    size: tuple[int, int],
    vocabulary: Vocabulary,
    how: Selection,
) -> Detections:
    """Labelled boxes of one frame.

    Args:
        scores: Class scores of every cell, `[C, classes]` in 0..1.
        distributions: Box distributions of every cell, `[C, 4 * BINS]`.
        cells: Centres and strides of the cells.
        side: Width and height of the network's input.
        size: Width and height of the frame.
        vocabulary: Classes that stand for each label.
        how: Threshold, suppression, voting, scale.

    Returns:
        At most `MAX_BOXES` boxes a label, in pixels of the frame, best first within a label.
    """
    boxes, kept_scores, labels = [], [], []
    for label, classes in enumerate(vocabulary.classes):
        score = scores[:, list(classes)].max(axis=1)
        candidates = np.flatnonzero(score >= how.threshold)
        if not len(candidates):
            continue
        score = score[candidates].astype(np.float64)
        box = decode_boxes(distributions[candidates], cells[0][candidates], cells[1][candidates])
        box = clip_boxes(box * (np.array([*size, *size]) / side), size)
        selected = nms(box, score, np.zeros(len(box), np.int64), iou=how.nms)[:MAX_BOXES]
        boxes.append(_vote(box[selected], box, score, how.vote))
        kept_scores.append(score[selected])
        labels.append(np.full(len(selected), label))
    if not boxes:
        return Detections.none()
    scaled = scale_boxes(np.concatenate(boxes), how.scale)
    return Detections(scaled, np.minimum(np.concatenate(kept_scores), 1.0), np.concatenate(labels))


def _vote(boxes_selected: Floats, boxes: Floats, scores: Floats, overlap: float) -> Floats:
    if overlap >= 1:
        return boxes_selected
    weights = np.where(iou_matrix(boxes_selected, boxes) >= overlap, scores, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    return np.where(total > 0, weights @ boxes / np.where(total > 0, total, 1), boxes_selected)


def scale_boxes(boxes: Floats, factor: float) -> Floats:
    """Boxes `[N, 4]` with width and height times `factor`, about their centres.

    >>> scale_boxes(np.array([[0.0, 0, 10, 20]]), 0.5)
    array([[ 2.5,  5. ,  7.5, 15. ]])
    """
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * factor
    return np.concatenate([centre - half, centre + half], axis=1)
