"""Compose the canonical sentence of a prompt from its fields."""

from __future__ import annotations

from collections.abc import Sequence

from dsrbench.errors import PromptError
from dsrbench.prompts.grammar import parse_prompt
from dsrbench.prompts.phrases import (
    A_BEFORE_VOWEL,
    AN_BEFORE_CONSONANT,
    AN_IN_SPITE,
    FINAL_PHRASES,
    INITIAL_PHRASES,
    MOTION_PHRASES,
)
from dsrbench.types import Clause, Direction, Prompt, Relation


def add_article(noun: str) -> str:
    """Return the noun with "a" or "an" before it, with the usual exceptions by sound.

    >>> [add_article(noun) for noun in ("cat", "owl", "hourglass", "unicycle")]
    ['a cat', 'an owl', 'an hourglass', 'a unicycle']
    """
    start = noun.casefold()
    vowel = start.startswith(tuple("aeiou"))
    if start.startswith(A_BEFORE_VOWEL) and not start.startswith(AN_IN_SPITE):
        vowel = False
    if start.startswith(AN_BEFORE_CONSONANT):
        vowel = True
    return f"{'an' if vowel else 'a'} {noun}"


def compose_text(
    *,
    subject: str,
    object: str,
    relations: str | Sequence[str | Relation],
    scene: str = "",
    verb: str | Sequence[str] | None = None,
) -> str:
    """Write the canonical sentence, which `parse_prompt` reads back to the same fields.

    Args:
        subject: Noun that moves, without article.
        object: Noun that stays, without article.
        relations: Codes or relations, in time order; a single one holds throughout.
        scene: The place, such as "In a sunlit office"; may be empty.
        verb: Verb of the subject's moves, third person; by default "moves". Several verbs are for one move each.

    Raises:
        PromptError: A relation is unknown, the numbers of verbs and moves differ, or the words could not be read back,
            such as a noun that contains a relation.

    >>> compose_text(subject="owl", object="bench", relations="LT", scene="In a park", verb="flies")
    'In a park, an owl is on the left of a bench, then the owl flies to the top of the bench.'
    """
    chain = Relation.chain(relations)
    place = scene.strip().rstrip(",").rstrip()
    sentence = f"{add_article(subject)} is {INITIAL_PHRASES[chain[0]]} {add_article(object)}"
    for relation, moves in zip(chain[1:], spread_verbs(verb, len(chain) - 1), strict=True):
        sentence += f", then the {subject} {moves} {FINAL_PHRASES[relation]} the {object}"
    text = f"{place}, {sentence}." if place else f"{sentence[0].upper()}{sentence[1:]}."
    read = parse_prompt(text)
    _check(read, [Clause(subject, object, chain)] if subject and object else [], place)
    return text


def compose_motion(*, subject: str, direction: Direction | str, scene: str = "", verb: str = "moves") -> str:
    """Write the canonical sentence of a motion, which `parse_prompt` reads back to the same fields.

    Args:
        subject: Noun that moves, without article.
        direction: The direction or its code.
        scene: The place, such as "In a sunlit office"; may be empty.
        verb: Verb of the motion, third person.

    Raises:
        PromptError: The direction is unknown, or the words could not be read back.

    >>> compose_motion(subject="owl", direction=">L", scene="In a park", verb="flies")
    'In a park, an owl flies to the left.'
    """
    direction = Direction(direction)
    place = scene.strip().rstrip(",").rstrip()
    sentence = f"{add_article(subject)} {verb} {MOTION_PHRASES[direction]}"
    text = f"{place}, {sentence}." if place else f"{sentence[0].upper()}{sentence[1:]}."
    _check(parse_prompt(text), [Clause(subject, direction=direction)], place)
    return text


def _check(read: Prompt, clauses: Sequence[Clause], scene: str) -> None:
    """Check that a sentence is read as it is meant.

    Raises:
        PromptError: It is not.
    """
    if (list(read.clauses), read.scene) != (list(clauses), scene):
        raise PromptError(
            f"the sentence would be read otherwise than meant: {read.text!r} reads as subject {read.subject!r}, object "
            f"{read.object!r}, relations {read.type!r}, scene {read.scene!r}; choose simpler words"
        )


def spread_verbs(verb: str | Sequence[str] | None, n_moves: int) -> list[str]:
    """Return one verb for each move.

    Raises:
        PromptError: There are several verbs, but not one for each move.

    >>> spread_verbs("walks", 2), spread_verbs(None, 1)
    (['walks', 'walks'], ['moves'])
    """
    verbs = [verb or "moves"] * n_moves if verb is None or isinstance(verb, str) else list(verb)
    if len(verbs) != n_moves:
        raise PromptError(f"expected a verb for each of {n_moves} moves, got {', '.join(verbs) or 'none'}")
    return verbs
