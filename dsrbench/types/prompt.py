"""The values of a prompt: the prompt itself, and the numbers of frames in the rules of the metric."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence

from dsrbench.errors import InputError, PromptError
from dsrbench.types.clause import Clause, Direction, Kind, Relation

PUBLISHED_FRAMES = 81
"""Frames a clip of the paper has; the published counts belong to this length (arXiv 2602.22745)."""

DEFAULT_WORDING = "default"
"""The name of a prompt's own words among its wordings."""


@dataclasses.dataclass(frozen=True)
class Prompt:
    """A prompt: what a video was asked to show.

    The usual prompt makes one claim, whose fields are the prompt's own. Claims about further subjects follow in
    `further`; `clauses` has them all.

    Attributes:
        id: Name of the prompt, unique in its suite.
        text: The words given to the model.
        subject: Noun of the entity that the claim is about.
        object: Noun of the entity that it is related to; empty for a motion.
        relations: Relations of subject to object, in time order; a single one should hold throughout. Empty for a
            motion.
        scene: The place, as in "In a sunlit office"; may be empty.
        split: `train`, `validation`, `test`, or empty.
        tags: Free labels, such as a difficulty.
        direction: Direction in which the subject moves, of a claim without an object; otherwise None.
        further: Claims about further subjects; usually empty.

    Raises:
        PromptError: A text is empty, or a claim is malformed.
    """

    id: str
    text: str
    subject: str
    object: str
    relations: tuple[Relation, ...]
    scene: str = ""
    split: str = ""
    tags: tuple[str, ...] = ()
    direction: Direction | None = None
    further: tuple[Clause, ...] = ()

    def __post_init__(self) -> None:
        for name in ("id", "text"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise PromptError(f"prompt {self.id!r}: {name} must be a non-empty text, got {value!r}")
        try:
            first = Clause(self.subject, self.object, self.relations, self.direction)
        except PromptError as error:
            raise PromptError(f"prompt {self.id!r}: {error}") from None
        object.__setattr__(self, "relations", first.relations)
        object.__setattr__(self, "direction", first.direction)

    @classmethod
    def of_clauses(
        cls,
        id: str,
        text: str,
        clauses: Sequence[Clause],
        *,
        scene: str = "",
        split: str = "",
        tags: tuple[str, ...] = (),
    ) -> Prompt:
        """Return a prompt that makes claims.

        Raises:
            PromptError: There is no claim, or a text is empty.
        """
        if not clauses:
            raise PromptError(f"prompt {id!r}: expected at least one claim")
        first, *further = clauses
        return cls(
            id,
            text,
            first.subject,
            first.object,
            first.relations,
            scene,
            split,
            tags,
            first.direction,
            tuple(further),
        )

    @functools.cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """All claims, one per subject, in the order of the text."""
        return (Clause(self.subject, self.object, self.relations, self.direction), *self.further)

    def alone(self, clause: Clause) -> Prompt:
        """Return this prompt with one of its claims only."""
        if not self.further:
            return self
        return Prompt.of_clauses(self.id, self.text, [clause], scene=self.scene, split=self.split, tags=self.tags)

    @property
    def type(self) -> str:
        """The types of all claims joined by `+`: `"LR"`, `"L"`, `">L"`, or `">L+>R"`."""
        return "+".join(clause.type for clause in self.clauses)

    @property
    def needs_depth(self) -> bool:
        """Whether a claim has a relation in depth."""
        return any(clause.needs_depth for clause in self.clauses)

    @property
    def has_motion(self) -> bool:
        """Whether a claim is a motion."""
        return any(clause.direction is not None for clause in self.clauses)

    @property
    def kind(self) -> Kind:
        """The kind of the claim, or that there are several."""
        return Kind.SEVERAL if self.further else self.clauses[0].kind

    @property
    def nouns(self) -> tuple[str, ...]:
        """The distinct nouns of all claims, in their order."""
        return tuple(dict.fromkeys(noun for clause in self.clauses for noun in clause.nouns))

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
