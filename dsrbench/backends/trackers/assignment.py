"""`assignment`: the one path through a video's detections that best explains each entity.

Frame-by-frame matching decides too early: a weak false detection at the start, or a second animal, carries the identity
away. With one identity an entity the best choice over the whole clip is a shortest path, found exactly by dynamic
programming: each chosen detection earns its score minus `entry`, each step from one to the next costs the more the
faster it is, and an entity may be absent for a while. Weak detections that touch the path's loose ends then extend it.
Other paths that are nearly as good are drawn at random, to measure how certain the score is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import AssociationTracker
from dsrbench.backends.trackers.draws import draw_tracks, move_lost_ends
from dsrbench.backends.trackers.fill import fill_gaps
from dsrbench.backends.trackers.paths import (
    Candidates,
    Path,
    StepPrice,
    best_path,
    drop_weak_ends,
    extend_path,
    path_boxes,
)
from dsrbench.backends.trackers.tracklets import make_tracklets
from dsrbench.errors import OptionError
from dsrbench.types import PUBLISHED_FRAMES, Detections, Floats, FrameCounts, Prompt, TrackDraws, VideoTracks

MAX_CANDIDATES = 12
"""Maximum number of detections of an entity in a frame that are looked at."""

MEMORY_SHARE = 10 / PUBLISHED_FRAMES

_WEAK = 0.3
"""Share of the best scores of a video that is worth taking where all are weak, down to half of `entry`."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Search:
    """The best path of an entity, with what it was found by.

    Attributes:
        frames: Candidates of each frame.
        entry: Score that a detection must exceed.
        path: The path.
    """

    frames: list[Candidates]
    entry: float
    path: Path


