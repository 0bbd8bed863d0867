"""Sprites as pixels: drawn once at eight samples a pixel, kept at every quarter of a pixel they are asked for."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import PromptError, near_matches
from dsrbench.sprites.world.drawings import ANIMALS, OBJECTS
from dsrbench.sprites.world.shapes import paint

UNITS = 24
SAMPLES = 8
PHASES = 4
"""Positions a pixel, along each axis, at which a sprite can stand."""

SIZES = (12.0, 12.5, 13.0, 13.5, 14.0)
"""Pixels that the 24 drawing units may take."""

NOUNS = (*ANIMALS, *OBJECTS)


def check_noun(noun: str) -> str:
    """The noun, if the world knows it.

    Raises:
        PromptError: It does not; lists those it knows.
    """
    if noun not in ANIMALS and noun not in OBJECTS:
        raise PromptError(f"the sprites world has no {noun!r}{near_matches(noun, NOUNS)}")
    return noun


@functools.lru_cache(maxsize=512)
def _samples(noun: str, size: int, mirrored: bool) -> NDArray[np.float32]:
    """The sprite at eight samples a pixel, float32 `[S, S, 4]`, with its colours multiplied by its cover."""
    shapes = ANIMALS.get(noun) or OBJECTS[check_noun(noun)]
    side = math.ceil(SIZES[size]) * SAMPLES
    drawn = paint(shapes, width=side, height=side, scale=SIZES[size] * SAMPLES / UNITS)
    if mirrored:
        across = round(SIZES[size] * SAMPLES)
        drawn[:, :across] = drawn[:, :across][:, ::-1].copy()
    return drawn


@functools.lru_cache(maxsize=8192)
def bitmap(noun: str, size: int, mirrored: bool, phase_x: int, phase_y: int) -> NDArray[np.float32]:
    """A sprite whose corner lies `phase / PHASES` of a pixel to the right of and below a pixel's corner.

    Args:
        noun: Animal or object.
        size: Index into `SIZES`.
        mirrored: Facing left.
        phase_x: Quarters of a pixel, 0..3.
        phase_y: Likewise.

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
    """Half-open box of the pixels of a `bitmap` that it covers by at least half."""
    solid = bitmap(noun, size, mirrored, phase_x, phase_y)[..., 3] >= 0.5
    columns, rows = np.flatnonzero(solid.any(axis=0)), np.flatnonzero(solid.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@functools.lru_cache(maxsize=512)
def extent(noun: str, size: int, mirrored: bool = False) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a sprite, in pixels from its corner."""
    covered = _samples(noun, size, mirrored)[..., 3] > 0
    columns, rows = np.flatnonzero(covered.any(axis=0)), np.flatnonzero(covered.any(axis=1))
    return columns[0] / SAMPLES, rows[0] / SAMPLES, (columns[-1] + 1) / SAMPLES, (rows[-1] + 1) / SAMPLES
