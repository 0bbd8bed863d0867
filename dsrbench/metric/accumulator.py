"""`DSRScore`: the metric as a class that gathers videos, in the manner of torchmetrics, without torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from dsrbench.errors import BoxError, InputError
from dsrbench.metric.dsr import score_tracks
from dsrbench.types import (
    HEADLINE_THRESHOLD,
    THRESHOLDS,
    Floats,
    FrameCounts,
    Prompt,
    Relation,
    Status,
    VideoScore,
    VideoTracks,
)


class FrameDetections(Protocol):
    """One entity's detections in one frame: `dsrbench.Detections`, `supervision.Detections`, or alike."""

    @property
    def xyxy(self) -> Any:
        """Boxes `[N, 4]`."""
        ...


class DSRScore:
    """Gather videos, then ask for Accuracy@t, coverage and the mean score; only counts and a sum are kept.

    Args:
        threshold: DSR-Score from which a video counts as correct, in [0, 1].
        counts: Frame counts in force; by default `FrameCounts.for_frames` of each video.

    Raises:
        InputError: A threshold outside [0, 1].

    >>> metric = DSRScore()
    >>> cat = np.linspace([0.0, 40, 20, 60], [80.0, 40, 100, 60], 81)
    >>> chair = np.tile([40.0, 40, 60, 60], (81, 1))
    >>> metric.update(cat, chair, "LR").dsr_score
    1.0
    >>> metric.update(cat, chair, "RL").dsr_score
    0.0
    >>> metric.compute()["accuracy"]
    0.5
    """

    def __init__(self, *, threshold: float = HEADLINE_THRESHOLD, counts: FrameCounts | None = None) -> None:
        if not 0 <= threshold <= 1:
            raise InputError(f"threshold must lie in 0..1, got {threshold}")
        self.threshold = threshold
        self.counts = counts
        self.reset()

    def reset(self) -> None:
        """Forget all videos."""
        self._n_samples = 0
        self._n_scored = 0
        self._score_sum = 0.0
        self._n_passed = dict.fromkeys((self.threshold, *THRESHOLDS), 0)

    def update(
        self,
        subject: Any | Sequence[FrameDetections],
        object: Any | Sequence[FrameDetections],
        prompt: Prompt | str | Sequence[Relation],
    ) -> VideoScore:
        """Add one video.

        Args:
            subject: The subject's boxes `[T, 4]` in pixels (numpy, torch, lists; a row of NaN means absent), or a
                sequence of T `supervision.Detections` / `dsrbench.Detections`, in which a frame with other than
                exactly one box counts as absent.
            object: The object's boxes, likewise.
            prompt: The prompt of the video: a `Prompt`, its text, or relation codes such as `"LR"`.

        Returns:
            The video's score.

        Raises:
            BoxError: Wrong shapes, NaN inside a box, negative sizes, unequal lengths.
            PromptError: Unknown relation codes, or a text without relations.
        """
        tracks = VideoTracks(as_boxes(subject, "subject"), as_boxes(object, "object"))
        score = score_tracks(tracks, prompt, counts=self.counts)
        self.add(score)
        return score

    def add(self, score: VideoScore) -> None:
        """Add a video that was scored elsewhere; invalid and failed ones count against the accuracy."""
        self._n_samples += 1
        if score.status is Status.SCORED:
            self._n_scored += 1
            self._score_sum += score.dsr_score
            for threshold in self._n_passed:
                self._n_passed[threshold] += score.passes(threshold)

    def merge(self, other: DSRScore) -> None:
        """Add all videos of another metric, for instance of another process.

        Raises:
            InputError: The other one was made with another threshold or other counts.
        """
        if (self.threshold, self.counts) != (other.threshold, other.counts):
            raise InputError(
                f"cannot merge metrics of unlike settings: {(self.threshold, self.counts)} and "
                f"{(other.threshold, other.counts)}"
            )
        self._n_samples += other._n_samples
        self._n_scored += other._n_scored
        self._score_sum += other._score_sum
        for threshold in self._n_passed:
            self._n_passed[threshold] += other._n_passed[threshold]

    def compute(self) -> dict[str, float]:
        """Return the figures over all videos so far.

        Returns:
            `n_samples`, `coverage` (share with a score), `accuracy` (share of all videos at or above the threshold),
            `mean_score` (scored ones only), `mean_score_low` / `_high` (others as 0 / as 1), `accuracy@0.0` to
            `accuracy@0.9`; NaN where there is nothing to average.
        """
        n, n_scored, total = self._n_samples, self._n_scored, self._score_sum

        def share(part: float, whole: int) -> float:
            return part / whole if whole else math.nan

        return {
            "n_samples": n,
            "coverage": share(n_scored, n),
            "accuracy": share(self._n_passed[self.threshold], n),
            "mean_score": share(total, n_scored),
            "mean_score_low": share(total, n),
            "mean_score_high": share(total + n - n_scored, n),
            **{f"accuracy@{t}": share(self._n_passed[t], n) for t in THRESHOLDS},
        }


def as_boxes(boxes: Any, name: str) -> Floats:
    """Return one entity's boxes `[T, 4]` from an array, a tensor, or a sequence of T frames' detections.

    Raises:
        BoxError: Not one of these.
    """
    if hasattr(boxes, "detach"):  # a torch tensor, on whatever device and of whatever type
        return np.asarray(boxes.detach().cpu().double().numpy())
    if hasattr(boxes, "xyxy"):
        raise BoxError(f"{name}: expected one detections object a frame, got a single {type(boxes).__name__}")
    if isinstance(boxes, Sequence) and len(boxes) and all(hasattr(frame, "xyxy") for frame in boxes):
        single = [as_boxes(frame.xyxy, name) if len(frame.xyxy) == 1 else np.full((1, 4), np.nan) for frame in boxes]
        odd = next((box.shape for box in single if box.shape != (1, 4)), None)
        if odd is not None:
            raise BoxError(f"{name}: expected detections with boxes of shape [N, 4] in every frame, got {list(odd)}")
        return np.concatenate(single)
    try:
        return np.asarray(boxes, np.float64)
    except (TypeError, ValueError):
        raise BoxError(f"{name}: expected boxes [T, 4] or one detections object a frame, got {type(boxes)}") from None
