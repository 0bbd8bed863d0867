"""Clips of prompts with "in front of" and "behind": places on a ground plane, and ways around the object.

What stands lower in the picture is nearer: it is larger, and hides what is behind it. A subject that is behind or in
front of the object stands a little to its side, so that most of both stays visible.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from dsrbench.sprites.world.bitmaps import SIZES, extent
from dsrbench.sprites.world.mix import draw_kind
from dsrbench.sprites.world.motion import check_prompt, draw_gait, draw_progress, find_facing
from dsrbench.sprites.world.scenes import SCENES, WIDTH
from dsrbench.sprites.world.spec import FRAMES, Actor, ClipSpec, Gait, Kind
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
    chosen = draw_kind(prompt.type, rng) if kind is None else Kind(kind)
    scene = prompt.scene or str(rng.choice(list(SCENES)))
    stage = _Stage(prompt.subject, prompt.object, WIDTH / 2 + rng.uniform(-2.5, 2.5), rng.uniform(24.5, 26))
    object_ = stage.object_actor()
    if chosen is Kind.NONE:
        return ClipSpec(scene, chosen, (object_,), None, 0)
    subjects = [_subject(stage, prompt.type, chosen, draw_gait(prompt.text, rng), rng)]
    if chosen is Kind.TWO:
        subjects.append(_stand(stage, prompt.type[1], rng))
    return ClipSpec(scene, chosen, (object_, *subjects), 1, 0)


@dataclasses.dataclass(frozen=True)
class _Stage:
    """Subject and object of a clip, the column of the object, and the row of its ground."""

    subject: str
    object: str
    x: float
    base: float

    def widths(self) -> tuple[float, float]:
        """Widths of subject and object at the object's distance, pixels."""
        sides = [extent(noun, _MIDDLE) for noun in (self.subject, self.object)]
        return sides[0][2] - sides[0][0], sides[1][2] - sides[1][0]

    def place(self, code: str, rng: np.random.Generator) -> tuple[float, float]:
        """Return the subject's middle column and the row of its ground in a relation to the object, pixels."""
        width, object_width = self.widths()
        mean = (width + object_width) / 2
        if code in "LR":
            reach = mean + rng.uniform(0.5, 3)
            x = self.x - reach if code == "L" else self.x + reach
            return float(np.clip(x, width / 2 + 0.4, WIDTH - width / 2 - 0.4)), self.base + rng.uniform(-0.3, 0.3)
        aside = (-1 if rng.random() < 0.5 else 1) * mean * rng.uniform(0.35, 0.55)
        away = rng.uniform(*APART)
        return self.x + aside, self.base + (away if code == "F" else -away)

    def object_actor(self) -> Actor:
        still = np.full(FRAMES, self.x), np.full(FRAMES, self.base)
        return Actor(self.object, _MIDDLE, *still, still[1], np.zeros(FRAMES, bool), still[1])


def _subject(stage: _Stage, relations: str, kind: Kind, gait: Gait, rng: np.random.Generator) -> Actor:
    """Make the prompt's subject, moving as its kind says."""
    initial, final = relations[0], relations[1]
    if kind in (Kind.STATIC_START, Kind.TWO):
        return _stand(stage, initial, rng)
    if kind is Kind.STATIC_END:
        return _stand(stage, final, rng)
    start, end = stage.place(initial, rng), stage.place(final, rng)
    progress = draw_progress(rng)
    if kind is Kind.PARTIAL:
        progress = progress * rng.uniform(*PARTIAL_SHARE)
    elif kind is Kind.REVERSED:
        start, end = end, start
    elif kind is Kind.WANDER:
        if rng.random() < 0.5:
            start, end = stage.place(str(rng.choice([c for c in "LRFB" if c not in relations])), rng), start
        else:
            progress = np.sin(np.pi * progress) * rng.uniform(0.3, 0.6)
    elif kind is Kind.LEAVES:
        outwards = {"L": 1, "R": -1}.get(final, 1 if start[0] > stage.x else -1)
        end = (WIDTH / 2 + outwards * (WIDTH / 2 + 9), start[1])
    return _travel(stage, start, end, progress, gait, rng)


def _travel(
    stage: _Stage,
    start: tuple[float, float],
    end: tuple[float, float],
    progress: Floats,
    gait: Gait,
    rng: np.random.Generator,
) -> Actor:
    """Make an actor that moves from one place to another, around the object where it is in the way."""
    x = start[0] + (end[0] - start[0]) * progress
    ground = start[1] + (end[1] - start[1]) * progress
    crosses = (start[1] - stage.base) * (end[1] - stage.base) < -1
    if crosses:
        aside = 1 if start[0] + end[0] > 2 * stage.x else -1
        reach = sum(stage.widths()) / 2 + 1.5
        x = x + (aside * reach - ((start[0] + end[0]) / 2 - stage.x)) * 4 * progress * (1 - progress)
        half = stage.widths()[0] / 2
        x = np.clip(x, half + 0.4, WIDTH - half - 0.4)
    lift = np.zeros(FRAMES)
    if gait is Gait.HOPPING:
        lift = rng.uniform(1.5, 2.5) * np.abs(np.sin(np.pi * int(rng.integers(2, 4)) * progress))
    elif gait is Gait.ARCHED:
        lift = rng.uniform(2, 3.5) * 4 * progress * (1 - progress)
    return _actor(stage, x, ground, lift, rng)


def _stand(stage: _Stage, code: str, rng: np.random.Generator) -> Actor:
    """Make an actor that stays, or bobs a little."""
    x, ground = stage.place(code, rng)
    bob = rng.uniform(0, 0.6) * np.abs(np.sin(np.arange(FRAMES) * rng.uniform(0.3, 0.8)))
    return _actor(stage, np.full(FRAMES, x), np.full(FRAMES, ground), bob, rng)


def _actor(stage: _Stage, x: Floats, ground: Floats, lift: Floats, rng: np.random.Generator) -> Actor:
    steps = (ground - stage.base) / APART[1] * _MIDDLE
    sizes = np.clip(np.rint(_MIDDLE + steps), 0, len(SIZES) - 1).astype(np.int64)
    facing = find_facing(x, stage.x, rng)
    return Actor(stage.subject, _MIDDLE, x, ground - lift, ground, facing, ground, sizes)
