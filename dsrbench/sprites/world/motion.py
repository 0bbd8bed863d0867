"""Draw the specification of a clip from a prompt: positions for relations, paths between them, obedient or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from dsrbench.errors import PromptError
from dsrbench.sprites.world.bitmaps import SIZES, check_noun
from dsrbench.sprites.world.drawings import ANIMALS, OBJECTS
from dsrbench.sprites.world.scenes import WIDTH, check_scene
from dsrbench.sprites.world.spec import FRAMES, Actor, ClipSpec, Gait, Kind
from dsrbench.sprites.world.stage import Stage, assemble_spec, find_facing
from dsrbench.types import Floats, Prompt, Relation

TYPES = ("LR", "RL", "LT", "RT", "TL", "TR")
"""Relation types that the world can show."""

PARTIAL_SHARE = (0.15, 0.34)
"""Share of the path that a clip of kind `PARTIAL` covers; at 40 % a walk from left to right scores 0.7."""


def check_prompt(prompt: Prompt, *, types: Sequence[str] = TYPES) -> None:
    """Check that the world can show a prompt.

    Args:
        prompt: The prompt.
        types: Relation types that count.

    Raises:
        PromptError: A noun, scene or relation type is unknown, or the object moves; the message lists the known ones.
    """
    for noun, role, nouns in ((prompt.subject, "subject", ANIMALS), (prompt.object, "object", OBJECTS)):
        check_noun(noun)
        if noun not in nouns:
            raise PromptError(f"the sprites world has no {role} {noun!r}; {role}s are: {', '.join(nouns)}")
    if prompt.type not in types:
        raise PromptError(f"the sprites world cannot show {prompt.type!r}; relation types are: {', '.join(types)}")
    if prompt.scene:
        check_scene(prompt.scene)


def draw_spec(prompt: Prompt, rng: np.random.Generator, *, kind: Kind | str | None = None) -> ClipSpec:
    """Draw the specification of a clip of a prompt.

    Args:
        prompt: Prompt with nouns, relations and scene; the verb of its text chooses the gait. A missing scene or an
            unknown verb is drawn.
        rng: Random generator for sizes, positions, times and, by default, the kind.
        kind: Kind of the clip; by default drawn from the mix of `dsrbench.sprites.world.mix`.

    Raises:
        PromptError: The world cannot show the prompt.
    """
    check_prompt(prompt)
    return assemble_spec(prompt, rng, kind=kind, draw_stage=_LevelStage.draw)


@dataclasses.dataclass(frozen=True)
class _LevelStage(Stage):
    """Stage on level ground, where the subject passes before or behind the object, or stands on it."""

    codes = "LRT"
    partial = PARTIAL_SHARE

    nearer: bool

    @classmethod
    def draw(cls, prompt: Prompt, rng: np.random.Generator) -> _LevelStage:
        sizes = rng.integers(0, len(SIZES), 2)
        return cls(
            subject=prompt.subject,
            object=prompt.object,
            size=int(sizes[0]),
            object_size=int(sizes[1]),
            x=WIDTH / 2 + rng.uniform(-2.5, 2.5),
            base=rng.uniform(26.5, 29),
            nearer=bool(rng.random() < 0.7),
        )

    def ground(self) -> float:
        """Return the row that the subject stands on beside the object."""
        return self.base + (1.5 if self.nearer else -1.5)

    def place(self, code: str, rng: np.random.Generator) -> tuple[float, float]:
        if code == Relation.TOP.value:
            return self.x + rng.uniform(-1.2, 1.2), self.base - self.extents()[3] + rng.uniform(0.4, 1.2)
        return self.draw_beside(code, rng), self.ground()

    def move(self, relations: str, kind: Kind, gait: Gait, rng: np.random.Generator) -> Actor:
        start, end, progress = self.draw_path(relations, kind, rng)
        if kind is Kind.LEAVES:
            outwards = 1 if relations in ("RL", "RT", "TL") else -1
            end = (WIDTH / 2 + outwards * (WIDTH / 2 + 9), self.ground())
        if kind in (Kind.PARTIAL, Kind.LEAVES) or (gait is Gait.ARCHED and progress[-1] < 1):
            gait = Gait.STRAIGHT  # an arch needs a path that is covered to its end
        _, height, _, object_height = self.extents()
        lift = np.zeros(FRAMES)
        if gait is Gait.HOPPING:
            lift = rng.uniform(2, 3.5) * np.abs(np.sin(np.pi * int(rng.integers(2, 4)) * progress))
        elif gait is Gait.ARCHED:
            level = abs(end[1] - start[1]) < object_height / 2
            rise = object_height + rng.uniform(0, 2) if level else rng.uniform(2.5, 4.5)
            lift = rise * 4 * progress * (1 - progress)
        x = start[0] + (end[0] - start[0]) * progress
        row = start[1] + (end[1] - start[1]) * progress
        return self.make_subject(x, np.maximum(row - lift, height + 0.5), 0, rng)

    def make_subject(self, x: Floats, row: Floats, lift: Floats | float, rng: np.random.Generator) -> Actor:
        ground, facing = np.full(FRAMES, self.ground()), find_facing(x, self.x, rng)
        return Actor(self.subject, self.size, x, row - lift, ground, facing, self.ground())
