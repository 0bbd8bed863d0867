"""Guards against reward hacking: what a clip is checked for beside its score, and how far its look has drifted.

A model that is trained on a reward learns what the reward takes for success. The checks see what such a model does
first: scores that hang on doubtful boxes, noise or blur, flicker, and things that another detector does not see.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.registry import convert_options
from dsrbench.errors import InputError
from dsrbench.geometry import mask_background
from dsrbench.quality import sharpness
from dsrbench.quality.frames import luma
from dsrbench.types import VideoTracks

CHECKS = ("certainty", "sharpness", "flicker", "second")
"""Names of the checks."""

SPOTS = 4
"""Places in a clip at which its look is measured, in three neighbouring frames each."""

MIN_SIDE = 120
"""Smallest number of pixels along a side of a frame whose flicker is measured; of larger frames, pixels are skipped."""

MIN_FLICKER = 0.002
"""Flicker that is never too much times less: half a step of 8 bits, as of backgrounds that stand still."""

MARGIN = 0.15
"""Share of a box's sides by which it is enlarged at each side, so that the edge of an entity is inside."""


@dataclasses.dataclass(frozen=True)
class Look:
    """The look of a clip, or the median look of several.

    Attributes:
        sharpness: Variance of the Laplacian of the luma (`dsrbench.quality.sharpness`).
        flicker: Mean difference in luma of a frame from the mean of its two neighbours, outside the boxes of subject
            and object, so that a subject which moves does not count as flicker.
    """

    sharpness: float
    flicker: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guard:
    """Thresholds of the checks; None turns a check off.

    A clip that fails a check has its reward multiplied by `penalty`, once for each check. The look is compared with
    that of a reference: clips of the model before the training, or else the first clips that the reward sees.

    Attributes:
        min_certainty: Smallest probability that the decision at 0.7 is right.
        max_sharpness: Largest factor by which the sharpness may differ from the reference, up or down.
        max_flicker: Largest factor by which the flicker may exceed the reference.
        second_every: Number of calls from one in which a second detector looks to the next; the reward must have one.
        penalty: Factor of a failed check, in 0..1.
        reference: Look of the reference; None to measure it on the first `reference_clips` clips, which are not
            checked for their look themselves.
        reference_clips: Number of these clips.

    Raises:
        InputError: A threshold out of range.
    """

    min_certainty: float | None = 0.6
    max_sharpness: float | None = 2.0
    max_flicker: float | None = 2.5
    second_every: int | None = 10
    penalty: float = 0.5
    reference: Look | None = None
    reference_clips: int = 64

    def __post_init__(self) -> None:
        if self.min_certainty is not None and not 0 <= self.min_certainty <= 1:
            raise InputError(f"min_certainty must be in 0..1, got {self.min_certainty}")
        if not 0 <= self.penalty <= 1:
            raise InputError(f"penalty must be in 0..1, got {self.penalty}")
        for name in ("max_sharpness", "max_flicker"):
            value = getattr(self, name)
            if value is not None and not 1 <= value < math.inf:
                raise InputError(f"{name} must be a factor of at least 1, got {value}")
        if (self.second_every is not None and self.second_every < 1) or self.reference_clips < 1:
            raise InputError("second_every and reference_clips must be at least 1")

    @classmethod
    def read(cls, pairs: Iterable[str]) -> Guard:
        """Return a guard with thresholds from texts such as "max_flicker=3" and "min_certainty=none".

        Raises:
            OptionError: No threshold has the name, or the value is no number.

        >>> Guard.read(["max_flicker=3", "min_certainty=none"]).max_flicker
        3.0
        """
        values = dict(pair.partition("=")[::2] for pair in pairs)
        return cls(**convert_options(cls, values, where="the guard"))

    @classmethod
    def off(cls) -> Guard:
        """Return a guard without checks."""
        return cls(min_certainty=None, max_sharpness=None, max_flicker=None, second_every=None)

    @property
    def looks(self) -> bool:
        """Whether the look of clips is measured."""
        return self.max_sharpness is not None or self.max_flicker is not None

    def check_look(self, look: Look, reference: Look) -> list[str]:
        """Return the checks that the look of a clip fails."""
        failed = []
        if self.max_sharpness is not None:
            ratio = _ratio(look.sharpness, reference.sharpness)
            if max(ratio, 1 / ratio if ratio else math.inf) > self.max_sharpness:
                failed.append("sharpness")
        usual = max(reference.flicker, MIN_FLICKER)
        if self.max_flicker is not None and look.flicker > self.max_flicker * usual:
            failed.append("flicker")
        return failed


def measure_look(chunks: Iterable[NDArray[np.uint8]], tracks: VideoTracks) -> Look:
    """Measure the look of a clip at `SPOTS` places, spread evenly.

    Args:
        chunks: Its frames in order, uint8 `[B, H, W, 3]` each.
        tracks: Tracks of its entities.

    Returns:
        The look; the flicker is NaN with fewer than 3 frames, or where the boxes cover all.
    """
    n_frames = len(tracks)
    starts = spread_spots(n_frames)
    places = sorted({min(start + i, n_frames - 1) for start in starts for i in range(3)})
    triplets: dict[int, NDArray[np.uint8]] = {}
    first = 0
    for frames in chunks:
        for t in places:
            if first <= t < first + len(frames):
                triplets[t] = _to_array(frames[t - first])
        first += len(frames)
    flickers = [_flicker([triplets[start + i] for i in range(3)], tracks, start) for start in starts if n_frames >= 3]
    known = [flicker for flicker in flickers if not math.isnan(flicker)]
    sharp = sharpness(np.stack([triplets[min(start + 1, n_frames - 1)] for start in starts]))
    return Look(sharp, float(np.mean(known)) if known else math.nan)


def _flicker(frames: Sequence[NDArray[np.uint8]], tracks: VideoTracks, start: int) -> float:
    """Return the flicker of three frames from `start` on; NaN where boxes cover all of them."""
    height, width = frames[0].shape[:2]
    step = max(1, min(height, width) // MIN_SIDE)
    every_box = (
        box
        for part in (tracks, *tracks.further)
        for boxes in (part.subject, part.object)
        for box in boxes[start : start + 3]
    )
    is_background = mask_background((height, width), every_box, margin=MARGIN)
    before, here, after = (luma(frame[::step, ::step]) for frame in frames)
    difference = np.abs(here - (before + after) / 2)[is_background[::step, ::step]]
    return float(difference.mean()) if len(difference) else math.nan


def spread_spots(n_frames: int) -> list[int]:
    """Return the first frames of the places at which a look is measured.

    >>> spread_spots(81), spread_spots(4), spread_spots(2)
    ([0, 26, 52, 78], [0, 1], [0])
    """
    return sorted({round(i * max(0, n_frames - 3) / (SPOTS - 1)) for i in range(SPOTS)})


def median_look(looks: Sequence[Look]) -> Look:
    """Return the median look of clips; those without a flicker count for the sharpness alone."""
    flickers = [look.flicker for look in looks if not math.isnan(look.flicker)]
    return Look(
        float(np.median([look.sharpness for look in looks])), float(np.median(flickers)) if flickers else math.nan
    )


def _ratio(value: float, reference: float) -> float:
    """Return how many times the reference a value is; 1 where either is not known or both are zero."""
    if math.isnan(value) or math.isnan(reference) or value == reference:
        return 1.0
    return value / reference if reference > 0 else math.inf


def _to_array(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return frame if isinstance(frame, np.ndarray) else np.asarray(frame.cpu().numpy(), np.uint8)
