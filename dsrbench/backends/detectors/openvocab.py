"""The nouns of the open-vocabulary detectors: any two that are not one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dsrbench.errors import BackendError


def read_nouns(labels: Sequence[str], *, detector: str) -> list[str]:
    """Write labels as an open-vocabulary model takes them: lower case, without the dots that part its phrases.

    Raises:
        BackendError: Nothing is left of a label, or two labels become one.

    >>> read_nouns(["St. Bernard", "dog house"], detector="grounding-dino")
    ['st bernard', 'dog house']
    """
    texts = [" ".join(re.sub(r"[.?!;]", " ", label).lower().split()) for label in labels]
    for label, text in zip(labels, texts, strict=True):
        if not any(character.isalnum() for character in text):
            raise BackendError(f"{detector} cannot look for {label!r}: expected a noun")
        if texts.count(text) > 1:
            raise BackendError(f"{detector} reads {' and '.join(map(repr, labels))} as one noun, {text!r}")
    return texts


def find_liberties(labels: Sequence[str], texts: Sequence[str]) -> dict[str, str]:
    """Labels that were changed in more than case and spaces, with what is asked instead.

    >>> find_liberties(["St. Bernard", "A Chair"], ["st bernard", "a chair"])
    {'St. Bernard': 'st bernard'}
    """
    return {label: text for label, text in zip(labels, texts, strict=True) if " ".join(label.lower().split()) != text}


def check_length(tokenizer: Any, texts: Sequence[str], *, limit: int, detector: str) -> None:
    """Refuse texts a model cannot read to their end.

    Args:
        tokenizer: The model's.
        texts: Texts that the model is given.
        limit: Most tokens, its start and end marks included.
        detector: Its name.

    Raises:
        BackendError: A text is longer.
    """
    for text in texts:
        count = len(tokenizer(text)["input_ids"])
        if count > limit:
            raise BackendError(f"{detector} reads at most {limit} tokens at once; {text!r} has {count}")
