"""`ultralytics-botsort`: BoT-SORT (arXiv 2206.14651) as ultralytics has it, without its appearance model; AGPL-3.0."""

from __future__ import annotations

from typing import Any

from dsrbench.backends.trackers.ultralytics_trackers import UltralyticsTracker


class UltralyticsBotSort(UltralyticsTracker):
    """Ultralytics' BoT-SORT (AGPL-3.0); the camera's motion is not estimated, as association sees no frames.

    Args:
        activation: Lowest score that begins a track, in 0..1.
        high: Score from which detections are matched first; lower ones go to the tracks left over.
        overlap: Lowest IoU of a detection with a track's predicted box.
        lost: Seconds a track waits for its next detection.
        gap: Longest interior gap filled; by default `FrameCounts.for_frames(T).gap`.

    Raises:
        MissingExtraError: ultralytics or lap is not installed.
        OptionError: An option out of range.
    """

    name = "ultralytics-botsort"

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

    def make_tracker(self, settings: Any) -> Any:
        """A fresh tracker."""
        return self._trackers.BOTSORT(settings)
