"""`assignment`: the one path through a video's detections that best explains each entity.

Frame-by-frame matching decides too early: a weak false detection at the start, or a second animal, carries the identity
away. With one identity an entity the best choice over the whole clip is a shortest path, found exactly by dynamic
programming: each chosen detection earns its score minus `entry`, each step from one to the next costs `jump` times how
far the box moved and changed, and an entity may be absent for a while. Weak detections that touch the path's loose ends
then extend it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from dsrbench.backends.base import AssociationTracker
from dsrbench.backends.trackers.fill import fill_gaps
from dsrbench.errors import OptionError
from dsrbench.geometry import areas, iou_matrix
from dsrbench.types import PUBLISHED_FRAMES, Detections, Floats, FrameCounts, Prompt, VideoTracks

MAX_CANDIDATES = 12
MEMORY_SHARE = 10 / PUBLISHED_FRAMES
FARTHEST = 2.0


@dataclasses.dataclass(frozen=True, eq=False)
class Candidates:
    """One entity's detections in one frame, best first: boxes `[N, 4]`, scores `[N]`.

    The weight is the number of frames this one stands for; 0 where it was not looked at.
    """

    boxes: Floats
    scores: Floats
    weight: float = 1.0


@dataclasses.dataclass(kw_only=True, eq=False)
class Assignment(AssociationTracker):
    """One identity per entity, chosen over the whole clip; interior gaps filled and marked.

    Args:
        entry: Score a detection must exceed to be worth taking by itself, in 0..1.
        jump: Price of a step as long as the box's own size (the price of being absent for long, too).
        memory: Frames over which a step may reach; by default 10 of 81, scaled to the clip.
        extend: Overlap (IoU) with the path's end from which a weak detection extends it; 1 turns this off.
        gap: Longest interior gap filled; by default `FrameCounts.for_frames(T).gap`.

    Raises:
        OptionError: A negative or endless price, or frames below zero.
    """

    entry: float = 0.12
    jump: float = 1.5
    memory: int | None = None
    extend: float = 0.4
    gap: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.jump < np.inf or not 0 <= self.entry <= 1 or not 0 < self.extend <= 1:
            raise OptionError(
                "expected jump >= 0, entry in 0..1, extend above 0 and at most 1; "
                f"got {self.jump}, {self.entry}, {self.extend}"
            )
        if (self.memory is not None and self.memory < 1) or (self.gap is not None and self.gap < 0):
            raise OptionError(f"expected memory >= 1 and gap >= 0 frames; got {self.memory} and {self.gap}")

    def associate(
        self, detections: Sequence[Detections], *, prompt: Prompt, size: tuple[int, int], fps: float
    ) -> VideoTracks:
        """Tracks from detections whose label 0 is the subject and label 1 the object."""
        n_frames = len(detections)
        memory = self.memory or max(1, round(MEMORY_SHARE * n_frames))
        gap = FrameCounts.for_frames(n_frames).gap if self.gap is None else self.gap
        weights = _weigh([one.looked for one in detections])
        tracks = []
        for label in (0, 1):
            frames = [_candidates(*frame, label) for frame in zip(detections, weights, strict=True)]
            boxes = best_path(frames, entry=self.entry, jump=self.jump, memory=memory)
            if self.extend < 1:
                boxes = extend_path(boxes, frames, overlap=self.extend)
            tracks.append(fill_gaps(boxes, gap=gap))
        (subject, subject_state), (object_, object_state) = tracks
        return VideoTracks(subject, object_, size, fps, subject_state, object_state)


def _weigh(examined: Sequence[bool]) -> list[float]:
    """Count the frames that each examined frame stands for: itself, and half of the others around it.

    >>> _weigh([True, True, False, False, False, True])
    [1.0, 2.5, 0.0, 0.0, 0.0, 2.5]
    """
    weights, seen = np.zeros(len(examined)), np.flatnonzero(examined)
    if len(seen):
        steps = np.diff(seen, prepend=seen[0] - 1, append=seen[-1] + 1)
        weights[seen] = (steps[:-1] + steps[1:]) / 2
    return [float(weight) for weight in weights]


def _candidates(detections: Detections, weight: float, label: int) -> Candidates:
    mine = np.flatnonzero(detections.label == label)
    best = mine[np.argsort(-detections.score[mine], kind="stable")][:MAX_CANDIDATES]
    return Candidates(detections.xyxy[best], detections.score[best], weight)


def step_costs(a: Floats, b: Floats) -> Floats:
    """Measure how far boxes `a` `[N, 4]` are from boxes `b` `[M, 4]`: shift and change of shape, in units of size.

    The distance between the centres over the root of the mean area, plus half the absolute log ratios of widths and of
    heights; at most `FARTHEST`.

    >>> step_costs(np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 10, 10], [5, 0, 15, 10], [500, 0, 510, 10]]))
    array([[0. , 0.5, 2. ]])
    """
    size_a, size_b = (np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3) for boxes in (a, b))
    centre_a, centre_b = (boxes[:, :2] + boxes[:, 2:] for boxes in (a, b))
    shift = np.sqrt((((centre_a[:, None] - centre_b[None]) / 2) ** 2).sum(-1))
    scale = np.sqrt(np.maximum((areas(a)[:, None] + areas(b)[None]) / 2, 1e-6))
    shape = np.abs(np.log(size_a)[:, None] - np.log(size_b)[None]).sum(-1)
    return np.asarray(np.minimum(shift / scale + shape / 2, FARTHEST))


def best_path(frames: Sequence[Candidates], *, entry: float, jump: float, memory: int) -> Floats:
    """Choose at most one detection a frame, with the largest reward.

    Args:
        frames: Candidates of each frame.
        entry: Subtracted from every chosen score; what is left counts as often as the frame's weight says.
        jump: Price of a unit of `step_costs`, divided by the root of the number of frames stepped over.
        memory: Frames a step may reach back; after a longer absence any detection may follow, at the price `jump`.

    Returns:
        The chosen boxes `[T, 4]`, NaN where there is none.
    """
    total: list[Floats] = []
    came_from: list[list[tuple[int, int] | None]] = []
    long_ago: tuple[float, tuple[int, int] | None] = (0.0, None)
    for t, now in enumerate(frames):
        value = np.zeros(len(now.scores))
        source: list[tuple[int, int] | None] = [None] * len(value)
        if long_ago[1] is not None and long_ago[0] - jump > 0:
            value[:] = long_ago[0] - jump
            source = [long_ago[1]] * len(value)
        recent = [u for u in range(max(0, t - memory), t) if len(total[u])]
        if recent and len(value):
            steps = step_costs(np.concatenate([frames[u].boxes for u in recent]), now.boxes)
            where = [(u, i) for u in recent for i in range(len(total[u]))]
            away = np.sqrt(np.array([t - u for u, _ in where], np.float64))
            reached = np.concatenate([total[u] for u in recent])[:, None] - jump * steps / away[:, None]
            best = reached.argmax(axis=0)
            for j in np.flatnonzero(reached[best, np.arange(len(value))] > value):
                value[j], source[j] = reached[best[j], j], where[best[j]]
        total.append(value + now.weight * (now.scores - entry))
        came_from.append(source)
        if t >= memory and len(total[t - memory]) and total[t - memory].max() > long_ago[0]:
            i = int(total[t - memory].argmax())
            long_ago = (float(total[t - memory][i]), (t - memory, i))
    path = np.full((len(frames), 4), np.nan)
    ends = [(float(values.max()), t) for t, values in enumerate(total) if len(values)]
    highest, last = max(ends, default=(0.0, -1))
    at = (last, int(total[last].argmax())) if highest > 0 else None
    while at is not None:
        path[at[0]] = frames[at[0]].boxes[at[1]]
        at = came_from[at[0]][at[1]]
    return path


def extend_path(path: Floats, frames: Sequence[Candidates], *, overlap: float) -> Floats:
    """Lengthen a path into frames it left out, by weak detections that overlap its next box; one miss is forgiven.

    Args:
        path: Boxes `[T, 4]`, NaN where there is none.
        frames: Candidates of each frame.
        overlap: Lowest IoU with the last box.

    Returns:
        The longer path `[T, 4]`.
    """
    path = path.copy()
    seen = np.flatnonzero(~np.isnan(path[:, 0]))
    for step, starts in ((-1, seen), (1, seen[::-1])):
        for start in starts:
            last, misses, t = path[start], 0, start + step
            while 0 <= t < len(path) and misses <= 1 and np.isnan(path[t, 0]):
                overlaps = iou_matrix(last[None], frames[t].boxes)[0]
                if len(overlaps) and overlaps.max() >= overlap:
                    last = path[t] = frames[t].boxes[overlaps.argmax()]
                    misses = 0
                else:
                    misses += frames[t].weight > 0
                t += step
    return path
