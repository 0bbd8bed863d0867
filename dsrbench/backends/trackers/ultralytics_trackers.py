"""`ultralytics-bytetrack` and `ultralytics-botsort`: the trackers of ultralytics (AGPL-3.0).

Their own defaults weigh overlaps with scores, by which an object of a low score that appears after the first frame is
never confirmed; here they do not. What is kept are the detections themselves, not the filter's smoothed boxes.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from dsrbench.backends.pretrained.ultralytics_import import import_ultralytics
from dsrbench.backends.trackers.strongest import StrongestTrack, Tracked
from dsrbench.errors import MissingExtraError
from dsrbench.requirements import installed_versions
from dsrbench.types import Detections, Floats

_BOXES_ALONE = {"gmc_method": "none", "with_reid": False, "proximity_thresh": 0.5, "appearance_thresh": 0.8}
"""BoT-SORT without what it reads from frames."""


class UltralyticsTracker(StrongestTrack):
    """Base of the trackers of this package; takes the options of `StrongestTrack`.

    Attributes:
        tracker_class: Name of the class in `ultralytics.trackers`.

    Raises:
        MissingExtraError: ultralytics or lap is not installed.
        BackendError: ultralytics was imported before, with its network use on.
        OptionError: An option out of range.
    """

    extra = "yolo"
    tracker_class: ClassVar[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        import_ultralytics(f"tracker {self.name!r}")
        try:
            import lap  # noqa: F401 (ultralytics would install it)
        except ImportError:
            raise MissingExtraError(f"tracker {self.name!r}", "lap", "yolo") from None
        from ultralytics import trackers

        self._tracker_class: Any = getattr(trackers, self.tracker_class)
        self.fingerprint = installed_versions(("ultralytics", "lap"))

    def follow(self, detections: Sequence[Detections], *, fps: float) -> list[Tracked]:
        """Give the detections of one entity their identities."""
        settings = types.SimpleNamespace(
            track_high_thresh=self.high,
            track_low_thresh=0.0,
            new_track_thresh=self.activation,
            track_buffer=max(1, round(self.lost * fps)),
            match_thresh=1 - self.overlap,
            fuse_score=False,
            **_BOXES_ALONE,
        )
        tracker = self._tracker_class(settings)
        tracked = []
        for frame in detections:
            rows = np.asarray(tracker.update(_Boxes(frame.xyxy, frame.score)), np.float64).reshape(-1, 8)
            ids = np.full(len(frame), -1)
            ids[rows[:, 7].astype(int)] = rows[:, 4].astype(int)
            tracked.append(Tracked(frame.xyxy, frame.score, ids))
        return tracked


class UltralyticsByteTrack(UltralyticsTracker):
    """Ultralytics' ByteTrack (AGPL-3.0) on each entity's detections; the track of the largest sum of scores is kept.

    See arXiv 2110.06864. Its options are those of `StrongestTrack`.
    """

    name = "ultralytics-bytetrack"
    tracker_class = "BYTETracker"


class UltralyticsBotSort(UltralyticsTracker):
    """Ultralytics' BoT-SORT (AGPL-3.0); the camera's motion is not estimated, as association sees no frames.

    See arXiv 2206.14651; its appearance model is not used. Its options are those of `StrongestTrack`.
    """

    name = "ultralytics-botsort"
    tracker_class = "BOTSORT"


@dataclasses.dataclass(frozen=True, eq=False)
class _Boxes:
    """Detections under the names these trackers read: boxes `[N, 4]`, scores `[N]`, one class."""

    xyxy: Floats
    conf: Floats

    @property
    def cls(self) -> Floats:
        return np.zeros(len(self.conf))

    @property
    def xywh(self) -> Floats:
        corner, end = self.xyxy[:, :2], self.xyxy[:, 2:]
        return np.concatenate([(corner + end) / 2, end - corner], axis=1)

    def __len__(self) -> int:
        return len(self.conf)

    def __getitem__(self, chosen: Any) -> _Boxes:
        return _Boxes(self.xyxy[chosen], self.conf[chosen])
