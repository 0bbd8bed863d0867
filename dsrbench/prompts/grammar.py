"""Parse the text of a prompt into its claims, such as "a cat is left of a chair, then it walks to its right"."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence

from dsrbench.errors import PromptError
from dsrbench.prompts.phrases import EXAMPLE, MOTION_EXAMPLE, STATIC_EXAMPLE
from dsrbench.prompts.reader import Reader
from dsrbench.prompts.repairs import repair
from dsrbench.prompts.statements import is_picture, read_statements, says_order
from dsrbench.types import Clause, Prompt

MAX_TEXT = 4000
"""Maximum length of a text, characters."""

MAX_SLUG = 120
"""Maximum length of an id without its hash, characters."""

_TYPE_WORDS = {">L": "to left", ">R": "to right", ">U": "up", ">D": "down"}


@dataclasses.dataclass(frozen=True)
class Reading:
    """The result of reading a text.

    Attributes:
        prompt: The prompt.
        notes: Notes about what was read otherwise than written, or left out.
    """

    prompt: Prompt
    notes: tuple[str, ...] = ()


def parse_prompt(text: str, *, id: str | None = None) -> Prompt:
    """Read a text such as "a cat is on the left of a chair, then the cat walks to the right of the chair".

    Three kinds of sentences are read: relations in time order, one relation that holds throughout ("a kite above a
    house"), and motions ("a dog runs leftwards"); the latter two also for several subjects. Nouns keep their
    adjectives, lose their article, and keep the case they are written in.

    Args:
        text: One prompt.
        id: Name of the prompt; by default made from the nouns, the relations and a hash of the text.

    Returns:
        The prompt, with its text unchanged except for white space at the ends.

    Raises:
        PromptError: The text cannot be read with certainty; the message quotes the words at fault.

    >>> prompt = parse_prompt("A cat sits left of a chair and then jumps on top of it.")
    >>> prompt.subject, prompt.object, prompt.type, prompt.id
    ('cat', 'chair', 'LT', 'cat-chair-lt-6a736214')
    >>> parse_prompt("A kite flies above a house.").type, parse_prompt("A dog runs leftwards.").type
    ('T', '>L')
    """
    return read_prompt(text, id=id).prompt


def read_prompt(text: str, *, id: str | None = None) -> Reading:
    """Read a text as `parse_prompt` does, with notes about what was read otherwise than written.

    Raises:
        PromptError: The text cannot be read with certainty.
    """
    if not isinstance(text, str) or not text.strip():
        raise PromptError(f"expected the text of a prompt, got {text!r}. A sentence that works: {EXAMPLE!r}")
    if len(text) > MAX_TEXT:
        raise PromptError(f"expected one prompt of at most {MAX_TEXT} characters, got {len(text)}")
    text = text.strip()
    sentence, notes = repair(text)
    clauses, scene, more = _read_clauses(sentence)
    name = id if id is not None else _slug(clauses, text)
    return Reading(Prompt.of_clauses(name, text, clauses, scene=scene), (*notes, *more))


def _read_clauses(sentence: str) -> tuple[tuple[Clause, ...], str, tuple[str, ...]]:
    """Return claims, scene and notes of a sentence in usual words.

    A sentence that has an order in time is one of relations in time order, or none. A way from one side of the picture
    to the other is a motion.
    """
    try:
        reading = Reader(sentence).read()
        if not is_picture(reading.object or ""):
            return (Clause(reading.subject, reading.object or "", tuple(reading.relations)),), reading.scene, ()
    except PromptError:
        if says_order(sentence):
            raise
    try:
        statements = read_statements(sentence)
    except PromptError as error:
        examples = f"{EXAMPLE!r}, {STATIC_EXAMPLE!r}, {MOTION_EXAMPLE!r}"
        raise PromptError(f"{error}. Sentences that work: {examples}") from None
    return statements.clauses, statements.scene, statements.notes


def _slug(clauses: Sequence[Clause], text: str) -> str:
    """Return an id of the nouns and types of the claims, and a hash of the text."""
    words = " ".join(
        f"{clause.subject} {clause.object} {_TYPE_WORDS.get(clause.type, clause.type)}" for clause in clauses
    )
    start = re.sub(r"[^a-z0-9]+", "-", words.casefold()).strip("-")[:MAX_SLUG].rstrip("-")
    return f"{start}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
