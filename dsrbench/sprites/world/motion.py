"""Draw the specification of a clip from a prompt: positions for relations, paths between them, obedient or not."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import PromptError
from dsrbench.sprites.world.bitmaps import SIZES, check_noun, extent
from dsrbench.sprites.world.drawings import ANIMALS, OBJECTS
from dsrbench.sprites.world.mix import draw_kind
from dsrbench.sprites.world.scenes import SCENES, WIDTH, check_scene
from dsrbench.sprites.world.spec import FRAMES, Actor, ClipSpec, Gait, Kind
from dsrbench.types import Floats, Prompt, Relation

TYPES = ("LR", "RL", "LT", "RT", "TL", "TR")
"""Relation types that the world can show."""

MAX_PARTIAL_SHARE = 0.34
"""Maximum share of the path that a clip of kind `PARTIAL` covers; at 40 % a walk from left to right scores 0.7."""

_THIRD = {"LR": "T", "RL": "T", "LT": "R", "TL": "R", "RT": "L", "TR": "L"}
"""Relation that a prompt of each type does not name."""


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
    chosen = draw_kind(prompt.type, rng) if kind is None else Kind(kind)
    scene = prompt.scene or str(rng.choice(list(SCENES)))
    stage = _Stage.draw(prompt, rng)
    object_ = stage.object_actor()
    if chosen is Kind.NONE:
        return ClipSpec(scene, chosen, (object_,), None, 0)
    subjects = [_subject(stage, prompt.type, chosen, draw_gait(prompt.text, rng), rng)]
    if chosen is Kind.TWO:
        subjects.append(_stand(stage, prompt.type[1], rng))
    return ClipSpec(scene, chosen, (object_, *subjects), 1, 0)


@dataclasses.dataclass(frozen=True)
class _Stage:
    """Subject and object of a clip, their sizes, and the position of the object."""

    subject: str
    object: str
    size: int
    object_size: int
    x: float
    base: float
    nearer: bool

    @classmethod
    def draw(cls, prompt: Prompt, rng: np.random.Generator) -> _Stage:
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

    def extents(self) -> tuple[float, float, float, float]:
        """Width and height of the subject, then of the object."""
        a, b = extent(self.subject, self.size), extent(self.object, self.object_size)
        return a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1]

    def place(self, code: str, rng: np.random.Generator) -> tuple[float, float]:
        """Return the subject's middle column and lowest row in a relation to the object, pixels."""
        width, _, object_width, object_height = self.extents()
        if code == Relation.TOP.value:
            return self.x + rng.uniform(-1.2, 1.2), self.base - object_height + rng.uniform(0.4, 1.2)
        reach = (width + object_width) / 2 + rng.uniform(0.5, 3)
        x = self.x - reach if code == Relation.LEFT.value else self.x + reach
        return float(np.clip(x, width / 2 + 0.4, WIDTH - width / 2 - 0.4)), self.ground()

    def ground(self) -> float:
        """Row the subject stands on beside the object."""
        return self.base + (1.5 if self.nearer else -1.5)

    def object_actor(self) -> Actor:
        still = np.full(FRAMES, self.x), np.full(FRAMES, self.base)
        return Actor(self.object, self.object_size, *still, still[1], np.zeros(FRAMES, bool), self.base)


def draw_gait(text: str, rng: np.random.Generator) -> Gait:
    """Return the gait that a verb of a text names; a drawn one where none does."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    gaits = [gait for gait in Gait if gait.value in words]
    return gaits[0] if gaits else list(Gait)[int(rng.integers(len(Gait)))]


def draw_progress(rng: np.random.Generator) -> Floats:
    """Return the share of the path covered in each frame: a wait, a move that starts and stops softly, a wait."""
    first, last = int(rng.integers(0, 3)), FRAMES - 1 - int(rng.integers(1, 4))
    s = np.clip((np.arange(FRAMES) - first) / (last - first), 0, 1)
    return np.asarray(s * s * (3 - 2 * s))


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
        progress = progress * rng.uniform(0.15, MAX_PARTIAL_SHARE)
        gait = Gait.STRAIGHT
    elif kind is Kind.REVERSED:
        start, end = end, start
    elif kind is Kind.WANDER:
        if rng.random() < 0.5:
            start, end = stage.place(_THIRD[relations], rng), start
        else:
            progress = np.sin(np.pi * progress) * rng.uniform(0.3, 0.6)
            gait = Gait.HOPPING if gait is Gait.HOPPING else Gait.STRAIGHT
    elif kind is Kind.LEAVES:
        outwards = 1 if initial == "R" or (initial == "T" and final == "L") else -1
        end = (WIDTH / 2 + outwards * (WIDTH / 2 + 9), stage.ground())
        gait = Gait.STRAIGHT
    return _travel(stage, start, end, progress, gait, rng)


def _travel(
    stage: _Stage,
    start: tuple[float, float],
    end: tuple[float, float],
    progress: Floats,
    gait: Gait,
    rng: np.random.Generator,
) -> Actor:
    """Make an actor that moves from one position to another."""
    x = start[0] + (end[0] - start[0]) * progress
    base = start[1] + (end[1] - start[1]) * progress
    _, height, _, object_height = stage.extents()
    if gait is Gait.HOPPING:
        base = base - rng.uniform(2, 3.5) * np.abs(np.sin(np.pi * int(rng.integers(2, 4)) * progress))
    elif gait is Gait.ARCHED:
        level = abs(end[1] - start[1]) < object_height / 2
        rise = object_height + rng.uniform(0, 2) if level else rng.uniform(2.5, 4.5)
        base = base - rise * 4 * progress * (1 - progress)
    base = np.maximum(base, height + 0.5)
    return _actor(stage, x, base, rng)


def _stand(stage: _Stage, code: str, rng: np.random.Generator) -> Actor:
    """Make an actor that stays, or bobs a little."""
    x, base = stage.place(code, rng)
    bob = rng.uniform(0, 0.6) * np.abs(np.sin(np.arange(FRAMES) * rng.uniform(0.3, 0.8)))
    return _actor(stage, np.full(FRAMES, x), base - bob, rng)


def _actor(stage: _Stage, x: Floats, base: Floats, rng: np.random.Generator) -> Actor:
    ground = np.full(FRAMES, stage.ground())
    return Actor(stage.subject, stage.size, x, base, ground, find_facing(x, stage.x, rng), stage.ground())


def find_facing(x: Floats, towards: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Tell for each frame whether an actor faces left: along its next move; if it never moves, towards the object."""
    step = np.gradient(x)
    moving = np.flatnonzero(np.abs(step) > 0.05)
    if not len(moving):
        left = rng.random() < 0.5 if abs(towards - x[0]) < 3 else towards < x[0]
        return np.full(len(x), left)
    last = moving[np.maximum(np.searchsorted(moving, np.arange(len(x)), side="right") - 1, 0)]
    return np.asarray(step[last] < 0)
