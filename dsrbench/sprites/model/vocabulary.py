"""Vocabulary of the model: the words of the canonical sentences about the sprites world."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dsrbench.errors import PromptError, near_matches
from dsrbench.prompts.phrases import FINAL_PHRASES, INITIAL_PHRASES
from dsrbench.sprites.world import ANIMALS, DEPTH_TYPES, OBJECTS, SCENES, TYPES, Gait
from dsrbench.types import Relation

PAD, EMPTY = 0, 1
"""Numbers of the padding, and of the one token of an empty text (the unconditional half of guidance)."""

LENGTH = 28
"""Maximum number of words of a sentence."""


def list_words(types: Sequence[str] = TYPES) -> list[str]:
    """List every word of the canonical sentences about some relation types, sorted.

    >>> "elephant" in list_words(), "horse" in list_words()
    (True, False)
    """
    relations = {Relation(code) for code in "".join(types)}
    phrases = [phrase[r] for phrase in (INITIAL_PHRASES, FINAL_PHRASES) for r in relations]
    verbs = [gait.value for gait in Gait]
    return sorted(
        set(" ".join([*ANIMALS, *OBJECTS, *SCENES, *phrases, *verbs, "a an is the then moves"]).lower().split())
    )


def list_depth_words() -> list[str]:
    """List the words that sentences with depth need in addition to `list_words`, sorted.

    >>> list_depth_words()
    ['behind', 'front']
    """
    return sorted(set(list_words(DEPTH_TYPES)) - set(list_words()))


def encode_text(text: str, words: Sequence[str]) -> list[int]:
    """Encode a sentence as `LENGTH` word numbers, padded with `PAD`; the empty text is one `EMPTY`.

    Args:
        text: Canonical sentence, or an empty text.
        words: Vocabulary; its first word has the number 2.

    Raises:
        PromptError: The model does not know a word, or there are too many words.

    >>> encode_text("", ["a", "cat"])[:3], encode_text("A cat.", ["a", "cat"])[:3]
    ([1, 0, 0], [2, 3, 0])
    """
    text_words = re.findall(r"[^\W_]+", text.lower())
    if len(text_words) > LENGTH:
        raise PromptError(f"the sprites model reads at most {LENGTH} words, got {len(text_words)}: {text!r}")
    numbers = {word: number for number, word in enumerate(words, 2)}
    for word in text_words:
        if word not in numbers:
            raise PromptError(f"the sprites model does not know the word {word!r}{near_matches(word, words)}")
    numbers_of_text = [numbers[word] for word in text_words] or [EMPTY]
    return numbers_of_text + [PAD] * (LENGTH - len(numbers_of_text))
