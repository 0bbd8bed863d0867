"""Claims that a video is scored for: relations in time order, one relation throughout, or a direction of motion."""

from __future__ import annotations

from collections.abc import Sequence

from dsrbench.errors import PromptError
from dsrbench.types import Clause, Direction, Prompt, Relation

Claim = tuple[Relation, ...] | Direction
"""Relations in time order, a single one of which should hold throughout, or the direction of a motion."""


def read_claims(prompt: Prompt | str | Sequence[Relation]) -> tuple[Claim, ...]:
    """Read the claims that a video was asked to show.

    Args:
        prompt: A prompt, its text, or codes in capitals or small letters: relations such as `"LR"`, one relation
            throughout such as `"L"`, a motion such as `">L"`, several of these joined by `+`.

    Raises:
        PromptError: Unknown codes, or a text that cannot be read.

    >>> read_claims("lt") == read_claims("A cat is on the left of a box, then the cat jumps onto the box.")
    True
    >>> read_claims(">l+R")
    (<Direction.LEFT: '>L'>, (<Relation.RIGHT: 'R'>,))
    """
    if isinstance(prompt, Prompt):
        return tuple(_claim(clause) for clause in prompt.clauses)
    if not isinstance(prompt, str):
        return (Relation.chain(prompt),)
    if any(character.isspace() for character in prompt.strip()):
        from dsrbench.prompts import parse_prompt

        return tuple(_claim(clause) for clause in parse_prompt(prompt).clauses)
    return tuple(read_claim(codes) for codes in prompt.upper().split("+"))


def read_claim(codes: str) -> Claim:
    """Read one claim from its codes in capitals, such as `"LR"` or `">L"`.

    Raises:
        PromptError: Unknown codes.
    """
    if not isinstance(codes, str):
        raise PromptError(f"expected codes such as 'LR' or '>L', got {codes!r}")
    return Direction(codes) if codes.startswith(">") else Relation.chain(codes)


def _claim(clause: Clause) -> Claim:
    return clause.direction or clause.relations
