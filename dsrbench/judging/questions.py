"""The questions a judge is asked about a claim: whether it holds at either end, and which of four descriptions fits.

A judge that says yes by habit passes the first kind and fails the second. Every question is asked in several orders of
its answers, so that a liking for one letter or for the last word averages out: yes and no in both orders, four
descriptions in the four rotations, in which each stands once behind each letter.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Literal

from dsrbench.prompts.phrases import INITIAL_PHRASES
from dsrbench.types import Clause, Direction, Relation

VERSION = 1
"""Version of the wording and of the selection of frames; part of a judge's name."""

LETTERS = ("A", "B", "C", "D")
"""Letters of the four descriptions."""

MOVES = {
    Direction.LEFT: "to the left",
    Direction.RIGHT: "to the right",
    Direction.UP: "upwards",
    Direction.DOWN: "downwards",
}
"""Words for directions, as the viewer sees them."""

Part = Literal["beginning", "end", "whole"]
"""Part of a video that pictures are from."""

_PICTURES: dict[Part, str] = {
    "beginning": "These pictures are from the beginning of a video, in order.",
    "end": "These pictures are from the end of a video, in order.",
    "whole": "These pictures are from a video, in order from its beginning to its end.",
}


@dataclasses.dataclass(frozen=True)
class Wording:
    """A question as it is put to the model.

    Attributes:
        text: The text after the pictures.
        words: Word that the model answers with, for each answer of the question.
    """

    text: str
    words: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Question:
    """A question in all orders of its answers.

    Attributes:
        name: `start`, `end`, `motion` or `choice`.
        part: Part of the video that it is about.
        answers: Names of the answers; the first is the one that the prompt needs.
        wordings: The question in each order.
    """

    name: str
    part: Part
    answers: tuple[str, ...]
    wordings: tuple[Wording, ...]


def ask_claim(clause: Clause) -> list[Question]:
    """Return the questions about a claim.

    Relations are asked about at the beginning and at the end; those between, of a chain of three or more, are in the
    choice alone. A motion is asked about over the whole video.

    >>> [question.name for question in ask_claim(Clause("cat", "box", Relation.chain("LR")))]
    ['start', 'end', 'choice']
    """
    if clause.direction is not None:
        text = f"Does the {clause.subject} move {MOVES[clause.direction]}, as the viewer sees it?"
        return [_ask_yes("motion", "whole", text), _ask_choice(clause)]
    first, last = (INITIAL_PHRASES[clause.relations[i]] for i in (0, -1))
    texts = [f"Can both be seen, and is the {clause.subject} {place} the {clause.object}?" for place in (first, last)]
    return [_ask_yes("start", "beginning", texts[0]), _ask_yes("end", "end", texts[1]), _ask_choice(clause)]


def list_alternatives(clause: Clause) -> list[Clause]:
    """Return four claims of which a video shows at most one, that of the prompt first.

    >>> [other.type for other in list_alternatives(Clause("cat", "box", Relation.chain("LR")))]
    ['LR', 'RL', 'L', 'R']
    >>> [other.type for other in list_alternatives(Clause("cat", "box", Relation.chain("F")))]
    ['F', 'B', 'L', 'R']
    >>> [other.type for other in list_alternatives(Clause("kite", direction=Direction.UP))]
    ['>U', '>D', '>L', '>R']
    """
    if (direction := clause.direction) is not None:
        directions = dict.fromkeys((direction, direction.opposite, *Direction))
        return [Clause(clause.subject, direction=other) for other in directions]
    chain = tuple(relation for relation, _ in itertools.groupby(clause.relations))
    chains = [chain, *_static_chains(chain[0])] if len(chain) == 1 else _moving_chains(chain)
    return [Clause(clause.subject, clause.object, other) for other in list(dict.fromkeys(chains))[: len(LETTERS)]]


def _static_chains(relation: Relation) -> list[tuple[Relation, ...]]:
    return [(relation,), (relation.opposite,), *((other,) for other in Relation)]


def _moving_chains(chain: tuple[Relation, ...]) -> list[tuple[Relation, ...]]:
    """Return a chain, its reverse, rest at either end, and parts of it for the case that its ends are alike."""
    parts = [part for n in (1, 2) for part in zip(*(chain[i:] for i in range(n)), strict=False)]
    return [chain, chain[::-1], chain[:1], chain[-1:], *parts, *(part[::-1] for part in parts)]


def _describe(clause: Clause) -> str:
    """Return a claim as a sentence.

    >>> _describe(Clause("cat", "box", Relation.chain("LT")))
    'The cat is first on the left of the box, then on the top of the box.'
    """
    if clause.direction is not None:
        return f"The {clause.subject} moves {MOVES[clause.direction]}, as the viewer sees it."
    places = [f"{INITIAL_PHRASES[relation]} the {clause.object}" for relation in clause.relations]
    if len(places) == 1:
        return f"The {clause.subject} stays {places[0]} from beginning to end."
    return f"The {clause.subject} is first {', then '.join(places)}."


def _ask_yes(name: str, part: Part, text: str) -> Question:
    words = ("Yes", "No")
    wordings = [
        Wording(f"{_PICTURES[part]}\n{text}\nAnswer with one word, {' or '.join(order)}.", words)
        for order in (words, words[::-1])
    ]
    return Question(name, part, ("yes", "no"), tuple(wordings))


def _ask_choice(clause: Clause) -> Question:
    claims = list_alternatives(clause)
    sentences = [_describe(other) for other in claims]
    wordings = [_word_choice(sentences, turn) for turn in range(len(LETTERS))]
    return Question("choice", "whole", tuple(other.type for other in claims), tuple(wordings))


def _word_choice(sentences: Sequence[str], turn: int) -> Wording:
    """Return a choice whose descriptions are moved on by `turn` letters."""
    words = tuple(LETTERS[(i + turn) % len(LETTERS)] for i in range(len(LETTERS)))
    lines = [f"{word}. {sentence}" for word, sentence in sorted(zip(words, sentences, strict=True))]
    text = "\n".join([_PICTURES["whole"], "Which description fits the video best?", *lines])
    return Wording(f"{text}\nAnswer with one letter, {', '.join(LETTERS[:-1])} or {LETTERS[-1]}.", words)
