"""Detect, track, score: what happens to one video, each stage found again by the content of all it depends on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dsrbench.backends.base import (
    AssociationTracker,
    BoxDepthEstimator,
    DepthEstimator,
    Detector,
    PropagationTracker,
)
from dsrbench.backends.registry import Backend
from dsrbench.errors import BackendError, DSRBenchError, InputError
from dsrbench.evaluation.frames import Video, open_video
from dsrbench.metric import find_anchor_frame, measure_certainty, score_tracks
from dsrbench.records import to_json
from dsrbench.store import Sample
from dsrbench.types import Clause, Detections, FrameCounts, Prompt, Status, VideoScore, VideoTracks
from dsrbench.video import LOST_FRAMES, VideoInfo


@dataclasses.dataclass(frozen=True)
class Scorer:
    """The backends in force, and the work they do on one video.

    Attributes:
        detector: Finds boxes.
        tracker: Joins them.
        counts: Frame counts for all videos; None scales the published ones to each video's length.
        stride: Look at every so many frames only, but at all near either end; what lies between is filled by the
            tracker, so that a short clip is looked at more closely. Not for propagating trackers.
        protocol: Name of the preset these scorer are.
        second: Finds boxes as well; what it sees otherwise makes decisions less certain and changes no score.
        depth: Estimates depth for prompts with "in front of" or "behind"; None for none, which leaves them invalid.
    """

    detector: Backend[Detector]
    tracker: Backend[AssociationTracker | PropagationTracker]
    counts: FrameCounts | None = None
    stride: int = 1
    protocol: str = "default"
    second: Backend[Detector] | None = None
    depth: Backend[DepthEstimator | BoxDepthEstimator] | None = None

    def __post_init__(self) -> None:
        if not self.propagates and not isinstance(self.tracker.instance, AssociationTracker):
            raise BackendError(f"tracker {self.tracker.name!r} neither associates detections nor propagates boxes")
        for detector in (self.detector, self.second):
            if detector is not None and self.stride > 1 and detector.instance.needs_all_frames:
                raise BackendError(
                    f"detector {detector.name!r} needs all frames: a stride of {self.stride} will not do"
                )
        if self.stride < 1 or (self.stride > 1 and self.propagates):
            raise BackendError(
                f"a stride of {self.stride} is not for tracker {self.tracker.name!r}, which needs all frames"
            )

    def depth_of(self, prompt: Prompt) -> Backend[DepthEstimator | BoxDepthEstimator] | None:
        """Return the depth estimator where the prompt needs one; else None."""
        return self.depth if prompt.needs_depth else None

    @property
    def of_second(self) -> Scorer | None:
        """The same scorer with the second detector alone; None where there is no second."""
        return dataclasses.replace(self, detector=self.second, second=None) if self.second is not None else None

    @property
    def propagates(self) -> bool:
        """Whether the tracker propagates boxes from an anchor frame, which takes long."""
        return isinstance(self.tracker.instance, PropagationTracker)

    def parts(self, prompt: Prompt) -> tuple[Scorer, ...]:
        """Return a scorer of each detector alone, the first before the second.

        A second detector that does not know the prompt's nouns says nothing of its videos and is left out.
        """
        second = self.of_second
        if second is None:
            return (self,)
        first = dataclasses.replace(self, second=None)
        try:
            second.check_prompt(prompt)
        except BackendError:
            return (first,)
        return first, second

    def check_prompt(self, prompt: Prompt) -> dict[str, str]:
        """Ask the detector whether it knows the prompt's nouns, before any video is read.

        Returns:
            Nouns it reads as something else, with what.

        Raises:
            BackendError: It does not know one.
        """
        try:
            return dict(self.detector.instance.check_labels(prompt.nouns) or {})
        except InputError as error:
            raise BackendError(f"{self.detector.name}: {error}") from error

    def detect(self, video: Video, name: str, prompt: Prompt) -> list[Detections]:
        """Detect in every frame of a video that the stride leaves.

        Raises:
            VideoError: The video cannot be read.
            BackendError: The detector cannot be used on it, or does not give one `Detections` a frame.
        """
        self.detector.instance.start_video(name)
        labels = list(prompt.nouns)
        detections: list[Detections] = []
        source = open_video(video)
        n_frames = source.count() if self.stride > 1 else 0
        for frames in source.chunks(as_tensors=self.detector.instance.takes_tensors):
            looked_at = np.array([self._looks_at(len(detections) + t, n_frames) for t in range(len(frames))])
            chosen = frames if looked_at.all() else frames[looked_at]
            of_chunk = list(self.detector.instance.detect(chosen, labels)) if len(chosen) else []
            if len(of_chunk) != len(chosen):
                raise BackendError(
                    f"detector {self.detector.name!r} must give one Detections a frame; got {len(of_chunk)} for "
                    f"{len(chosen)} frames"
                )
            rest = iter(of_chunk)
            detections += [next(rest) if examined else Detections.left_out() for examined in looked_at]
        return detections

    def _looks_at(self, t: int, n_frames: int) -> bool:
        if self.stride == 1:
            return True
        counts = FrameCounts.for_frames(n_frames)
        step = min(self.stride, counts.gap + 1)  # no wider than what trackers fill
        return t % step == 0 or t < counts.window or t >= n_frames - LOST_FRAMES - counts.window

    def track(
        self, detections: list[Detections], prompt: Prompt, info: VideoInfo, sha256: str, video: Video
    ) -> VideoTracks:
        """Tracks of a video from its detections, associated or propagated from the anchor frame.

        A claim without an anchor frame has no boxes, and the provenance of its tracks says `"anchor": None`. The tracks
        of a prompt's further claims are in `further`.

        Raises:
            BackendError: The tracker gives more or fewer frames than the video has.
        """
        facts = {
            "video_sha256": sha256,
            "detector": to_json(self.detector.record()),
            "tracker": to_json(self.tracker.record()),
            "nouns": self.check_prompt(prompt),
        }
        first, *further = (
            self._track_claim(_select(detections, prompt, clause), prompt.alone(clause), info, video, facts)
            for clause in prompt.clauses
        )
        return dataclasses.replace(first, further=tuple(further))

    def _track_claim(
        self, detections: list[Detections], prompt: Prompt, info: VideoInfo, video: Video, facts: Mapping[str, Any]
    ) -> VideoTracks:
        """Tracks of a prompt of one claim; label 0 is its subject and 1 its object."""
        tracker = self.tracker.instance
        anchor: dict[str, Any] = {}
        if isinstance(tracker, AssociationTracker):
            tracks = tracker.associate(detections, prompt=prompt, size=(info.width, info.height), fps=info.fps)
        else:
            anchor = {"anchor": self._find_anchor(detections, prompt)}
            tracks = _propagate(tracker, anchor["anchor"], detections, info, video, with_object=bool(prompt.object))
        if len(tracks) != len(detections):
            raise BackendError(
                f"tracker {self.tracker.name!r} must give a box a frame; got {len(tracks)} for {len(detections)} frames"
            )
        masks = tracks.masks if prompt.needs_depth and self.depth is not None else None
        return dataclasses.replace(tracks, masks=masks, provenance={**facts, **anchor})

    def _find_anchor(self, detections: Sequence[Detections], prompt: Prompt) -> int | None:
        names = [frame.names(prompt.nouns) for frame in detections]
        return find_anchor_frame(names, subject=prompt.subject, object=prompt.object, counts=self.counts)


def score_video(tracks: VideoTracks, prompt: Prompt, counts: FrameCounts | None) -> VideoScore:
    """Return the score of a video's tracks, with its certainty."""
    if any(part.provenance.get("anchor", 0) is None for part in (tracks, *tracks.further)):
        return VideoScore.invalid("no anchor frame: too few frames show exactly one subject and one object")
    score = score_tracks(tracks, prompt, counts=counts)
    if score.status is Status.SCORED:
        score = dataclasses.replace(score, certainty=measure_certainty(tracks, prompt, counts=counts))
    return score


