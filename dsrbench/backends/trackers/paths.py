"""The path of one entity through the detections of a clip: its price, the best one, and what is done at its ends.

A path is an array int `[T]`: the index of the chosen detection of each frame, -1 for none.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsrbench.geometry import areas, iou_matrix
from dsrbench.types import Floats

Path = NDArray[np.int64]

PATIENCE = 3
"""Frames without a detection after which a path is not extended any further."""

RETURN_DISTANCE = 4 / 3
"""Box sizes that coming back anywhere costs after an absence that is longer than the memory."""

MAX_PLAUSIBLE_STEP = 1.5
"""Longest step of one entity in box sizes, times the root of the frames it takes."""

_TREND = 8
"""Chosen frames from which the speed at a path's end is taken."""


@dataclasses.dataclass(frozen=True, eq=False)
class Candidates:
    """One entity's detections in one frame, best first: boxes `[N, 4]`, scores `[N]`.

    The weight is the number of frames this one stands for; 0 where it was not looked at.
    """

    boxes: Floats
    scores: Floats
    weight: float = 1.0


@dataclasses.dataclass(frozen=True)
class StepPrice:
    """The price of a step from one box to another.

    A step of x box sizes over n frames costs `jump * x * v / (v + speed)` with v = x / n: little below `speed`, and
    `jump` times the distance far above it, however many frames are stepped over.

    Attributes:
        jump: Price of a fast step as long as the box's own size.
        speed: Speed in box sizes a frame at which half of it is paid.
    """

    jump: float
    speed: float

    def __call__(self, a: Floats, b: Floats, n_frames: ArrayLike) -> Floats:
        """Price of the steps from boxes `a` `[N, 4]` to boxes `b` `[M, 4]`, `n_frames` after them (`[N, 1]` or one).

        >>> boxes = np.array([[0.0, 0, 10, 10], [10, 0, 20, 10]])
        >>> StepPrice(jump=2.0, speed=1.0)(boxes[:1], boxes, 1)
        array([[0., 1.]])
        """
        distance = box_distances(a, b)
        velocity = distance / np.asarray(n_frames, np.float64)
        return np.asarray(self.jump * distance * velocity / (velocity + self.speed))


def box_distances(a: Floats, b: Floats) -> Floats:
    """Measure how far boxes `a` `[N, 4]` are from boxes `b` `[M, 4]`: shift and change of shape, in box sizes.

    The distance between the centres over the root of the mean area, plus half the absolute log ratios of widths and of
    heights.

    >>> box_distances(np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 10, 10], [5, 0, 15, 10]]))
    array([[0. , 0.5]])
    """
    size_a, size_b = (np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3) for boxes in (a, b))
    centre_a, centre_b = (boxes[:, :2] + boxes[:, 2:] for boxes in (a, b))
    shift = np.sqrt((((centre_a[:, None] - centre_b[None]) / 2) ** 2).sum(-1))
    scale = np.sqrt(np.maximum((areas(a)[:, None] + areas(b)[None]) / 2, 1e-6))
    shape = np.abs(np.log(size_a)[:, None] - np.log(size_b)[None]).sum(-1)
    return np.asarray(shift / scale + shape / 2)


def best_path(frames: Sequence[Candidates], *, entry: float, price: StepPrice, memory: int) -> Path:
    """Choose at most one detection a frame, with the largest reward.

    Args:
        frames: Candidates of each frame.
        entry: Subtracted from every chosen score; what is left counts as often as the frame's weight says.
        price: Price of a step.
        memory: Frames a step may reach back; after a longer absence any may follow, as if `RETURN_DISTANCE` away.
    """
    total: list[Floats] = []
    came_from: list[list[tuple[int, int] | None]] = []
    long_ago: tuple[float, tuple[int, int] | None] = (0.0, None)
    comeback = price.jump * RETURN_DISTANCE
    for t, now in enumerate(frames):
        value = np.zeros(len(now.scores))
        source: list[tuple[int, int] | None] = [None] * len(value)
        if long_ago[1] is not None and long_ago[0] - comeback > 0:
            value[:] = long_ago[0] - comeback
            source = [long_ago[1]] * len(value)
        recent = [u for u in range(max(0, t - memory), t) if len(total[u])]
        if recent and len(value):
            where = [(u, i) for u in recent for i in range(len(total[u]))]
            away = np.array([[t - u] for u, _ in where])
            steps = price(np.concatenate([frames[u].boxes for u in recent]), now.boxes, away)
            reached = np.concatenate([total[u] for u in recent])[:, None] - steps
            best = reached.argmax(axis=0)
            for j in np.flatnonzero(reached[best, np.arange(len(value))] > value):
                value[j], source[j] = reached[best[j], j], where[best[j]]
        total.append(value + now.weight * (now.scores - entry))
        came_from.append(source)
        if t >= memory and len(total[t - memory]) and total[t - memory].max() > long_ago[0]:
            i = int(total[t - memory].argmax())
            long_ago = (float(total[t - memory][i]), (t - memory, i))
    path = np.full(len(frames), -1)
    ends = [(float(values.max()), t) for t, values in enumerate(total) if len(values)]
    highest, last = max(ends, default=(0.0, -1))
    at = (last, int(total[last].argmax())) if highest > 0 else None
    while at is not None:
        path[at[0]] = at[1]
        at = came_from[at[0]][at[1]]
    return path