@dataclasses.dataclass(kw_only=True, eq=False)
class Assignment(AssociationTracker):
    """One identity per entity, chosen over the whole clip; interior gaps filled and marked.

    Args:
        entry: Score a detection must exceed to be worth taking by itself, in 0..1; less where all are weak.
        jump: Price of a fast step as long as the box's own size.
        speed: Speed in box sizes a frame at which a step costs half of that.
        memory: Frames over which a step may reach; by default 10 of 81, scaled to the clip.
        extend: Overlap (IoU) with the path's end from which a weak detection extends it; 1 turns this off.
        ends: Share of a path's median score that the detections at its ends need, in 0..1.
        gap: Longest interior gap filled; by default `FrameCounts.for_frames(T).gap`.
        samples: Number of paths drawn, from which the certainty is measured; 0 turns this off.
        temperature: Reward by which a path must be better than another to be e times as probable.

    Raises:
        OptionError: A negative or endless price, a share outside 0..1, or frames below zero.
    """

    entry: float = 0.12
    jump: float = 1.25
    speed: float = 0.2
    memory: int | None = None
    extend: float = 0.35
    ends: float = 0.1
    gap: int | None = None
    samples: int = 64
    temperature: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.jump < np.inf or not 0 <= self.entry <= 1 or not 0 < self.extend <= 1:
            raise OptionError(
                "expected jump >= 0, entry in 0..1, extend above 0 and at most 1; "
                f"got {self.jump}, {self.entry}, {self.extend}"
            )
        if not 0 < self.speed < np.inf or not 0 <= self.ends <= 1 or not 0 < self.temperature < np.inf:
            raise OptionError(
                "expected speed and temperature above 0, ends in 0..1; "
                f"got {self.speed}, {self.temperature}, {self.ends}"
            )
        if (self.memory is not None and self.memory < 1) or (self.gap is not None and self.gap < 0) or self.samples < 0:
            raise OptionError(
                "expected memory >= 1 and gap >= 0 frames, samples >= 0; "
                f"got {self.memory}, {self.gap} and {self.samples}"
            )

    def associate(
        self, detections: Sequence[Detections], *, prompt: Prompt, size: tuple[int, int], fps: float
    ) -> VideoTracks:
        """Make tracks from detections whose label 0 is the subject and label 1 the object.

        The object comes first: of the subject only the frames count in which the object is there, too, as no others
        are scored. A motion has no object.
        """
        gap = FrameCounts.for_frames(len(detections)).gap if self.gap is None else self.gap
        weights = np.array(_weigh([frame.looked for frame in detections]))
        place = self._search(detections, weights, label=1)
        object_, object_state = fill_gaps(path_boxes(place.path, place.frames), gap=gap)
        scorable = ~np.isnan(object_[:, 0])
        mover = self._search(detections, np.where(scorable, weights, 0.0) if scorable.any() else weights, label=0)
        subject, subject_state = fill_gaps(path_boxes(mover.path, mover.frames), gap=gap)
        draws = None
        if self.samples and prompt.object:
            draws = self._draw(mover, place, (~np.isnan(subject[:, 0]), scorable), size, gap)
        elif self.samples:
            draws = self._draw_alone(mover, size, gap)
        return VideoTracks(subject, object_, size, fps, subject_state, object_state, draws=draws)

    def _search(self, detections: Sequence[Detections], weights: Floats, *, label: int) -> _Search:
        frames = [_candidates(frame, float(weight), label) for frame, weight in zip(detections, weights, strict=True)]
        best = [frame.scores[0] if len(frame.scores) else 0.0 for frame in frames if frame.weight > 0]
        usual = float(np.quantile(best, 0.9)) if best else 0.0
        entry = min(self.entry, max(_WEAK * usual, self.entry / 2)) if usual > self.entry else self.entry
        path = best_path(frames, entry=entry, price=self._price, memory=self._memory(len(frames)))
        if self.extend < 1:
            path = extend_path(path, frames, overlap=self.extend)
        return _Search(frames, entry, drop_weak_ends(path, frames, share=self.ends))

    @property
    def _price(self) -> StepPrice:
        return StepPrice(self.jump, self.speed)

    def _memory(self, n_frames: int) -> int:
        return self.memory or max(1, round(MEMORY_SHARE * n_frames))

    def _draw(
        self,
        mover: _Search,
        place: _Search,
        seen: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        size: tuple[int, int],
        gap: int,
    ) -> TrackDraws | None:
        """Draw tracks of both entities; None where one has no detections."""
        rng = np.random.default_rng(0)
        drawn = []
        for search, other, moves in ((mover, seen[1], True), (place, seen[0], False)):
            boxes = self._draw_entity(search, other, size, gap, moves=moves, rng=rng)
            if boxes is None:
                return None
            drawn.append(boxes)
        return TrackDraws(drawn[0], drawn[1])

    def _draw_alone(self, mover: _Search, size: tuple[int, int], gap: int) -> TrackDraws | None:
        """Draw tracks of a subject without an object; None where it has no detections."""
        everywhere = np.ones(len(mover.frames), bool)
        boxes = self._draw_entity(mover, everywhere, size, gap, moves=True, rng=np.random.default_rng(0))
        return None if boxes is None else TrackDraws(boxes, np.full_like(boxes, np.nan))

    def _draw_entity(
        self,
        search: _Search,
        other: NDArray[np.bool_],
        size: tuple[int, int],
        gap: int,
        *,
        moves: bool,
        rng: np.random.Generator,
    ) -> NDArray[np.float32] | None:
        """Draw tracks of one entity, float32 `[N, T, 4]`; None where it has no detections.

        Args:
            search: Its best path.
            other: Frames in which the other entity is seen, bool `[T]`.
            size: Width and height of the frames.
            gap: Longest interior gap filled.
            moves: Whether the entity is the one that moves.
            rng: Random numbers.
        """
        tracklets = make_tracklets(search.path, search.frames, entry=search.entry, ends=self.ends, gap=gap)
        if tracklets is None:
            return None
        n_frames = len(search.frames)
        boxes = draw_tracks(
            tracklets,
            price=self._price,
            memory=self._memory(n_frames),
            temperature=self.temperature,
            n=self.samples,
            rng=rng,
        )
        window = FrameCounts.for_frames(n_frames).window
        move_lost_ends(boxes, other, size=size, moves=moves, window=window, rng=rng)
        return boxes.astype(np.float32)


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
