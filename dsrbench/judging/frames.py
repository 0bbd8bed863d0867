"""The pictures of a video that a judge is shown: a few frames of its beginning, of its end, and of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import VideoError
from dsrbench.judging.questions import Part
from dsrbench.video import iter_chunks

if TYPE_CHECKING:
    from PIL.Image import Image

SHARE = 0.2
"""Share of a video that counts as its beginning, and as its end."""

MAX_SIDE = 640
"""Maximum width and height of a picture, pixels; larger frames are made smaller."""


def select_frames(n_frames: int, part: Part, n: int) -> list[int]:
    """Return indices of frames, evenly over a part of a video; twice as many of the whole, and none twice.

    Args:
        n_frames: Number of frames in the video.
        part: Part of the video.
        n: Number of frames of the beginning or of the end.

    >>> select_frames(81, "beginning", 4), select_frames(81, "end", 4), select_frames(5, "whole", 4)
    ([0, 5, 11, 16], [64, 69, 75, 80], [0, 1, 2, 3, 4])
    """
    last = n_frames - 1
    first = np.unique(np.rint(np.linspace(0, last * SHARE, n)).astype(int))
    if part == "beginning":
        return [int(i) for i in first]
    if part == "end":
        return [int(last - i) for i in first[::-1]]
    return [int(i) for i in np.unique(np.rint(np.linspace(0, last, 2 * n)).astype(int))]


def read_pictures(path: Path, n_frames: int, n: int) -> Mapping[Part, list[Image]]:
    """Read the pictures of each part of a video.

    Args:
        path: The video.
        n_frames: Number of its frames.
        n: Number of pictures of the beginning and of the end.

    Raises:
        VideoError: The video cannot be read, or has another number of frames.
    """
    if n_frames < 1:
        raise VideoError(f"{path}: expected a video whose frames were counted")
    parts: dict[Part, list[int]] = {part: select_frames(n_frames, part, n) for part in ("beginning", "end", "whole")}
    needed = {i for indices in parts.values() for i in indices}
    pictures: dict[int, Image] = {}
    start = 0
    for chunk in iter_chunks(path):
        pictures.update({start + i: _make_picture(chunk[i]) for i in range(len(chunk)) if start + i in needed})
        start += len(chunk)
    if start != n_frames:
        raise VideoError(f"{path}: expected the {n_frames} frames that were scored, got {start}")
    return {part: [pictures[i] for i in indices] for part, indices in parts.items()}


def _make_picture(frame: NDArray[np.uint8]) -> Image:
    from PIL import Image

    picture = Image.fromarray(frame)
    scale = MAX_SIDE / max(picture.size)
    if scale >= 1:
        return picture
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)
