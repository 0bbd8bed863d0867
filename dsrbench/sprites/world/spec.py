"""What a clip shows, as values: places, actors, and where each of them is in every frame."""

from __future__ import annotations

import dataclasses
import enum

import numpy as np
from numpy.typing import NDArray

from dsrbench.types import Floats

FRAMES = 16
FPS = 8.0


class Kind(enum.StrEnum):
    """How a clip treats its prompt; all but the first disobey it."""

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
    """How a subject covers its way; the value is the verb of the prompt."""

    STRAIGHT = "walks"
    HOPPING = "hops"
    ARCHED = "jumps"


@dataclasses.dataclass(frozen=True, eq=False)
class Actor:
    """One sprite and its way through the clip.

    Attributes:
        noun: Animal or object.
        size: Index into the world's sizes.
        x: Centre in pixels, float64 `[T]`.
        base: Lowest row it touches, in pixels from the top, float64 `[T]`.
        ground: Row of its shadow, float64 `[T]`; on top of an object this is the object's top.
        mirrored: Whether it faces left, bool `[T]`.
        depth: Larger is nearer; nearer actors hide those behind.
    """

    noun: str
    size: int
    x: Floats
    base: Floats
    ground: Floats
    mirrored: NDArray[np.bool_]
    depth: float


@dataclasses.dataclass(frozen=True, eq=False)
class ClipSpec:
    """A clip that can be rendered.

    Attributes:
        scene: Place, as prompts name it.
        kind: How it treats the prompt.
        actors: Everything in it; nouns may repeat.
        subject: Index of the actor that stands for the prompt's subject; None where it does not appear.
        object: Index of the prompt's object.
    """

    scene: str
    kind: Kind
    actors: tuple[Actor, ...]
    subject: int | None
    object: int
