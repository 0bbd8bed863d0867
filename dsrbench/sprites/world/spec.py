"""Specification of a clip: its scene, its actors, and their positions in every frame."""

from __future__ import annotations

import dataclasses
import enum

import numpy as np
from numpy.typing import NDArray

from dsrbench.types import Floats

FRAMES = 16
"""Number of frames of a clip."""
FPS = 8.0
"""Frames per second of a clip."""


class Kind(enum.StrEnum):
    """Kind of a clip: whether and how it obeys its prompt; only the first kind does."""

    CORRECT = "correct"
    STATIC_START = "static_start"
    STATIC_END = "static_end"
    PARTIAL = "partial"
    REVERSED = "reversed"
    WANDER = "wander"
    LEAVES = "leaves"
    TWO = "two"
    NONE = "none"


class Gait(enum.StrEnum):
    """Gait of a subject; the value is the verb of the prompt."""

    STRAIGHT = "walks"
    HOPPING = "hops"
    ARCHED = "jumps"


@dataclasses.dataclass(frozen=True, eq=False)
class Actor:
    """One sprite and its path through the clip.

    Attributes:
        noun: Noun of the animal or object.
        size: Index into the world's sizes.
        x: Centre in pixels, float64 `[T]`.
        base: Lowest row it touches, in pixels from the top, float64 `[T]`.
        ground: Row of its shadow, float64 `[T]`; on top of an object this is the object's top.
        mirrored: Whether it faces left, bool `[T]`.
        depth: Nearness to the viewer, a number or float64 `[T]`; actors with a larger value hide those with a smaller
            one.
        sizes: Index into the world's sizes in each frame, int64 `[T]`, of an actor that comes nearer or goes away; None
            for one of a single size.
    """

    noun: str
    size: int
    x: Floats
    base: Floats
    ground: Floats
    mirrored: NDArray[np.bool_]
    depth: float | Floats
    sizes: NDArray[np.int64] | None = None

    def size_at(self, t: int) -> int:
        """Return the index of the size in a frame."""
        return self.size if self.sizes is None else int(self.sizes[t])


@dataclasses.dataclass(frozen=True, eq=False)
class ClipSpec:
    """Specification of a clip that can be rendered.

    Attributes:
        scene: Name of the place in prompts.
        kind: Whether and how the clip obeys the prompt.
        actors: All animals and objects of the clip; nouns may repeat.
        subject: Index of the actor that is the prompt's subject; None if it does not appear.
        object: Index of the actor that is the prompt's object.
    """

    scene: str
    kind: Kind
    actors: tuple[Actor, ...]
    subject: int | None
    object: int
