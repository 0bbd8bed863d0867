"""A detector's boxes in a clip, as the scripts of this folder pass them on."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from dsrbench import Detections, VideoScore

Frames = NDArray[np.uint8]
"""RGB frames of a clip, `[T, H, W, 3]`."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a detector made of a clip: boxes, their score, and how many of the true boxes it found."""

    found: list[Detections]
    score: VideoScore
