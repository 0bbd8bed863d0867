"""One entity, one track: what the trackers of many objects have in common when two entities are followed.

Each entity's detections go through a tracker of their own, so that no identity passes from one to the other; of the
identities it gives out, the one with the largest sum of scores is kept, without what no single entity can have done: a
jump, or an end much weaker than the rest.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import AssociationTracker
from dsrbench.backends.trackers.fill import fill_gaps
from dsrbench.backends.trackers.paths import Candidates, Path, keep_plausible, path_boxes
from dsrbench.errors import OptionError
from dsrbench.geometry import iou_matrix
from dsrbench.types import Detections, Floats, FrameCounts, Prompt, VideoTracks

USUAL_FPS = 16.0
"""Frames a second where the video does not say: the rate of the paper's clips."""

_SPAWN_REACH = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Tracked:
    """One entity's detections of one frame with the identities they were given, -1 for none."""

    boxes: Floats
    scores: Floats
    ids: NDArray[np.int64]


@dataclasses.dataclass(kw_only=True, eq=False)
class StrongestTrack(AssociationTracker):
    """Base of association trackers made of a tracker of many objects.

    Args:
        activation: Lowest score that begins a track, in 0..1.
        high: Score from which detections are matched first, in 0..1; lower ones go to the tracks left over.
        overlap: Lowest IoU of a detection with a track's predicted box, in 0..1.
        lost: Seconds a track waits for its next detection.
        ends: Share of a track's median score that the detections at its ends need, in 0..1.
        gap: Longest interior gap filled; by default `FrameCounts.for_frames(T).gap`.

    Attributes:
        name: Registered name, for messages.

    Raises:
        OptionError: An option out of range.
    """

    name: ClassVar[str]

    activation: float = 0.2
    high: float = 0.2
    overlap: float = 0.1
    lost: float = 1.0
    ends: float = 0.2
    gap: int | None = None

    def __post_init__(self) -> None:
        shares = (self.activation, self.high, self.overlap, self.ends)
        if not all(0 <= share <= 1 for share in shares):
            values = ", ".join(map(str, shares))
            raise OptionError(f"activation, high, overlap and ends must lie in 0..1; got {values}")
        if not 0 <= self.lost < 3600 or (self.gap is not None and self.gap < 0):
            raise OptionError(f"expected lost >= 0 seconds and gap >= 0 frames; got {self.lost} and {self.gap}")

    @abc.abstractmethod
    def follow(self, detections: Sequence[Detections], *, fps: float) -> list[Tracked]:
        """Give the detections of one entity their identities, frame by frame, with a tracker made for this."""

    def associate(
        self, detections: Sequence[Detections], *, prompt: Prompt, size: tuple[int, int], fps: float
    ) -> VideoTracks:
        """Make tracks from detections whose label 0 is the subject and label 1 the object."""
        n_frames = len(detections)
        gap = FrameCounts.for_frames(n_frames).gap if self.gap is None else self.gap
        times = [t for t, frame in enumerate(detections) if frame.looked]
        rate = (fps if fps > 0 else USUAL_FPS) * (len(times) / n_frames if times else 1)
        tracks = []
        for label in (0, 1):
            frames = self.follow([_of_label(detections[t], label) for t in times], fps=rate)
            boxes = np.full((n_frames, 4), np.nan)
            path = strongest_track(frames, activation=self.activation, overlap=self.overlap)
            candidates = [Candidates(frame.boxes, frame.scores) for frame in frames]
            boxes[times] = path_boxes(keep_plausible(path, candidates, ends=self.ends), candidates)
            tracks.append(fill_gaps(boxes, gap=gap))
        (subject, subject_state), (object_, object_state) = tracks
        return VideoTracks(subject, object_, size, fps, subject_state, object_state)


def _of_label(frame: Detections, label: int) -> Detections:
    mine = frame.label == label
    return Detections(frame.xyxy[mine], frame.score[mine], frame.label[mine])


def strongest_track(frames: Sequence[Tracked], *, activation: float, overlap: float) -> Path:
    """Return the detections of the identity with the largest sum of scores.

    The tracker names a track from its second detection on; the first, one or two frames earlier, is added here. An
    entity without a named track is given its best single detection, if that could have begun one.

    Args:
        frames: Every frame's detections with their identities.
        activation: Lowest score of a detection that begins a track.
        overlap: Lowest IoU of the first detection with the second.

    Returns:
        The index of its detection in each frame `[T]`, -1 where the track has none.
    """
    path = np.full(len(frames), -1)
    sums: dict[int, float] = {}
    for frame in frames:
        for identity, score in zip(frame.ids.tolist(), frame.scores.tolist(), strict=True):
            if identity >= 0:
                sums[identity] = sums.get(identity, 0.0) + score
    if not sums:
        single = [(frame.scores.max(), -t) for t, frame in enumerate(frames) if len(frame.scores)]
        score, t = max(single, default=(-1.0, 0))
        if score >= activation:
            path[-t] = frames[-t].scores.argmax()
        return path
    best = max(sums, key=lambda identity: sums[identity])
    for t, frame in enumerate(frames):
        chosen = np.flatnonzero(frame.ids == best)
        if len(chosen):
            path[t] = chosen[0]
    start = int(np.argmax(path >= 0))
    first = frames[start].boxes[path[start]]
    for t in range(start - 1, max(start - 1 - _SPAWN_REACH, -1), -1):
        unnamed = np.flatnonzero((frames[t].ids < 0) & (frames[t].scores >= activation))
        overlaps = iou_matrix(first[None], frames[t].boxes[unnamed])[0]
        if len(overlaps) and overlaps.max() >= overlap:
            path[t] = unnamed[overlaps.argmax()]
            break
    return path
