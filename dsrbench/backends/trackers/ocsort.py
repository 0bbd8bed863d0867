"""`ocsort`: OC-SORT (arXiv 2203.14360), one tracker an entity, one identity kept."""

from __future__ import annotations

from typing import Any

from dsrbench.backends.trackers.roboflow import RoboflowTracker


class OcSort(RoboflowTracker):
    """OC-SORT, which bridges misses from where a track was last seen; weak detections count for nothing.

    Args:
        activation: Lowest score that counts, in 0..1.
        overlap: Lowest IoU of a detection with a track's predicted box.
        lost: Seconds a track waits for its next detection.
        gap: Longest interior gap filled; by default `FrameCounts.for_frames(T).gap`.

    Raises:
        MissingExtraError: trackers is not installed.
        OptionError: An option out of range.
    """

    name = "ocsort"

    def __init__(
        self,
        *,
        activation: float = 0.2,
        overlap: float = 0.1,
        lost: float = 1.0,
        gap: int | None = None,
    ) -> None:
        super().__init__(activation=activation, high=activation, overlap=overlap, lost=lost, gap=gap)

    def make_tracker(self, timing: dict[str, Any]) -> Any:
        """A tracker that names a track from its second detection on."""
        return self._trackers.OCSORTTracker(
            high_conf_det_threshold=self.activation,
            minimum_iou_threshold=self.overlap,
            minimum_consecutive_frames=1,
            **timing,
        )
