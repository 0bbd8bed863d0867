"""Trackers of roboflow's package `trackers` (Apache-2.0), which `bytetrack`, `botsort`, `ocsort` and `sort` run.

Their own defaults are for detectors that score real objects above 0.7; open-vocabulary scores on generated videos are
0.1 to 0.5, so the thresholds here are lower.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np

from dsrbench.backends.trackers.strongest import StrongestTrack, Tracked, package_versions
from dsrbench.errors import MissingExtraError
from dsrbench.types import Detections

_BUFFER_FPS = 30.0


class RoboflowTracker(StrongestTrack):
    """Base of the trackers of this package; takes the options of `StrongestTrack`.

    Raises:
        MissingExtraError: trackers is not installed.
        OptionError: An option out of range.
    """

    extra = "trackers"

    def __init__(self, *, activation: float, high: float, overlap: float, lost: float, gap: int | None) -> None:
        super().__init__(activation=activation, high=high, overlap=overlap, lost=lost, gap=gap)
        try:
            import supervision
            import trackers
        except ImportError:
            raise MissingExtraError(f"tracker {self.name!r}", "trackers", "trackers") from None
        self._supervision: Any = supervision
        self._trackers: Any = trackers
        self.fingerprint = package_versions("trackers", "supervision")

    @abc.abstractmethod
    def make_tracker(self, timing: dict[str, Any]) -> Any:
        """A fresh tracker; `timing` holds its arguments about frame rate and patience."""

    def follow(self, detections: Sequence[Detections], *, fps: float) -> list[Tracked]:
        """Give the detections of one entity their identities."""
        tracker = self.make_tracker({"lost_track_buffer": round(self.lost * _BUFFER_FPS), "frame_rate": fps})
        frames = []
        for found in detections:
            out = tracker.update(self._supervision.Detections(xyxy=found.xyxy, confidence=found.score))
            scores = np.empty(0) if out.confidence is None else np.asarray(out.confidence, np.float64)
            boxes = np.asarray(out.xyxy, np.float64).reshape(-1, 4)
            frames.append(Tracked(boxes, scores, np.asarray(out.tracker_id, np.int64)))
        return frames
