"""Make the specification of a clip from a stage: places, kinds of path, and actors, with depth and without."""

from __future__ import annotations

import abc
import dataclasses
import re
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dsrbench.sprites.world.bitmaps import extent
from dsrbench.sprites.world.mix import draw_kind
from dsrbench.sprites.world.scenes import SCENES, WIDTH
from dsrbench.sprites.world.spec import FRAMES, Actor, ClipSpec, Gait, Kind
from dsrbench.types import Floats, Prompt

MARGIN = 0.4
"""Minimum distance of a subject beside the object from the edge of the picture, pixels."""


@dataclasses.dataclass(frozen=True)
class Stage(abc.ABC):
    """Subject and object of a clip.

    Attributes:
        subject: Noun of the subject.
        object: Noun of the object.
        size: Index of the subject's size.
        object_size: Index of the object's size.
        x: Middle column of the object, pixels.
        base: Lowest row of the object, pixels.
    """

    codes: ClassVar[str]
    """Codes of the relations that the stage has places for."""
    partial: ClassVar[tuple[float, float]]
    """Share of the path that a clip of kind `PARTIAL` covers, from least to most."""

    subject: str
    object: str
    size: int
    object_size: int
    x: float
    base: float

    @abc.abstractmethod
    def place(self, code: str, rng: np.random.Generator) -> tuple[float, float]:
        """Return the subject's middle column and its row in a relation to the object, pixels."""

    @abc.abstractmethod
    def move(self, relations: str, kind: Kind, gait: Gait, rng: np.random.Generator) -> Actor:
        """Make a subject that moves as its kind says."""

    @abc.abstractmethod
    def make_subject(self, x: Floats, row: Floats, lift: Floats | float, rng: np.random.Generator) -> Actor:
        """Make a subject with its middle column and row in every frame, lifted by a number of pixels."""

    def extents(self) -> tuple[float, float, float, float]:
        """Return width and height of the subject, then of the object."""
        a, b = extent(self.subject, self.size), extent(self.object, self.object_size)
        return a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1]

    def limits(self) -> tuple[float, float]:
        """Return the first and the last middle column of a subject that lies within the picture."""
        half = self.extents()[0] / 2
        return half + MARGIN, WIDTH - half - MARGIN

    def reach(self) -> float:
        """Return the distance between the middles of subject and object where their sides touch."""
        width, _, object_width, _ = self.extents()
        return (width + object_width) / 2

    def draw_beside(self, code: str, rng: np.random.Generator) -> float:
        """Draw the middle column of a subject to the left or to the right of the object."""
        reach = self.reach() + rng.uniform(0.5, 3)
        return float(np.clip(self.x - reach if code == "L" else self.x + reach, *self.limits()))

    def stand(self, code: str, rng: np.random.Generator) -> Actor:
        """Make a subject that stays, or bobs a little."""
        x, row = self.place(code, rng)
        bob = rng.uniform(0, 0.6) * np.abs(np.sin(np.arange(FRAMES) * rng.uniform(0.3, 0.8)))
        return self.make_subject(np.full(FRAMES, x), np.full(FRAMES, row), bob, rng)

    def draw_path(
        self, relations: str, kind: Kind, rng: np.random.Generator
    ) -> tuple[tuple[float, float], tuple[float, float], Floats]:
        """Draw both ends of a subject's path, and the share of it that is covered in each frame."""
        start, end = self.place(relations[0], rng), self.place(relations[1], rng)
        progress = draw_progress(rng)
        if kind is Kind.PARTIAL:
            progress = progress * rng.uniform(*self.partial)
        elif kind is Kind.REVERSED:
            start, end = end, start
        elif kind is Kind.WANDER:
            if rng.random() < 0.5:
                others = [code for code in self.codes if code not in relations]
                start, end = self.place(str(rng.choice(others)), rng), start
            else:
                progress = np.sin(np.pi * progress) * rng.uniform(0.3, 0.6)
        return start, end, progress


def assemble_spec(
    prompt: Prompt,
    rng: np.random.Generator,
    *,
    kind: Kind | str | None,
    draw_stage: Callable[[Prompt, np.random.Generator], Stage],
) -> ClipSpec:
    """Draw kind, scene, stage and gait of a checked prompt, and make its actors."""
    chosen = draw_kind(prompt.type, rng) if kind is None else Kind(kind)
    scene = prompt.scene or str(rng.choice(list(SCENES)))
    stage = draw_stage(prompt, rng)
    still = np.full(FRAMES, stage.x), np.full(FRAMES, stage.base)
    object_ = Actor(stage.object, stage.object_size, *still, still[1], np.zeros(FRAMES, bool), stage.base)
    if chosen is Kind.NONE:
        return ClipSpec(scene, chosen, (object_,), None, 0)
    gait = draw_gait(prompt.text, rng)
    standing = {Kind.STATIC_START: prompt.type[0], Kind.STATIC_END: prompt.type[1], Kind.TWO: prompt.type}
    subjects = [stage.stand(code, rng) for code in standing.get(chosen, "")]
    return ClipSpec(scene, chosen, (object_, *(subjects or [stage.move(prompt.type, chosen, gait, rng)])), 1, 0)


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


def find_facing(x: Floats, towards: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Tell for each frame whether an actor faces left: along its next move; if it never moves, towards the object."""
    step = np.gradient(x)
    moving = np.flatnonzero(np.abs(step) > 0.05)
    if not len(moving):
        left = rng.random() < 0.5 if abs(towards - x[0]) < 3 else towards < x[0]
        return np.full(len(x), left)
    last = moving[np.maximum(np.searchsorted(moving, np.arange(len(x)), side="right") - 1, 0)]
    return np.asarray(step[last] < 0)
