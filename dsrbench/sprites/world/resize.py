"""Frames of any size, brought to the size of the world's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dsrbench.sprites.world.scenes import HEIGHT, WIDTH


def to_world_size(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return frames uint8 `[T, H, W, 3]` brought to `HEIGHT` x `WIDTH` by averaging."""
    if frames.shape[1:3] == (HEIGHT, WIDTH):
        return frames
    return np.stack([np.asarray(Image.fromarray(f).resize((WIDTH, HEIGHT), Image.Resampling.BOX)) for f in frames])
