"""The values of a prompt: relations, the prompt itself, and the numbers of frames in the rules of the metric."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Sequence

from dsrbench.errors import InputError, PromptError

PUBLISHED_FRAMES = 81
"""Frames a clip of the paper has; the published counts belong to this length (arXiv 2602.22745)."""

DEFAULT_WORDING = "default"
"""The name of a prompt's own words among its wordings."""


class Relation(enum.StrEnum):
    """Where the subject is, seen from the object; the value is the one-letter code of the paper and its scripts."""

    LEFT = "L"
    RIGHT = "R"
    TOP = "T"
    UNDER = "U"
    FRONT = "F"
    BEHIND = "B"

    @classmethod
    def _missing_(cls, value: object) -> Relation:
        codes = ", ".join(f"{r.value} ({r.name.lower()})" for r in cls)
        raise PromptError(f"{value!r} is no relation. Known codes: {codes}")

    @property
    def mirrored(self) -> Relation:
        """The same relation seen in a mirror: left and right swap, the others stay."""
        return {Relation.LEFT: Relation.RIGHT, Relation.RIGHT: Relation.LEFT}.get(self, self)

    @property
    def is_scored(self) -> bool:
        """Whether boxes alone decide it; front and behind need depth."""
        return self not in (Relation.FRONT, Relation.BEHIND)

    @classmethod
    def chain(cls, codes: str | Sequence[str | Relation]) -> tuple[Relation, ...]:
        """Read two or more relations from codes.

        Args:
            codes: `"LR"`, `["L", "R"]` or relations.

        Raises:
            PromptError: An unknown code, or fewer than two.

        >>> Relation.chain("LT")
        (<Relation.LEFT: 'L'>, <Relation.TOP: 'T'>)
        """
        try:
            chain = tuple(cls(code) for code in codes)
        except PromptError as error:
            raise PromptError(f"unknown relation in {codes!r}: {error}") from None
        if len(chain) < 2:
            raise PromptError(f"expected an initial and a final relation, such as 'LR'; got {codes!r}")
        return chain


@dataclasses.dataclass(frozen=True)
class Prompt:
    """A prompt: what a video was asked to show.

    Attributes:
        id: Name of the prompt, unique in its suite.
        text: The words given to the model.
        subject: The noun that moves.
        object: The noun that stays.
        relations: Two or more relations of subject to object, in time order.
        scene: The place, as in "In a sunlit office"; may be empty.
        split: `train`, `validation`, `test`, or empty.
        tags: Free labels, such as a difficulty.
    """

    id: str
    text: str
    subject: str
    object: str
    relations: tuple[Relation, ...]
    scene: str = ""
    split: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("id", "text", "subject", "object"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise PromptError(f"prompt {self.id!r}: {name} must be a non-empty text, got {value!r}")
        if self.subject.casefold() == self.object.casefold():
            raise PromptError(f"prompt {self.id!r}: subject and object are both {self.subject!r}; they must differ")
        object.__setattr__(self, "relations", Relation.chain(self.relations))

    @property
    def type(self) -> str:
        """The relation codes joined, initial first, such as `"LR"`."""
        return "".join(r.value for r in self.relations)

    @property
    def wording(self) -> str:
        """Which of several wordings this is; empty where the suite has one alone."""
        return next((tag.removeprefix("wording:") for tag in self.tags if tag.startswith("wording:")), "")

    @property
    def source_id(self) -> str:
        """The id without its wording: prompts that mean the same have the same one."""
        return self.id.removesuffix(f"~{self.wording}") if self.wording else self.id


@dataclasses.dataclass(frozen=True)
class FrameCounts:
    """Numbers of frames in the rules of the metric (dsrbench scales the published counts to a clip's length).

    Attributes:
        scored: Fewest frames with a score, and fewest valid frames of the anchor rule (published: 20).
        redundant: Most frames with surplus detections (published: 16).
        run: Fewest consecutive valid frames at the anchor (published: 4).
        window: Frames averaged at either end (published: 3).
        gap: Longest interior gap an association tracker may fill (ours, at 81 frames: 5).
    """

    scored: int = 20
    redundant: int = 16
    run: int = 4
    window: int = 3
    gap: int = 5

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, least = getattr(self, field.name), 0 if field.name in ("redundant", "gap") else 1
            if not isinstance(value, int) or value < least:
                raise InputError(f"frame count {field.name!r} must be a whole number >= {least}, got {value!r}")

    @classmethod
    def published(cls) -> FrameCounts:
        """Return the counts of the paper, whatever the length of the clip."""
        return cls()

    @classmethod
    def for_frames(cls, n_frames: int) -> FrameCounts:
        """Scale the published counts to a clip of `n_frames` frames (an extension; 81 gives the published ones).

        >>> FrameCounts.for_frames(81) == FrameCounts.published()
        True
        >>> FrameCounts.for_frames(16)
        FrameCounts(scored=4, redundant=3, run=2, window=1, gap=1)
        """
        base = cls()

        def scaled(count: int, least: int = 0) -> int:
            return max(least, math.floor(count * n_frames / PUBLISHED_FRAMES + 0.5))

        return cls(
            scored=scaled(base.scored, 4),
            redundant=scaled(base.redundant),
            run=scaled(base.run, 2),
            window=scaled(base.window, 1),
            gap=scaled(base.gap),
        )
