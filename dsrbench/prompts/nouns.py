"""Noun phrases: recognise them, find their end before a verb, and compare two of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dsrbench.prompts import phrases


def is_noun(words: str) -> bool:
    """Tell whether words can name a thing: no article, verb, preposition or part of a relation is among them.

    >>> [is_noun(words) for words in ("fire hydrant", "bunch of bananas", "top of it", "chair sleeping", "building")]
    [True, True, False, False, True]
    """
    if not phrases.NOUN.fullmatch(words):
        return False
    head = words.partition(" of ")[0].casefold().split()
    if head[-1] == "side" or (head[-1] in phrases.NO_HEAD and (len(head) == 1 or " of " in words)):
        return False
    return len(head) == 1 or not phrases.NO_NOUN_END.fullmatch(head[-1]) or bool(phrases.NOUN_END.fullmatch(head[-1]))


def split_subject(words: list[str]) -> str | None:
    """Return the noun before the verb, from the words between an article and a relation; None if there is none.

    >>> split_subject("small brown dog sits quietly".split())
    'small brown dog'
    """
    lower = [word.lower() for word in words]
    later = range(1, len(words))
    cuts = [i for i in later if lower[i] in phrases.TO_BE or lower[i : i + 2] == ["can", "be"]]
    cuts += [i for i in later if lower[i] in phrases.FINITE]
    cuts += [i for i in later if lower[i] in phrases.PARTICIPLES]
    cuts += [i for i in reversed(later) if re.fullmatch(r"\w+[^suia]s", lower[i])]
    for cut in (*cuts, len(words)):
        noun = words[:cut]
        while len(noun) > 1 and re.fullmatch(r"(?!.*fly$)\w{2,}[^ie]ly|now|then|first|initially", noun[-1].lower()):
            noun = noun[:-1]
        if is_noun(" ".join(noun)) and may_pass(" ".join(words[len(noun) :])):
            return " ".join(noun)
    return None


def may_pass(words: str) -> bool:
    """Tell whether words between a subject and its relation leave the relation unchanged.

    >>> [may_pass(words) for words in ("sits quietly", "is not", "is on the left and")]
    [True, False, False]
    """
    plain = words.lower().split()
    return not (phrases.IN_RELATION.intersection(plain) or phrases.NEGATIVE.search(words))


def tails(noun: str) -> Iterator[str]:
    """Yield the noun, then the noun with one more adjective left off each time.

    >>> list(tails("small brown dog"))
    ['small brown dog', 'brown dog', 'dog']
    """
    words = noun.split()
    for start in range(len(words)):
        if not (start and "of" in words):
            yield " ".join(words[start:])


def same_noun(noun: str, earlier: str) -> bool:
    """Tell whether a noun names the same thing as an earlier one, perhaps without its adjectives.

    >>> same_noun("dog", "small brown dog"), same_noun("brown", "small brown dog")
    (True, False)
    """
    return noun.casefold() in (tail.casefold() for tail in tails(earlier))