def score_sample(sample: Sample, tracks: VideoTracks, counts: FrameCounts | None) -> Sample:
    """Return a sample with the score of its tracks; which backends made them does not matter any more."""
    return dataclasses.replace(
        sample,
        score=score_video(tracks, sample.prompt, counts),
        n_frames=len(tracks),
        fps=tracks.fps,
        width=tracks.size[0],
        height=tracks.size[1],
        n_filled=tracks.n_filled,
    )


def _select(detections: list[Detections], prompt: Prompt, clause: Clause) -> list[Detections]:
    """Return the detections of a claim's nouns, with label 0 for its subject and 1 for its object.

    Detections without a label stay, those of other nouns are left out.
    """
    if not prompt.further:
        return detections
    label_of = np.full(len(prompt.nouns) + 1, -2)
    label_of[-1] = -1
    for label, noun in enumerate(clause.nouns):
        label_of[prompt.nouns.index(noun)] = label
    selected = []
    for frame in detections:
        labels = label_of[frame.label]
        chosen = labels >= -1
        selected.append(Detections(frame.xyxy[chosen], frame.score[chosen], labels[chosen], frame.looked))
    return selected


def _propagate(
    tracker: PropagationTracker,
    anchor: int | None,
    detections: Sequence[Detections],
    info: VideoInfo,
    video: Video,
    *,
    with_object: bool,
) -> VideoTracks:
    """Propagate boxes from an anchor frame; a subject without an object is followed twice, once for nothing."""
    nothing = np.full((len(detections), 4), np.nan)
    if anchor is None:
        return VideoTracks(nothing, nothing.copy(), (info.width, info.height), info.fps)
    boxes_at_anchor = detections[anchor]
    boxes = {int(label): box for label, box in zip(boxes_at_anchor.label, boxes_at_anchor.xyxy, strict=True)}
    object_box = boxes[1] if with_object else boxes[0]
    tracks = tracker.propagate(open_video(video).clip(), anchor=anchor, subject_box=boxes[0], object_box=object_box)
    return tracks if with_object else dataclasses.replace(tracks, object=nothing, object_state=None)


def explain_failure(error: Exception) -> str:
    """Return the reason a sample failed: the message of an expected error, or type and message of a crash."""
    if isinstance(error, DSRBenchError):
        return str(error)
    return f"crashed: {type(error).__name__}: {error}"
