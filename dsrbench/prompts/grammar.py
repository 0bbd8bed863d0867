"""Parse the text of a prompt into its fields, such as "a cat is left of a chair, then it walks to its right"."""

from __future__ import annotations

import hashlib
import re

from dsrbench.errors import PromptError
from dsrbench.prompts.phrases import EXAMPLE
from dsrbench.prompts.reader import Reader
from dsrbench.types import Prompt

MAX_TEXT = 4000
"""Maximum length of a text, characters."""


def parse_prompt(text: str, *, id: str | None = None) -> Prompt:
    """Read a sentence such as "{scene}, a {subject} is {phrase} a {object}, then the {subject} {verb} {phrase} it."

    Nouns keep their adjectives, lose their article, and keep the case they are written in.

    Args:
        text: One prompt.
        id: Name of the prompt; by default made from the nouns, the relations and a hash of the text.

    Returns:
        The prompt, with its text unchanged except for white space at the ends.

    Raises:
        PromptError: The text cannot be read; the message names the part and quotes the words at fault.

    >>> prompt = parse_prompt("A cat sits left of a chair and then jumps on top of it.")
    >>> prompt.subject, prompt.object, prompt.type, prompt.id
    ('cat', 'chair', 'LT', 'cat-chair-lt-6a736214')
    """
    if not isinstance(text, str) or not text.strip():
        raise PromptError(f"expected the text of a prompt, got {text!r}. A sentence that works: {EXAMPLE!r}")
    if len(text) > MAX_TEXT:
        raise PromptError(f"expected one prompt of at most {MAX_TEXT} characters, got {len(text)}")
    text = text.strip()
    reading = Reader(text).read()
    type_ = "".join(r.value for r in reading.relations)
    return Prompt(
        id=id if id is not None else _slug(f"{reading.subject} {reading.object} {type_}", text),
        text=text,
        subject=reading.subject,
        object=reading.object or "",
        relations=tuple(reading.relations),
        scene=reading.scene,
    )


def _slug(words: str, text: str) -> str:
    start = re.sub(r"[^a-z0-9]+", "-", words.casefold()).strip("-")
    return f"{start}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
