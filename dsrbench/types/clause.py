"""The values of a claim: relations, directions of motion, and the clauses that a prompt is made of."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

from dsrbench.errors import PromptError


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
    def opposite(self) -> Relation:
        """The relation that says the opposite."""
        pairs = ((Relation.LEFT, Relation.RIGHT), (Relation.TOP, Relation.UNDER), (Relation.FRONT, Relation.BEHIND))
        return next(b if self is a else a for a, b in pairs if self in (a, b))

    @property
    def needs_depth(self) -> bool:
        """Whether boxes alone do not decide it: front and behind need depth."""
        return self in (Relation.FRONT, Relation.BEHIND)

    @classmethod
    def chain(cls, codes: str | Sequence[str | Relation]) -> tuple[Relation, ...]:
        """Read one or more relations from codes.

        Args:
            codes: `"LR"`, `["L", "R"]` or relations.

        Raises:
            PromptError: An unknown code, or none.

        >>> Relation.chain("LT")
        (<Relation.LEFT: 'L'>, <Relation.TOP: 'T'>)
        """
        try:
            chain = tuple(cls(code) for code in codes)
        except PromptError as error:
            raise PromptError(f"unknown relation in {codes!r}: {error}") from None
        if not chain:
            raise PromptError(f"expected relations, such as 'LR' from left to right or 'L' throughout; got {codes!r}")
        return chain


class Direction(enum.StrEnum):
    """A direction in which a subject moves through the scene, as the viewer sees it; the value is its code in types."""

    LEFT = ">L"
    RIGHT = ">R"
    UP = ">U"
    DOWN = ">D"

    @classmethod
    def _missing_(cls, value: object) -> Direction:
        codes = ", ".join(f"{d.value} ({d.name.lower()})" for d in cls)
        raise PromptError(f"{value!r} is no direction of motion. Known codes: {codes}")

    @property
    def mirrored(self) -> Direction:
        """The same direction seen in a mirror: left and right swap, the others stay."""
        return {Direction.LEFT: Direction.RIGHT, Direction.RIGHT: Direction.LEFT}.get(self, self)

    @property
    def opposite(self) -> Direction:
        """The opposite direction."""
        return {Direction.UP: Direction.DOWN, Direction.DOWN: Direction.UP}.get(self, self.mirrored)


class Kind(enum.StrEnum):
    """Kind of what a prompt claims; the paper has the first alone, the others are extensions."""

    DYNAMIC = "dynamic"
    DEPTH = "depth"
    STATIC = "static"
    MOTION = "motion"
    SEVERAL = "several"


@dataclasses.dataclass(frozen=True)
class Clause:
    """A claim about one subject: its relations to an object in time order, or the direction in which it moves.

    Attributes:
        subject: Noun of the entity that the claim is about.
        object: Noun of the entity that it is related to; empty for a motion.
        relations: Relations of subject to object in time order; a single one should hold throughout. Empty for a
            motion.
        direction: Direction of a motion; None for relations.

    Raises:
        PromptError: A noun is missing, both nouns are the same, or there is not either an object with relations or a
            direction.

    >>> Clause("cat", "box", (Relation.LEFT,)).type, Clause("drone", direction=Direction.UP).type
    ('L', '>U')
    """

    subject: str
    object: str = ""
    relations: tuple[Relation, ...] = ()
    direction: Direction | None = None

    def __post_init__(self) -> None:
        for name in ("subject", "object"):
            value = getattr(self, name)
            if not isinstance(value, str) or (not value.strip() and (name == "subject" or self.direction is None)):
                raise PromptError(f"{name} must be a non-empty text, got {value!r}")
        if self.direction is not None:
            if self.object or self.relations:
                raise PromptError(
                    f"the motion of {self.subject!r} has neither object nor relations, got {self.object!r} and "
                    f"{self.relations!r}"
                )
            object.__setattr__(self, "direction", Direction(self.direction))
            return
        if self.subject.casefold() == self.object.casefold():
            raise PromptError(f"subject and object are both {self.subject!r}; they must differ")
        object.__setattr__(self, "relations", Relation.chain(self.relations))

    @classmethod
    def of_type(cls, subject: str, object: str, type: str) -> Clause:
        """Return the clause with a type, such as `"LR"`, `"L"` or `">L"`.

        Args:
            subject: Noun of the subject.
            object: Noun of the object; empty for a motion.
            type: Relation codes joined, or the code of a direction.

        Raises:
            PromptError: An unknown code, or nouns that do not fit.
        """
        if not isinstance(type, str):
            raise PromptError(f"expected codes such as 'LR' or '>L', got {type!r}")
        if type.startswith(">"):
            return cls(subject, object, direction=Direction(type))
        return cls(subject, object, Relation.chain(type))

    @property
    def type(self) -> str:
        """The relation codes joined, initial first, such as `"LR"`, or the code of the direction, such as `">L"`."""
        return self.direction.value if self.direction else "".join(r.value for r in self.relations)

    @property
    def is_static(self) -> bool:
        """Whether one relation should hold throughout."""
        return len(self.relations) == 1

    @property
    def needs_depth(self) -> bool:
        """Whether a relation needs depth."""
        return any(relation.needs_depth for relation in self.relations)

    @property
    def kind(self) -> Kind:
        """The kind of the claim; one that needs depth is of that kind, whether it is dynamic or static."""
        if self.direction is not None:
            return Kind.MOTION
        if self.needs_depth:
            return Kind.DEPTH
        return Kind.STATIC if self.is_static else Kind.DYNAMIC

    @property
    def nouns(self) -> tuple[str, ...]:
        """The subject and, where there is one, the object."""
        return (self.subject, self.object) if self.object else (self.subject,)
