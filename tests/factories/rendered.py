"""Rendered clips of the embedded world, which obey their prompts or do not."""

from __future__ import annotations

import numpy as np

from dsrbench.prompts import parse_prompt
from dsrbench.sprites.world import FPS, draw_spec, render_clip
from dsrbench.sprites.world.spec import Kind

OBEYS = "a cat is on the left of a box, then the cat walks to the right of the box"
STAYS = "a frog is on the left of a chair, then the frog walks to the right of the chair"


def render_kind(text, kind, seed=0):
    """Frames uint8 `[T, H, W, 3]` of a prompt."""
    rng = np.random.default_rng(seed)
    return render_clip(draw_spec(parse_prompt(text), rng, kind=kind), rng)[0]


def render_pair():
    """A clip that obeys its prompt and one whose animal stays where it is, and their prompts."""
    return [render_kind(OBEYS, Kind.CORRECT), render_kind(STAYS, Kind.STATIC_START, seed=3)], [OBEYS, STAYS], FPS
