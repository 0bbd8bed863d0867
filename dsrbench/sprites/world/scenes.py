"""Textured backgrounds, painted by seeded generators in pale colours, so that every sprite is visible."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import PromptError, near_matches

WIDTH, HEIGHT = 48, 32
"""Width and height of a frame, pixels."""

MARGIN = 6
"""Margin of a painting around a frame on every side, pixels; clips cut their background out of the painting."""

VARIANTS = 12
"""Number of paintings of a place."""

HORIZON = 17
"""Row of a frame, before jitter, where the ground begins."""

Picture = NDArray[np.float32]
RGB = tuple[float, float, float]


def _blend(top: RGB, bottom: RGB, rows: int) -> Picture:
    share = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    return np.asarray(np.array(top) * (1 - share) + np.array(bottom) * share, np.float32)


def _base(sky: tuple[RGB, RGB], ground: tuple[RGB, RGB]) -> Picture:
    picture = np.empty((HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN, 3), np.float32)
    split = HORIZON + MARGIN
    picture[:split] = _blend(*sky, split)
    picture[split:] = _blend(*ground, len(picture) - split)
    return picture


def _noise(rng: np.random.Generator, shape: tuple[int, int], cell: int) -> Picture:
    """Return smooth noise in -1..1 with bumps of `cell` pixels, `[h, w, 1]`."""
    coarse = rng.uniform(-1, 1, (shape[0] // cell + 2, shape[1] // cell + 2)).astype(np.float32)
    y, x = np.arange(shape[0]) / cell, np.arange(shape[1]) / cell
    rows = [np.interp(x, np.arange(coarse.shape[1]), row) for row in coarse]
    smooth = np.array([np.interp(y, np.arange(len(rows)), column) for column in np.transpose(rows)]).T
    return np.asarray(smooth[..., None], np.float32)


def _dots(picture: Picture, rng: np.random.Generator, *, count: int, colour: RGB, rows: tuple[int, int]) -> None:
    y, x = rng.integers(*rows, count), rng.integers(0, picture.shape[1], count)
    picture[y, x] = 0.35 * picture[y, x] + 0.65 * np.array(colour, np.float32)


def _meadow(rng: np.random.Generator) -> Picture:
    picture = _base(((176, 216, 246), (222, 238, 246)), ((196, 224, 152), (166, 204, 122)))
    picture += 6 * _noise(rng, picture.shape[:2], 5)
    ground = HORIZON + MARGIN, len(picture)
    _dots(picture, rng, count=70, colour=(134, 180, 96), rows=ground)
    _dots(picture, rng, count=12, colour=(255, 250, 250), rows=ground)
    return picture


def _beach(rng: np.random.Generator) -> Picture:
    picture = _base(((196, 228, 248), (226, 240, 246)), ((244, 228, 186), (234, 212, 162)))
    split = HORIZON + MARGIN
    sea = slice(split - 5, split)
    waves = 10 * np.sin(np.arange(picture.shape[1]) * 0.9 + rng.uniform(0, 6))[None, :, None]
    picture[sea] = np.array((140, 198, 220)) + waves * np.array([-1, 1, -1, 1, -1])[:, None, None]
    picture[split:] += 8 * _noise(rng, (len(picture) - split, picture.shape[1]), 3)
    _dots(picture, rng, count=60, colour=(208, 182, 134), rows=(split, len(picture)))
    return picture


def _desert(rng: np.random.Generator) -> Picture:
    picture = _base(((250, 226, 196), (252, 240, 218)), ((236, 200, 156), (222, 180, 132)))
    x = np.arange(picture.shape[1])
    for depth, tint in ((4, 0.97), (11, 0.94)):
        crest = HORIZON + MARGIN + depth + 2.5 * np.sin(x / rng.uniform(6, 10) + rng.uniform(0, 6))
        picture[np.arange(len(picture))[:, None] > crest[None]] *= tint
    return picture + 4 * _noise(rng, picture.shape[:2], 4)


def _snow(rng: np.random.Generator) -> Picture:
    picture = _base(((150, 176, 212), (190, 206, 228)), ((206, 218, 236), (186, 200, 224)))
    picture += 5 * _noise(rng, picture.shape[:2], 6)
    _dots(picture, rng, count=60, colour=(255, 255, 255), rows=(0, len(picture)))
    return picture


def _kitchen(rng: np.random.Generator) -> Picture:
    picture = _base(((236, 226, 208), (228, 216, 196)), ((206, 200, 196), (194, 186, 184)))
    split, start = HORIZON + MARGIN, int(rng.integers(0, 6))
    picture[start:split:6] *= 0.93
    picture[:split, start::6] *= 0.93
    y, x = np.mgrid[split : len(picture), 0 : picture.shape[1]]
    picture[split:][((x + start) // 6 + (y - split) // 4) % 2 == 0] *= 0.9
    return picture + 2 * _noise(rng, picture.shape[:2], 4)


def _dusk(rng: np.random.Generator) -> Picture:
    picture = _base(((128, 118, 178), (232, 178, 178)), ((150, 142, 162), (128, 120, 146)))
    split = HORIZON + MARGIN
    picture[split:] += 6 * _noise(rng, (len(picture) - split, picture.shape[1]), 3)
    _dots(picture, rng, count=16, colour=(255, 246, 214), rows=(0, 14))
    _dots(picture, rng, count=50, colour=(108, 100, 126), rows=(split, len(picture)))
    return picture


SCENES: dict[str, Callable[[np.random.Generator], Picture]] = {
    "In a meadow": _meadow,
    "On a beach": _beach,
    "In a desert": _desert,
    "In the snow": _snow,
    "In a kitchen": _kitchen,
    "In a park at dusk": _dusk,
}
"""Painters of the places, by their names in prompts."""


def check_scene(scene: str) -> str:
    """Return the scene after checking that the world knows it.

    Raises:
        PromptError: The world does not know it; the message lists the known scenes.
    """
    if scene not in SCENES:
        raise PromptError(f"the sprites world has no scene {scene!r}{near_matches(scene, SCENES)}")
    return scene


@functools.lru_cache(maxsize=256)
def _painting(scene: str, variant: int) -> Picture:
    seed = (list(SCENES).index(check_scene(scene)), variant)
    return np.clip(SCENES[scene](np.random.default_rng(seed)), 0, 255)


def draw_background(scene: str, rng: np.random.Generator) -> Picture:
    """Draw the background of a clip: a random cut of a painting, a little brighter or darker.

    Args:
        scene: One of `SCENES`.
        rng: Random generator that chooses painting, cut and brightness.

    Returns:
        RGB in 0..255, float32 `[HEIGHT, WIDTH, 3]`.

    Raises:
        PromptError: The world does not know the scene.
    """
    painting = _painting(scene, int(rng.integers(VARIANTS)))
    y, x = int(rng.integers(MARGIN - 2, MARGIN + 3)), int(rng.integers(0, 2 * MARGIN + 1))
    picture = painting[y : y + HEIGHT, x : x + WIDTH]
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    return np.asarray(np.minimum(picture * np.float32(rng.uniform(0.94, 1.04)), 255), np.float32)
