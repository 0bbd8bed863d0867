"""The words the model reads: those of the prompt grammar's canonical sentences about the sprites world."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dsrbench.errors import PromptError, near_matches
from dsrbench.prompts.phrases import FINAL_PHRASES, INITIAL_PHRASES
from dsrbench.sprites.world import ANIMALS, OBJECTS, SCENES, TYPES, Gait
from dsrbench.types import Relation

PAD, EMPTY = 0, 1
"""Identifiers of "no word", and of the one word of an empty text (guidance's unconditional half)."""

LENGTH = 28
"""Words a sentence may have."""


def list_words() -> list[str]:
    """Every word of the canonical sentences, sorted.

    >>> "elephant" in list_words(), "horse" in list_words()
    (True, False)
    """
    relations = {Relation(code) for code in "".join(TYPES)}
    phrases = [phrase[r] for phrase in (INITIAL_PHRASES, FINAL_PHRASES) for r in relations]
    verbs = [gait.value for gait in Gait]
    return sorted(
        set(" ".join([*ANIMALS, *OBJECTS, *SCENES, *phrases, *verbs, "a an is the then moves"]).lower().split())
    )


def encode_text(text: str, words: Sequence[str]) -> list[int]:
    """Word numbers of a sentence, `LENGTH` of them, filled up with `PAD`; the empty text is one `EMPTY`.

    Args:
        text: A canonical sentence, or nothing.
        words: The vocabulary; its first word has the number 2.

    Raises:
        PromptError: A word the model does not know, or too many of them.

    >>> encode_text("", ["a", "cat"])[:3], encode_text("A cat.", ["a", "cat"])[:3]
    ([1, 0, 0], [2, 3, 0])
    """
    said = re.findall(r"[^\W_]+", text.lower())
    if len(said) > LENGTH:
        raise PromptError(f"the sprites model reads at most {LENGTH} words, got {len(said)}: {text!r}")
    numbers = {word: number for number, word in enumerate(words, 2)}
    for word in said:
        if word not in numbers:
            raise PromptError(f"the sprites model does not know the word {word!r}{near_matches(word, words)}")
    found = [numbers[word] for word in said] or [EMPTY]
    return found + [PAD] * (LENGTH - len(found))
