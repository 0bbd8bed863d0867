"""What a backend of each kind must offer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dsrbench.types import Clip, Detections, Floats, NoClip, Prompt, VideoTracks


@runtime_checkable
class Generator(Protocol):
    """Makes videos from prompts.

    May also offer `batch` (videos it makes at once), `independent` (True where a clip does not change with what else is
    asked for, so that of a block only what lacks is asked for), `notes` (lines the user should see before any video is
    made), `check_prompt(prompt)`, called before, `footprint()`, what it will take, and `placement()`, its device and
    its precision, for the record.
    """

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> Iterator[Clip | NoClip]:
        """Yield one clip per (prompt, seed) pair, in order; may batch inside."""
        ...


@runtime_checkable
class Detector(Protocol):
    """Finds labelled boxes in frames.

    May also offer `check_labels(labels)`, called before any video is read; `start_video(name)`; and the attribute
    `needs_all_frames`, true where it counts frames and can skip none; and `placement()`, its device and its precision,
    for the record.
    """

    def detect(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Detect `labels` in RGB frames uint8 `[T, H, W, 3]` of one video; one `Detections` per frame."""
        ...


@runtime_checkable
class AssociationTracker(Protocol):
    """Joins detections of single frames into one track per entity."""

    def associate(
        self, detections: Sequence[Detections], *, prompt: Prompt, size: tuple[int, int], fps: float
    ) -> VideoTracks:
        """Tracks from detections whose label 0 is the subject and label 1 the object; `size` is (width, height)."""
        ...


@runtime_checkable
class PropagationTracker(Protocol):
    """Follows two boxes from one anchor frame through the whole video."""

    def propagate(self, clip: Clip, *, anchor: int, subject_box: Floats, object_box: Floats) -> VideoTracks:
        """Tracks of every frame, forward and backward from frame `anchor`."""
        ...
