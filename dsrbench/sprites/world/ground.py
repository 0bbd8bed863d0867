"""Clips of prompts with "in front of" and "behind": places on a ground plane, and ways around the object.

What stands lower in the picture is nearer: it is larger, and hides what is behind it. A subject that is behind or in
front of the object stands a little to its side, so that most of both stays visible.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from dsrbench.sprites.world.bitmaps import SIZES
from dsrbench.sprites.world.motion import check_prompt
from dsrbench.sprites.world.scenes import WIDTH
from dsrbench.sprites.world.spec import FRAMES, Actor, ClipSpec, Gait, Kind
from dsrbench.sprites.world.stage import Stage, assemble_spec, find_facing
from dsrbench.types import Floats, Prompt

DEPTH_TYPES = ("LF", "RF", "LB", "RB", "FL", "FR", "BL", "BR", "FB", "BF")
"""Relation types with depth that the world can show."""

APART = (3.2, 4.6)
"""Rows between the ground of the object and that of a subject in front of it or behind it."""

PARTIAL_SHARE = (0.08, 0.18)
"""Share of the path that a clip of kind `PARTIAL` covers; a fifth of the way in depth is nearly all of the relation."""

_MIDDLE = len(SIZES) // 2
"""Index of the size of the object, and of a subject beside it."""


def draw_depth_spec(prompt: Prompt, rng: np.random.Generator, *, kind: Kind | str | None = None) -> ClipSpec:
    """Draw the specification of a clip of a prompt with depth.

    Args:
        prompt: Prompt of one of `DEPTH_TYPES`; the verb of its text chooses the gait. A missing scene or an unknown
            verb is drawn.
        rng: Random generator for places, times and, by default, the kind.
        kind: Kind of the clip; by default drawn from the mix of `dsrbench.sprites.world.mix`.

    Raises:
        PromptError: The world cannot show the prompt.
    """
    check_prompt(prompt, types=DEPTH_TYPES)
    return assemble_spec(prompt, rng, kind=kind, draw_stage=_GroundStage.draw)


@dataclasses.dataclass(frozen=True)
class _GroundStage(Stage):
    """Stage on a ground plane, where the subject goes around the object."""

    codes = "LRFB"
    partial = PARTIAL_SHARE

    @classmethod
    def draw(cls, prompt: Prompt, rng: np.random.Generator) -> _GroundStage:
        x, base = WIDTH / 2 + rng.uniform(-2.5, 2.5), rng.uniform(24.5, 26)
        return cls(prompt.subject, prompt.object, _MIDDLE, _MIDDLE, x, base)

    def place(self, code: str, rng: np.random.Generator) -> tuple[float, float]:
        if code in "LR":
            return self.draw_beside(code, rng), self.base + rng.uniform(-0.3, 0.3)
        aside = (-1 if rng.random() < 0.5 else 1) * self.reach() * rng.uniform(0.35, 0.55)
        away = rng.uniform(*APART)
        return self.x + aside, self.base + (away if code == "F" else -away)

    def move(self, relations: str, kind: Kind, gait: Gait, rng: np.random.Generator) -> Actor:
        start, end, progress = self.draw_path(relations, kind, rng)
        if kind is Kind.LEAVES:
            outwards = {"L": 1, "R": -1}.get(relations[1], 1 if start[0] > self.x else -1)
            end = (WIDTH / 2 + outwards * (WIDTH / 2 + 9), start[1])
        x = start[0] + (end[0] - start[0]) * progress
        ground = start[1] + (end[1] - start[1]) * progress
        if (start[1] - self.base) * (end[1] - self.base) < -1:  # the object is in the way
            aside = (1 if start[0] + end[0] > 2 * self.x else -1) * (self.reach() + 1.5)
            x = x + (aside - ((start[0] + end[0]) / 2 - self.x)) * 4 * progress * (1 - progress)
            x = np.clip(x, *self.limits())
        lift = np.zeros(FRAMES)
        if gait is Gait.HOPPING:
            lift = rng.uniform(1.5, 2.5) * np.abs(np.sin(np.pi * int(rng.integers(2, 4)) * progress))
        elif gait is Gait.ARCHED:
            lift = rng.uniform(2, 3.5) * 4 * progress * (1 - progress)
        return self.make_subject(x, ground, lift, rng)

    def make_subject(self, x: Floats, row: Floats, lift: Floats | float, rng: np.random.Generator) -> Actor:
        steps = (row - self.base) / APART[1] * _MIDDLE
        sizes = np.clip(np.rint(_MIDDLE + steps), 0, len(SIZES) - 1).astype(np.int64)
        return Actor(self.subject, self.size, x, row - lift, row, find_facing(x, self.x, rng), row, sizes)
