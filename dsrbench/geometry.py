"""Box algebra: SSR scores, overlap, non-maximum suppression. Pure numpy, vectorised over every leading axis.

Boxes are x0, y0, x1, y1 with y pointing down. The SSR score (static spatial relationship) follows SpatialAlign
(arXiv 2602.22745) and its authors' scripts.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import BoxError, InputError
from dsrbench.types import Floats, Relation

Mask = NDArray[np.bool_]

UNDER_SHARE = 0.1
"""Share of the smaller height against which "under" measures its distance (the authors' scripts)."""

_SHORTEST_SQUARED = 1e-300


def ssr_scores(subject: Floats, object: Floats, relation: Relation | str) -> Floats:
    """SSR score of every frame: how far `relation` of subject to object holds.

    With v the vector between the centres, `cos * d` along the relation's axis, where d is `|v_axis|` measured against
    half the sum of the two extents and capped at 1 (under: against a tenth of the smaller height).

    Args:
        subject: Boxes float64 `[..., 4]`; NaN means absent.
        object: Boxes of the same shape.
        relation: Left, right, top or under.

    Returns:
        Scores in [-1, 1], float64 `[...]`; NaN in frames that are skipped: an absent box, a width of zero, both
        heights zero (under: either height zero).

    Raises:
        InputError: A relation that boxes cannot decide.
        BoxError: Shapes that do not fit.

    >>> ssr_scores([[0, 0, 10, 10]], [[20, 0, 30, 10]], "L")
    array([1.])
    >>> ssr_scores([[0, 0, 10, 10]], [[20, 0, 30, 10]], "R")
    array([-1.])
    >>> ssr_scores([[0, 0, 10, 10]], [[0, 5, 10, 15]], "T")
    array([0.5])
    """
    subject, object = np.asarray(subject, np.float64), np.asarray(object, np.float64)
    if subject.shape != object.shape or subject.ndim < 1 or subject.shape[-1] != 4:
        raise BoxError(f"expected two arrays of boxes [..., 4] of one shape, got {subject.shape} and {object.shape}")
    axes = ssr_axes(subject.reshape(-1, 4), object.reshape(-1, 4))
    return axis_score(Relation(relation), *axes).reshape(subject.shape[:-1])


def axis_score(relation: Relation, right: Floats, down: Floats, under: Floats) -> Floats:
    """Pick a relation's score from what `ssr_axes` gives.

    Raises:
        InputError: Front or behind.
    """
    if relation is Relation.RIGHT:
        return right
    if relation is Relation.LEFT:
        return -right
    if relation is Relation.TOP:
        return -down
    if relation is Relation.UNDER:
        return under
    raise InputError(
        f"relation {relation.value} ({relation.name.lower()}) needs depth; boxes decide L, R, T and U only"
    )


def ssr_axes(subject: Floats, object: Floats, *, with_under: bool = True) -> tuple[Floats, Floats, Floats]:
    """Compute signed SSR scores along both axes, from which those of all relations follow.

    Args:
        subject: Boxes float64 `[..., 4]`; NaN means absent.
        object: Boxes of the same shape.
        with_under: Whether to fill the third array.

    Returns:
        Score of "right" (negative: left), of "down" (negative: top), each `[...]`, and of "under" (empty unless
        asked for).
    """
    s, o = np.moveaxis(subject, -1, 0), np.moveaxis(object, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
        width_s, width_o = s[2] - s[0], o[2] - o[0]
        height_s, height_o = s[3] - s[1], o[3] - o[1]
        # Twice the vector between the centres and twice the mean extents: the factor cancels in every ratio.
        vx = s[0] + s[2]
        vx -= o[0] + o[2]
        vy = s[1] + s[3]
        vy -= o[1] + o[3]
        height_sum = height_s + height_o
        # A comparison with NaN is false, so absent boxes are skipped here as well.
        skipped = np.minimum(width_s, width_o) > 0
        skipped &= height_sum > 0
        np.logical_not(skipped, out=skipped)
        length = vx * vx
        length += vy * vy
        # A floor instead of a test for zero: with |v| = 0 the cosine becomes 0, as defined.
        np.maximum(length, _SHORTEST_SQUARED, out=length)
        np.sqrt(length, out=length)
        width_s += width_o
        right = _along(vx, width_s, length)
        down = _along(vy, height_sum, length)
        right[skipped] = np.nan
        down[skipped] = np.nan
        under = np.empty(0)
        if with_under:
            smaller = np.minimum(height_s, height_o)
            under = _along(vy, 2 * UNDER_SHARE * smaller, length)
            under[skipped | ~(smaller > 0)] = np.nan
    return right, down, under


def _along(v: Floats, extent: Floats, length: Floats) -> Floats:
    """Compute `cos * d` along one axis."""
    score = np.abs(v)
    score /= extent
    np.minimum(score, 1.0, out=score)
    score *= v
    score /= length
    return score


def areas(boxes: Floats) -> Floats:
    """Areas of boxes `[..., 4]`, as `[...]`.

    >>> areas(np.array([[0.0, 0, 2, 3]]))
    array([6.])
    """
    size = boxes[..., 2:] - boxes[..., :2]
    return np.asarray(size[..., 0] * size[..., 1])


def iou_matrix(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box of `a` `[N, 4]` with every box of `b` `[M, 4]`, as `[N, M]` in 0..1.

    >>> iou_matrix(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2], [5, 5, 6, 6]])).round(3)
    array([[0.333, 0.   ]])
    """
    width = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    height = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    overlap = np.maximum(width, 0) * np.maximum(height, 0)
    union = areas(a)[:, None] + areas(b)[None] - overlap
    return np.asarray(np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0))


def clip_boxes(boxes: Floats, size: tuple[int, int]) -> Floats:
    """Boxes `[N, 4]` cut to a frame of (width, height) pixels.

    >>> clip_boxes(np.array([[-2.0, 1, 9, 4]]), (8, 4))
    array([[0., 1., 8., 4.]])
    """
    width, height = size
    return np.asarray(np.clip(boxes, 0, np.array([width, height, width, height], np.float64)))


def mask_background(shape: tuple[int, ...], boxes: Iterable[Floats], *, margin: float, scale: float = 1.0) -> Mask:
    """Return which pixels lie outside of all boxes, bool `[h, w]`.

    Args:
        shape: Height and width.
        boxes: Boxes `[4]` in pixels; NaN means absent.
        margin: Share of a box's sides by which it is enlarged at each side.
        scale: Factor from the pixels of the boxes to those of the mask.

    >>> mask_background((2, 4), [np.array([0.0, 0, 2, 2])], margin=0)
    array([[False, False,  True,  True],
           [False, False,  True,  True]])
    """
    mask = np.ones(shape, bool)
    for box in boxes:
        if not np.isnan(box[0]):
            sides = margin * (box[2:] - box[:2])
            low, high = (box[:2] - sides) * scale, (box[2:] + sides) * scale
            x0, y0 = np.maximum(np.floor(low), 0).astype(int)
            x1, y1 = np.maximum(np.ceil(high), 0).astype(int)
            mask[y0:y1, x0:x1] = False
    return mask


def nms(boxes: Floats, scores: Floats, groups: NDArray[np.int64], *, iou: float) -> NDArray[np.int64]:
    """Greedy non-maximum suppression within groups (classes).

    Args:
        boxes: `[N, 4]`.
        scores: `[N]`.
        groups: `[N]`; boxes of different groups never suppress each other.
        iou: Overlap above which the box of lower score goes.

    Returns:
        Indices of the boxes kept, best score first.

    >>> box = np.array([[0.0, 0, 2, 2], [0, 0, 2, 2.1], [9, 9, 10, 10]])
    >>> nms(box, np.array([0.5, 0.9, 0.1]), np.zeros(3, np.int64), iou=0.6)
    array([1, 2])
    """
    order = np.argsort(-scores, kind="stable")
    overlaps = iou_matrix(boxes[order], boxes[order]) > iou
    overlaps &= groups[order][:, None] == groups[order][None]
    alive = np.ones(len(order), bool)
    for i in range(len(order)):
        if alive[i]:
            alive[i + 1 :] &= ~overlaps[i, i + 1 :]
    return np.asarray(order[alive])
