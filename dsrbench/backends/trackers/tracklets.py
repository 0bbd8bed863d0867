"""Tracklets: the parts of the detections of one entity that certainly belong together, whatever they show."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.trackers.fill import fill_gaps
from dsrbench.backends.trackers.paths import (
    Candidates,
    Path,
    cut_path,
    drop_weak_ends,
    extend_path,
    path_boxes,
    path_scores,
)
from dsrbench.geometry import iou_matrix
from dsrbench.types import Floats

MAX_TRACKLETS = 12
"""Maximum number of tracklets of an entity."""

MAX_STEP = 0.5
"""Longest step within a tracklet in box sizes, times the root of the frames it takes."""

_SAME = 0.5
"""IoU from which two detections of a frame are the same thing."""

_LINK = 0.4
"""Lowest IoU of a detection with the end of the tracklet it is linked to."""

_MIN_SEED = 0.12
"""Minimum score of the strongest detection of a tracklet."""


@dataclasses.dataclass(frozen=True, eq=False)
class Tracklets:
    """The tracklets of one entity.

    Attributes:
        boxes: Their boxes `[K, T, 4]`, short holes filled; NaN elsewhere.
        gains: The reward of each frame, `[K, T]`; 0 where there is no detection.
        start: Their first frames, `[K]`.
        end: Their last frames, `[K]`.
    """

    boxes: Floats
    gains: Floats
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.boxes)


def make_tracklets(
    path: Path, frames: Sequence[Candidates], *, entry: float, ends: float, gap: int
) -> Tracklets | None:
    """Cut a path where it takes long steps, and link the detections that it left out.

    Args:
        path: The best path.
        frames: Candidates of each frame.
        entry: Subtracted from every score; what is left, if anything, is the frame's reward.
        ends: Share of a tracklet's median score that its ends need.
        gap: Longest hole that is filled.

    Returns:
        The parts of the path and the best other tracklets, at most `MAX_TRACKLETS` in all unless the path has more
        parts; None without detections.
    """
    parts = cut_path(path, frames, step=MAX_STEP, gap=gap)
    taken = [_same_thing(frame, index) for frame, index in zip(frames, path, strict=True)]
    others = []
    for other in link_detections(frames, taken, ends=ends):
        gain = sum(max(score - entry, 0.0) for score in path_scores(other, frames)[other >= 0])
        if gain > 0:
            others.append((gain, other))
    others.sort(key=lambda pair: -pair[0])
    chosen = [*parts, *(other for _, other in others[: max(0, MAX_TRACKLETS - len(parts))])]
    if not chosen:
        return None
    weights = np.array([frame.weight for frame in frames])
    scores = np.stack([path_scores(part, frames) for part in chosen])
    seen = ~np.isnan(scores)
    boxes = np.stack([fill_gaps(path_boxes(part, frames), gap=gap)[0] for part in chosen])
    gains = np.where(seen, np.maximum(np.nan_to_num(scores) - entry, 0.0) * weights, 0.0)
    return Tracklets(boxes, gains, seen.argmax(1), seen.shape[1] - 1 - seen[:, ::-1].argmax(1))


def link_detections(frames: Sequence[Candidates], taken: Sequence[NDArray[np.bool_]], *, ends: float) -> list[Path]:
    """Link detections that overlap from frame to frame, beginning with the strongest.

    Args:
        frames: Candidates of each frame.
        taken: Candidates of each frame that are used already; those linked here are added, in place.
        ends: Share of a tracklet's median score that its ends need.

    Returns:
        At most twice `MAX_TRACKLETS` tracklets, as paths.
    """
    seeds = sorted(
        (-float(score), t, i)
        for t, frame in enumerate(frames)
        if frame.weight > 0
        for i, score in enumerate(frame.scores)
        if score >= _MIN_SEED
    )
    tracklets: list[Path] = []
    for _, t, i in seeds:
        if taken[t][i]:
            continue
        seed = np.full(len(frames), -1)
        seed[t] = i
        linked = extend_path(seed, frames, overlap=_LINK, taken=taken)
        for u in np.flatnonzero(linked >= 0).tolist():
            taken[u][:] |= _same_thing(frames[u], int(linked[u]))
        tracklets.append(drop_weak_ends(linked, frames, share=ends))
        if len(tracklets) == 2 * MAX_TRACKLETS:
            break
    return tracklets


def _same_thing(frame: Candidates, index: int) -> NDArray[np.bool_]:
    """Tell which detections of a frame are that of the index, or overlap it."""
    if index < 0:
        return np.zeros(len(frame.scores), bool)
    same = iou_matrix(frame.boxes[index][None], frame.boxes)[0] >= _SAME
    same[index] = True
    return np.asarray(same)
