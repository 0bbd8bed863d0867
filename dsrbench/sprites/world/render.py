"""Render clip specifications to pixels and exact boxes."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from dsrbench.sprites.world.bitmaps import PHASES, bitmap, extent, tight_box
from dsrbench.sprites.world.scenes import HEIGHT, HORIZON, WIDTH, draw_background
from dsrbench.sprites.world.spec import FPS, FRAMES, Actor, ClipSpec
from dsrbench.types import Floats, VideoTracks

SHADOW = 0.34
"""Darkness of a shadow directly under a sprite, in 0..1."""

THICKNESS = 0.09
"""Difference of inverse depth between the middle of a sprite and its edge: sprites bulge towards the viewer."""

VISIBLE = 0.25
"""Minimum visible share of a sprite's pixels at which it has a box."""


@dataclasses.dataclass(frozen=True, eq=False)
class Rendered:
    """A clip with the true boxes of every actor.

    Attributes:
        frames: RGB, uint8 `[T, H, W, 3]`.
        boxes: Half-open boxes, float64 `[actors, T, 4]`; NaN where an actor is not visible.
        visible: Share of each actor's pixels that are in the frame and not hidden, float64 `[actors, T]`.
        depth: Inverse depth, larger is nearer, float32 `[T, H, W]` in 0..1: of the ground its row as a share of the
            height, above the horizon that of the horizon; of a sprite the row of its ground, with `THICKNESS`.
    """

    frames: NDArray[np.uint8]
    boxes: Floats
    visible: Floats
    depth: NDArray[np.float32]


def render_clip(spec: ClipSpec, rng: np.random.Generator) -> tuple[NDArray[np.uint8], VideoTracks]:
    """Render a clip and the true tracks of its subject and object.

    Args:
        spec: Specification of the clip.
        rng: Random generator that chooses the background's painting and cut.

    Returns:
        Frames uint8 `[T, H, W, 3]`, and tracks; a subject that does not appear is absent in all frames.
    """
    rendered = render_actors(spec, rng)
    absent = np.full((FRAMES, 4), np.nan)
    subject = absent if spec.subject is None else rendered.boxes[spec.subject]
    tracks = VideoTracks(subject, rendered.boxes[spec.object], size=(WIDTH, HEIGHT), fps=FPS)
    return rendered.frames, tracks


def render_actors(spec: ClipSpec, rng: np.random.Generator) -> Rendered:
    """Render a clip with the boxes of all its actors.

    A box is *amodal*: tight around the pixels that the sprite covers by at least half, including those that a nearer
    actor hides, and clipped to the frame. A sprite whose visible share is less than `VISIBLE` has no box.
    """
    frames = np.repeat(draw_background(spec.scene, rng)[None], FRAMES, axis=0)
    for actor in spec.actors:
        _cast_shadow(frames, actor)
    nearness = np.stack([np.broadcast_to(actor.depth, FRAMES) for actor in spec.actors])
    order = np.argsort(nearness, axis=0, kind="stable")
    owner = np.full((FRAMES, HEIGHT, WIDTH), -1, np.int8)
    boxes = np.full((len(spec.actors), FRAMES, 4), np.nan)
    solid = np.ones((len(spec.actors), FRAMES))
    for t in range(FRAMES):
        for index in order[:, t].tolist():
            boxes[index, t], solid[index, t] = _paste(frames[t], owner[t], index, spec.actors[index], t)
    seen = np.stack([(owner == i).sum(axis=(1, 2)) for i in range(len(spec.actors))])
    visible = seen / solid
    boxes[visible < VISIBLE] = np.nan
    return Rendered((frames + 0.5).astype(np.uint8), boxes, visible, _depth_maps(spec, owner))


def _depth_maps(spec: ClipSpec, owner: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return the inverse depth of every pixel, given the actor that it shows."""
    rows = np.maximum(np.arange(HEIGHT) + 0.5, HORIZON)[:, None] / HEIGHT
    maps = np.broadcast_to(rows, owner.shape).astype(np.float32)
    for index, actor in enumerate(spec.actors):
        for t in range(FRAMES):
            left, top, right, bottom = extent(actor.noun, actor.size_at(t))
            across = (np.arange(WIDTH) + 0.5 - actor.x[t]) / max((right - left) / 2, 1)
            down = (np.arange(HEIGHT) + 0.5 - actor.base[t] + (bottom - top) / 2) / max((bottom - top) / 2, 1)
            bulge = np.clip(1 - across[None] ** 2 - down[:, None] ** 2, 0, None)
            shown = owner[t] == index
            maps[t][shown] = (actor.ground[t] / HEIGHT + THICKNESS * (bulge - 0.5))[shown]
    return maps


def _cast_shadow(frames: NDArray[np.float32], actor: Actor) -> None:
    """Darken the ground under an actor in place; the higher the actor, the lighter and wider the shadow."""
    left, _, right, _ = extent(actor.noun, actor.size)
    lift = np.maximum(actor.ground - actor.base, 0)[:, None]
    reach = (right - left) * (0.42 + 0.02 * lift)
    across = np.exp(-np.square((np.arange(WIDTH) + 0.5 - actor.x[:, None]) / reach) * 1.6)
    down = np.exp(-np.square((np.arange(HEIGHT) + 0.5 - actor.ground[:, None] + 0.6) / 1.5))
    shade = 1 - (SHADOW / (1 + 0.12 * lift))[..., None] * down[:, :, None] * across[:, None, :]
    frames *= shade[..., None].astype(np.float32)


def _paste(
    frame: NDArray[np.float32], owner: NDArray[np.int8], index: int, actor: Actor, t: int
) -> tuple[tuple[float, ...], int]:
    """Draw one sprite over a frame; return its box and its number of pixels inside and outside the frame."""
    mirrored = bool(actor.mirrored[t])
    size = actor.size_at(t)
    left, _, right, bottom = extent(actor.noun, size, mirrored)
    corner_x = round((actor.x[t] - (left + right) / 2) * PHASES)
    corner_y = round((actor.base[t] - bottom) * PHASES)
    key = actor.noun, size, mirrored, corner_x % PHASES, corner_y % PHASES
    pixels, (bx0, by0, bx1, by1) = bitmap(*key), tight_box(*key)
    x, y = corner_x // PHASES, corner_y // PHASES
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, WIDTH), min(y + height, HEIGHT)
    solid = max(int(np.count_nonzero(pixels[..., 3] >= 0.5)), 1)
    if x0 >= x1 or y0 >= y1:
        return (np.nan,) * 4, solid
    part = pixels[y0 - y : y1 - y, x0 - x : x1 - x]
    area = frame[y0:y1, x0:x1]
    area *= 1 - part[..., 3:]
    area += part[..., :3]
    owner[y0:y1, x0:x1][part[..., 3] >= 0.5] = index
    box = max(x + bx0, 0), max(y + by0, 0), min(x + bx1, WIDTH), min(y + by1, HEIGHT)
    return (tuple(map(float, box)) if box[0] < box[2] and box[1] < box[3] else (np.nan,) * 4), solid