def path_boxes(path: Path, frames: Sequence[Candidates]) -> Floats:
    """Return the boxes of a path `[T, 4]`, NaN where there is none."""
    boxes = np.full((len(path), 4), np.nan)
    for t in np.flatnonzero(path >= 0).tolist():
        boxes[t] = frames[t].boxes[path[t]]
    return boxes


def path_scores(path: Path, frames: Sequence[Candidates]) -> Floats:
    """Return the scores of a path `[T]`, NaN where there is none."""
    scores = np.full(len(path), np.nan)
    for t in np.flatnonzero(path >= 0).tolist():
        scores[t] = frames[t].scores[path[t]]
    return scores


def extend_path(
    path: Path, frames: Sequence[Candidates], *, overlap: float, taken: Sequence[NDArray[np.bool_]] | None = None
) -> Path:
    """Lengthen a path into frames it left out, by detections that overlap its end or its end moved on.

    The end moves on with the mean speed of the last chosen frames. The path ends where `PATIENCE` frames have no such
    detection.

    Args:
        path: The path.
        frames: Candidates of each frame.
        overlap: Lowest IoU with the last box, or with the last box moved on.
        taken: Candidates of each frame that are not to be used.

    Returns:
        The longer path.
    """
    path, boxes = path.copy(), path_boxes(path, frames)
    for step in (-1, 1):
        for start in np.flatnonzero(path >= 0)[::-step]:
            last, t, misses = int(start), int(start) + step, 0
            while 0 <= t < len(path) and misses <= PATIENCE and path[t] < 0:
                free = None if taken is None else ~taken[t]
                chosen = _overlapping(_expected_boxes(boxes, last, t), frames[t].boxes, overlap, free)
                if chosen >= 0:
                    path[t], boxes[t] = chosen, frames[t].boxes[chosen]
                    last, misses = t, 0
                else:
                    misses += frames[t].weight > 0
                t += step
    return path


def _expected_boxes(boxes: Floats, last: int, t: int) -> list[Floats]:
    """Return the box of frame `last` as it is and, from three boxes on, moved on to frame `t`."""
    inward = -1 if t > last else 1
    trail = [u for u in range(last, last + inward * (_TREND + 1), inward) if 0 <= u < len(boxes)]
    trail = [u for u in trail if not np.isnan(boxes[u, 0])]
    if len(trail) < 3:
        return [boxes[last]]
    centres = (boxes[trail, :2] + boxes[trail, 2:]) / 2
    speed = np.median((centres[:-1] - centres[1:]) / np.abs(np.diff(trail))[:, None], axis=0)
    return [boxes[last], boxes[last] + np.tile(speed, 2) * abs(t - last)]


def _overlapping(expected: list[Floats], boxes: Floats, overlap: float, free: NDArray[np.bool_] | None) -> int:
    """Return the box with the largest overlap with an expected one, of at least `overlap`; -1 if there is none."""
    if not len(boxes):
        return -1
    overlaps = iou_matrix(np.stack(expected), boxes).max(axis=0)
    if free is not None:
        overlaps = np.where(free, overlaps, 0.0)
    best = int(overlaps.argmax())
    return best if overlaps[best] >= overlap else -1


def drop_weak_ends(path: Path, frames: Sequence[Candidates], *, share: float) -> Path:
    """Drop detections at either end of a path until one has at least `share` of the path's median score.

    The score of a video rests on its ends, which must be as well founded as the rest.
    """
    path, scores = path.copy(), path_scores(path, frames)
    if not (path >= 0).any():
        return path
    strong = np.flatnonzero(scores >= share * np.nanmedian(scores))
    path[: strong[0]] = path[strong[-1] + 1 :] = -1
    return path


def cut_path(path: Path, frames: Sequence[Candidates], *, step: float, gap: int | None = None) -> list[Path]:
    """Cut a path where it takes long steps or is absent for long.

    Args:
        path: The path.
        frames: Candidates of each frame.
        step: Longest step in box sizes, times the root of the frames it takes.
        gap: Longest absence in frames; None for any.

    Returns:
        The parts, as paths; none of an empty path.
    """
    seen = np.flatnonzero(path >= 0).tolist()
    if not seen:
        return []
    cuts = []
    for a, b in itertools.pairwise(seen):
        distance = box_distances(frames[a].boxes[path[a]][None], frames[b].boxes[path[b]][None])[0, 0]
        if (gap is not None and b - a > gap + 1) or distance > step * np.sqrt(b - a):
            cuts.append(b)
    parts = []
    for first, last in itertools.pairwise([0, *cuts, len(path)]):
        part = np.full(len(path), -1)
        part[first:last] = path[first:last]
        parts.append(part)
    return parts


def keep_plausible(path: Path, frames: Sequence[Candidates], *, ends: float) -> Path:
    """Keep the part of a path that one entity can have taken: between jumps, and between weak ends.

    The path is cut at steps longer than `MAX_PLAUSIBLE_STEP`; the part with the largest sum of scores is kept, without
    its weak ends.
    """
    parts = cut_path(path, frames, step=MAX_PLAUSIBLE_STEP)
    if not parts:
        return path
    heaviest = max(parts, key=lambda part: float(np.nansum(path_scores(part, frames))))
    return drop_weak_ends(heaviest, frames, share=ends)
