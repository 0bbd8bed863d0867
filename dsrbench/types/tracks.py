"""The values of a video: its frames, detections and tracks."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.boxes import Floats, check_boxes
from dsrbench.errors import BoxError, InputError


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """A decoded video.

    Attributes:
        frames: RGB, uint8 `[T, H, W, 3]`.
        fps: Frames a second.
        text: The prompt text that was used, where known.
        metadata: Anything else worth keeping with the file.
    """

    frames: NDArray[np.uint8]
    fps: float
    text: str = ""
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.frames.dtype != np.uint8 or self.frames.ndim != 4 or self.frames.shape[-1] != 3:
            raise InputError(f"clip frames must be uint8 [T, H, W, 3], got {self.frames.dtype} {self.frames.shape}")


@dataclasses.dataclass(frozen=True)
class NoClip:
    """The answer of a generator in place of a clip that it could not make; its other clips go on.

    Attributes:
        reason: Why, in one line.
    """

    reason: str


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """The detections in one frame.

    Attributes:
        xyxy: Boxes in pixels, float64 `[N, 4]`, half-open (x1 is the last pixel + 1).
        score: Confidence in 0..1, float64 `[N]`.
        label: Index into the labels that were asked for, int64 `[N]`; -1 for a box that has none of them.
        looked: Whether the frame was looked at; False where a stride left it out, which says nothing of what is there.
    """

    xyxy: Floats
    score: Floats
    label: NDArray[np.int64]
    looked: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "xyxy", np.asarray(self.xyxy, np.float64).reshape(-1, 4))
        object.__setattr__(self, "score", np.asarray(self.score, np.float64).reshape(-1))
        object.__setattr__(self, "label", np.asarray(self.label, np.int64).reshape(-1))
        if not len(self.xyxy) == len(self.score) == len(self.label):
            raise BoxError(
                f"expected as many scores and labels as boxes, got {len(self.xyxy)} boxes, "
                f"{len(self.score)} scores, {len(self.label)} labels"
            )

    def __len__(self) -> int:
        return len(self.score)

    def names(self, labels: Sequence[str]) -> list[str]:
        """Return the label of each box as text, empty for a box that has none of those asked for.

        >>> Detections([[0, 0, 1, 1], [2, 0, 3, 1]], [0.5, 0.4], [1, -1]).names(["cat", "chair"])
        ['chair', '']
        """
        return [labels[index] if index >= 0 else "" for index in self.label.tolist()]

    @classmethod
    def none(cls) -> Detections:
        """Return a frame without detections."""
        return cls(np.empty((0, 4)), np.empty(0), np.empty(0, np.int64))

    @classmethod
    def left_out(cls) -> Detections:
        """Return a frame that was not looked at."""
        return dataclasses.replace(cls.none(), looked=False)


class FrameState(enum.IntEnum):
    """The origin of an entity's box in a frame."""

    ABSENT = 0
    DETECTED = 1
    PROPAGATED = 2
    FILLED = 3


DEPTH_COLUMNS = 5
"""Depth statistics of a frame: median of subject and object, spread of subject and object, error of the difference."""


@dataclasses.dataclass(frozen=True, eq=False)
class TrackDraws:
    """Tracks of both entities drawn at random, each in proportion to how probable the tracker finds it.

    Attributes:
        subject: Boxes of the subject in pixels, float32 `[N, T, 4]`; a row of NaN means absent.
        object: Boxes of the object, likewise; draw i of both belongs together.
        depth: Depth statistics of each draw, as in `VideoTracks`, float32 `[N, T, 5]`; None without a depth estimator.
    """

    subject: NDArray[np.float32]
    object: NDArray[np.float32]
    depth: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        for name in ("subject", "object"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float32))
        if self.subject.ndim != 3 or self.subject.shape != self.object.shape or self.subject.shape[-1] != 4:
            raise BoxError(
                f"drawn tracks must be [N, T, 4] of both entities, got {self.subject.shape} and {self.object.shape}"
            )
        if self.depth is not None:
            object.__setattr__(self, "depth", np.asarray(self.depth, np.float32))
            if self.depth.shape != (*self.subject.shape[:2], DEPTH_COLUMNS):
                raise BoxError(f"depth of drawn tracks must be [N, T, {DEPTH_COLUMNS}], got {self.depth.shape}")

    def __len__(self) -> int:
        return len(self.subject)


