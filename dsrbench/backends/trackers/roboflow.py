"""`bytetrack`, `botsort`, `ocsort` and `sort`: trackers of roboflow's package `trackers` (Apache-2.0).

Their own defaults are for detectors that score real objects above 0.7; open-vocabulary scores on generated videos are
0.1 to 0.5, so the thresholds here are lower.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from dsrbench.backends.trackers.strongest import StrongestTrack, Tracked
from dsrbench.errors import MissingExtraError
from dsrbench.requirements import installed_versions
from dsrbench.types import Detections

_BUFFER_FPS = 30.0


class RoboflowTracker(StrongestTrack):
    """Base of the trackers of this package; takes the options of `StrongestTrack`.

    Raises:
        MissingExtraError: trackers is not installed.
        OptionError: An option out of range.
    """

    extra = "trackers"

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            import supervision
            import trackers
        except ImportError:
            raise MissingExtraError(f"tracker {self.name!r}", "trackers", "trackers") from None
        self._supervision: Any = supervision
        self._trackers: Any = trackers
        self.fingerprint = installed_versions(("trackers", "supervision"))

    @abc.abstractmethod
    def make_tracker(self, timing: dict[str, Any]) -> Any:
        """Make a fresh tracker, which names a track from its second detection on.

        Args:
            timing: Its arguments about frame rate and patience.
        """

    def follow(self, detections: Sequence[Detections], *, fps: float) -> list[Tracked]:
        """Give the detections of one entity their identities."""
        tracker = self.make_tracker({"lost_track_buffer": round(self.lost * _BUFFER_FPS), "frame_rate": fps})
        tracked = []
        for frame in detections:
            out = tracker.update(self._supervision.Detections(xyxy=frame.xyxy, confidence=frame.score))
            scores = np.empty(0) if out.confidence is None else np.asarray(out.confidence, np.float64)
            boxes = np.asarray(out.xyxy, np.float64).reshape(-1, 4)
            tracked.append(Tracked(boxes, scores, np.asarray(out.tracker_id, np.int64)))
        return tracked


class ByteTrack(RoboflowTracker):
    """ByteTrack on each entity's detections; of its tracks the one of the largest sum of scores is kept.

    See arXiv 2110.06864. Its options are those of `StrongestTrack`.
    """

    name = "bytetrack"

    def make_tracker(self, timing: dict[str, Any]) -> Any:
        """Make a fresh tracker."""
        return self._trackers.ByteTrackTracker(
            track_activation_threshold=self.activation,
            high_conf_det_threshold=self.high,
            minimum_iou_threshold=self.overlap,
            minimum_consecutive_frames=1,
            **timing,
        )


class BotSort(RoboflowTracker):
    """BoT-SORT's motion model and matching; the camera's motion is not estimated, as association sees no frames.

    See arXiv 2206.14651. Its options are those of `StrongestTrack`.
    """

    name = "botsort"

    def make_tracker(self, timing: dict[str, Any]) -> Any:
        """Make a fresh tracker."""
        return self._trackers.BoTSORTTracker(
            track_activation_threshold=self.activation,
            high_conf_det_threshold=self.high,
            minimum_iou_threshold_first_assoc=self.overlap,
            minimum_iou_threshold_second_assoc=self.overlap,
            minimum_iou_threshold_unconfirmed_assoc=self.overlap,
            minimum_consecutive_frames=1,
            enable_cmc=False,
            **timing,
        )


@dataclasses.dataclass(kw_only=True, eq=False)
class OcSort(RoboflowTracker):
    """OC-SORT, which bridges misses from where a track was last seen; weak detections count for nothing.

    See arXiv 2203.14360. Its options are those of `StrongestTrack` without `high`: scores below `activation` do not
    count.
    """

    name = "ocsort"
    high: float = dataclasses.field(init=False, default=0.0)

    def make_tracker(self, timing: dict[str, Any]) -> Any:
        """Make a fresh tracker."""
        return self._trackers.OCSORTTracker(
            high_conf_det_threshold=self.activation,
            minimum_iou_threshold=self.overlap,
            minimum_consecutive_frames=1,
            **timing,
        )


@dataclasses.dataclass(kw_only=True, eq=False)
class Sort(RoboflowTracker):
    """SORT: a Kalman filter and overlaps, nothing else; the yardstick for the others.

    See arXiv 1602.00763. Its options are those of `StrongestTrack` without `high`.
    """

    name = "sort"
    high: float = dataclasses.field(init=False, default=0.0)

    def make_tracker(self, timing: dict[str, Any]) -> Any:
        """Make a fresh tracker."""
        return self._trackers.SORTTracker(
            track_activation_threshold=self.activation,
            minimum_iou_threshold=self.overlap,
            minimum_consecutive_frames=1,
            **timing,
        )
