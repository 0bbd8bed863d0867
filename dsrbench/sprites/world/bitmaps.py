"""Bitmaps of the sprites, drawn once with 8 x 8 samples per pixel and cached for every quarter-pixel offset used."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import PromptError, near_matches
from dsrbench.sprites.world.drawings import ANIMALS, OBJECTS
from dsrbench.sprites.world.shapes import paint

UNITS = 24
"""Width and height of a drawing, drawing units."""
SAMPLES = 8
"""Number of samples per pixel along each axis."""
PHASES = 4
"""Number of positions of a sprite within a pixel, along each axis."""

SIZES = (12.0, 12.5, 13.0, 13.5, 14.0)
"""Sizes of a sprite: the width of 24 drawing units, pixels."""

NOUNS = (*ANIMALS, *OBJECTS)
"""Nouns of all animals and objects."""


def check_noun(noun: str) -> str:
    """Return the noun after checking that the world knows it.

    Raises:
        PromptError: The world does not know it; the message lists the known nouns.
    """
    if noun not in ANIMALS and noun not in OBJECTS:
        raise PromptError(f"the sprites world has no {noun!r}{near_matches(noun, NOUNS)}")
    return noun


@functools.lru_cache(maxsize=512)
def _samples(noun: str, size: int, mirrored: bool) -> NDArray[np.float32]:
    """Draw the sprite with 8 x 8 samples per pixel, float32 `[S, S, 4]`, its colours multiplied by its cover."""
    shapes = ANIMALS.get(noun) or OBJECTS[check_noun(noun)]
    side = math.ceil(SIZES[size]) * SAMPLES
    drawn = paint(shapes, width=side, height=side, scale=SIZES[size] * SAMPLES / UNITS)
    if mirrored:
        across = round(SIZES[size] * SAMPLES)
        drawn[:, :across] = drawn[:, :across][:, ::-1].copy()
    return drawn


@functools.lru_cache(maxsize=8192)
def bitmap(noun: str, size: int, mirrored: bool, phase_x: int, phase_y: int) -> NDArray[np.float32]:
    """Return the bitmap of a sprite whose corner lies `phase / PHASES` of a pixel right of and below a pixel's corner.

    Args:
        noun: Noun of the animal or object.
        size: Index into `SIZES`.
        mirrored: Whether the sprite faces left.
        phase_x: Offset to the right, quarters of a pixel, 0..3.
        phase_y: Offset downwards, quarters of a pixel, 0..3.

    Returns:
        RGB in 0..255 times cover, and cover in 0..1, float32 `[h, w, 4]`; shared, read-only.
    """
    drawn = _samples(noun, size, mirrored)
    step = SAMPLES // PHASES
    side = drawn.shape[0] + SAMPLES
    padded = np.zeros((side, side, 4), np.float32)
    padded[phase_y * step : phase_y * step + len(drawn), phase_x * step : phase_x * step + len(drawn)] = drawn
    cells = side // SAMPLES
    pixels: NDArray[np.float32] = padded.reshape(cells, SAMPLES, cells, SAMPLES, 4).mean(axis=(1, 3))
    pixels.flags.writeable = False
    return pixels


@functools.lru_cache(maxsize=8192)
def tight_box(noun: str, size: int, mirrored: bool, phase_x: int, phase_y: int) -> tuple[int, int, int, int]:
    """Return the half-open box of the pixels of a `bitmap` that the sprite covers by at least half."""
    solid = bitmap(noun, size, mirrored, phase_x, phase_y)[..., 3] >= 0.5
    columns, rows = np.flatnonzero(solid.any(axis=0)), np.flatnonzero(solid.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@functools.lru_cache(maxsize=512)
def extent(noun: str, size: int, mirrored: bool = False) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a sprite, in pixels from its corner."""
    covered = _samples(noun, size, mirrored)[..., 3] > 0
    columns, rows = np.flatnonzero(covered.any(axis=0)), np.flatnonzero(covered.any(axis=1))
    return columns[0] / SAMPLES, rows[0] / SAMPLES, (columns[-1] + 1) / SAMPLES, (rows[-1] + 1) / SAMPLES