@dataclasses.dataclass(frozen=True, eq=False)
class VideoTracks:
    """One box an entity and frame: what every tracker makes and the metric reads.

    Attributes:
        subject: Boxes of the subject in pixels, float64 `[T, 4]`; a row of NaN means absent.
        object: Boxes of the object, likewise; all absent where the prompt names no object.
        size: Frame width and height in pixels.
        fps: Frames a second; 0 where unknown.
        subject_state: `FrameState` a frame, uint8 `[T]`; by default detected where there is a box.
        object_state: The same for the object.
        mask_area: Pixels in each entity's mask, float64 `[T, 2]`, from trackers that have masks.
        masks: Masks of subject and object as bits, uint8 `[T, 2, ceil(H * W / 8)]`, each `numpy.packbits` of its rows;
            for the measurement of depth, and not kept after it. None without.
        draws: Other tracks that the tracker finds probable, from which the certainty is measured; None without. With a
            second detector, the draws of the first are followed by those of the second.
        depth: Depth statistics, float64 `[T, 5]`, in units of an estimator that gives larger values to what is nearer:
            median over subject and over object, spread of subject and of object, and standard error of the difference
            of the medians. NaN in frames without depth; None without a depth estimator.
        camera: Homography from each frame to the first one, in pixels, float64 `[T, 3, 3]`, from the background; NaN
            from the frame on at which the background was lost. None where it was not measured.
        further: Tracks of the prompt's further claims, in their order; usually empty.
        provenance: Origin of the tracks: video sha256, detector, tracker, versions, options.
    """

    subject: Floats
    object: Floats
    size: tuple[int, int] = (0, 0)
    fps: float = 0.0
    subject_state: NDArray[np.uint8] | None = None
    object_state: NDArray[np.uint8] | None = None
    mask_area: Floats | None = None
    masks: NDArray[np.uint8] | None = None
    draws: TrackDraws | None = None
    depth: Floats | None = None
    camera: Floats | None = None
    further: tuple[VideoTracks, ...] = ()
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("subject", "object"):
            boxes = check_boxes(getattr(self, name), name)
            object.__setattr__(self, name, boxes)
            state = getattr(self, f"{name}_state")
            if state is None:
                state = np.where(np.isnan(boxes[:, 0]), FrameState.ABSENT, FrameState.DETECTED)
            state = np.asarray(state, np.uint8)
            if state.shape != boxes.shape[:1]:
                raise BoxError(f"{name} states must be [{len(boxes)}], one a frame, got {list(state.shape)}")
            object.__setattr__(self, f"{name}_state", state)
        if len(self.subject) != len(self.object):
            raise BoxError(f"subject has {len(self.subject)} frames, object has {len(self.object)}; they must be equal")
        self._check_measurements()

    def _check_measurements(self) -> None:
        """Check the shapes of all that was measured beside the boxes."""
        for name, shape in (("mask_area", (2,)), ("depth", (DEPTH_COLUMNS,)), ("camera", (3, 3))):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, np.asarray(value, np.float64))
                if np.shape(value) != (len(self), *shape):
                    raise BoxError(
                        f"{name.replace('_', ' ')} must be {[len(self), *shape]}, got {list(np.shape(value))}"
                    )
        width, height = self.size
        packed = len(self), 2, -(-width * height // 8)
        if self.masks is not None and (self.masks.dtype != np.uint8 or self.masks.shape != packed):
            raise BoxError(f"masks must be uint8 {list(packed)}, got {self.masks.dtype} {list(self.masks.shape)}")
        if self.draws is not None and self.draws.subject.shape[1] != len(self):
            raise BoxError(f"drawn tracks have {self.draws.subject.shape[1]} frames, the video {len(self)}")
        if any(len(tracks) != len(self) for tracks in self.further):
            raise BoxError(f"tracks of further claims must have {len(self)} frames, as those of the first")

    def __len__(self) -> int:
        return len(self.subject)

    @property
    def n_filled(self) -> int:
        """Frames in which at least one entity's box was interpolated."""
        filled = (self.subject_state == FrameState.FILLED) | (self.object_state == FrameState.FILLED)
        return int(np.count_nonzero(filled))
