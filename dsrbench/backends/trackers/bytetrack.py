"""`bytetrack`: ByteTrack (arXiv 2110.06864), one tracker an entity, one identity kept."""

from __future__ import annotations

from typing import Any

from dsrbench.backends.trackers.roboflow import RoboflowTracker


class ByteTrack(RoboflowTracker):
    """ByteTrack on each entity's detections; of its tracks the one of the largest sum of scores is kept.

    Args:
        activation: Lowest score that begins a track, in 0..1.
        high: Score from which detections are matched first; lower ones go to the tracks left over.
        overlap: Lowest IoU of a detection with a track's predicted box.
        lost: Seconds a track waits for its next detection.
        gap: Longest interior gap filled; by default `FrameCounts.for_frames(T).gap`.

    Raises:
        MissingExtraError: trackers is not installed.
        OptionError: An option out of range.
    """

    name = "bytetrack"

    def __init__(
        self,
        *,
        activation: float = 0.2,
        high: float = 0.2,
        overlap: float = 0.1,
        lost: float = 1.0,
        gap: int | None = None,
    ) -> None:
        super().__init__(activation=activation, high=high, overlap=overlap, lost=lost, gap=gap)

    def make_tracker(self, timing: dict[str, Any]) -> Any:
        """A tracker that names a track from its second detection on."""
        return self._trackers.ByteTrackTracker(
            track_activation_threshold=self.activation,
            high_conf_det_threshold=self.high,
            minimum_iou_threshold=self.overlap,
            minimum_consecutive_frames=1,
            **timing,
        )
