"""Noun phrases of statements: where one ends before a verb, without a dictionary of nouns."""

from __future__ import annotations

import dataclasses
import enum
import re

from dsrbench.prompts import lexicon, phrases

MAX_WORDS = 6
"""Largest number of words of a noun phrase, without its article."""

_WORD = re.compile(r"[^\W_][\w&'-]*")
_ADVERB = re.compile(r"\w{3,}ly")
_NOUNS_IN_LY = re.compile(r"\w*fly|lily|jelly|belly|family|lolly|dolly|holly|monopoly|assembly|butterfly")


@dataclasses.dataclass(frozen=True)
class NounPhrase:
    """A noun phrase.

    Attributes:
        noun: Its words without the article, in the case they are written in.
        end: Index of the word after it.
        is_plural: Whether it names several things.
    """

    noun: str
    end: int
    is_plural: bool = False

    @property
    def head(self) -> str:
        """The last word before an "of", in small letters."""
        return self.noun.lower().partition(" of ")[0].split()[-1]


def split_words(text: str) -> list[str]:
    """Split a text into words; commas are words of their own.

    >>> split_words("a cat, asleep")
    ['a', 'cat', ',', 'asleep']
    """
    return re.findall(r"[^\s,;:]+|[,;:]", text)


class Bare(enum.Enum):
    """Kinds of noun phrases without an article that are read."""

    NONE = enum.auto()
    PLURAL = enum.auto()
    ANY = enum.auto()


def read_noun_phrase(words: list[str], at: int, *, bare: Bare = Bare.NONE) -> NounPhrase | None:
    """Read the noun phrase that begins at a word.

    Args:
        words: Words of a sentence.
        at: Index of its first word, the article.
        bare: Phrases without an article that are read: none, plurals such as "boats", or also "broccoli".

    >>> read_noun_phrase("a small brown dog sits quietly".split(), 0)
    NounPhrase(noun='small brown dog', end=4, is_plural=False)
    >>> read_noun_phrase("a red parked car".split(), 0).noun, read_noun_phrase("a row of boats".split(), 0).noun
    ('red parked car', 'row of boats')
    """
    if at >= len(words):
        return None
    first = words[at].lower()
    has_article = first in lexicon.DETERMINERS
    if not has_article and (bare is Bare.NONE or first.endswith(("ing", "ed", "ly")) or first in lexicon.RISES):
        return None
    is_singular, start = first in lexicon.SINGULAR, at + has_article
    end = _find_end(words, start, is_singular=is_singular, is_plural=first in lexicon.PLURAL)
    if end == start:
        return None
    head = words[end - 1].lower()
    looks_plural = head.endswith("s") and not head.endswith(("ss", "us", "is"))
    if not has_article and bare is Bare.PLURAL and not (looks_plural or head in lexicon.PLURAL_NOUNS):
        return None
    if head in phrases.NO_HEAD:
        return None
    if end < len(words) and words[end].lower() == "of" and head in lexicon.GROUPS:
        skip = 2 if end + 1 < len(words) and words[end + 1].lower() in lexicon.DETERMINERS else 1
        further = _find_end(words, end + skip, is_singular=False, is_plural=False)
        if further > end + skip and skip == 1:
            return NounPhrase(" ".join(words[start:further]), further, True)
    return NounPhrase(" ".join(words[start:end]), end, looks_plural and not is_singular)


def _find_end(words: list[str], start: int, *, is_singular: bool, is_plural: bool) -> int:
    """Return the index of the word after the nouns and adjectives that begin at a word."""
    at = start
    while at < min(len(words), start + MAX_WORDS):
        word = words[at].lower()
        if not _WORD.fullmatch(words[at]) or word in lexicon.NO_NOUN | lexicon.DETERMINERS:
            break
        if at > start and _is_predicate(words, start, at, is_singular=is_singular, is_plural=is_plural):
            break
        at += 1
    return at


def _is_predicate(words: list[str], start: int, at: int, *, is_singular: bool, is_plural: bool) -> bool:
    """Tell whether a word after the first one of a phrase is no part of it: a verb, a participle or an adverb."""
    word, before = words[at].lower(), [w.lower() for w in words[start:at]]
    verbs = lexicon.POSTURES | lexicon.TRAVELS
    follows_adjectives = all(lexicon.is_adjective(w) or w.endswith(("ing", "ed")) for w in before)
    if word in lexicon.BE | lexicon.AUXILIARIES or (word == "can" and words[at + 1 : at + 2] == ["be"]):
        return True
    if word in verbs and word.endswith("s") and not is_plural:
        return not (follows_adjectives and at + 1 == len(words))
    if word in verbs and not word.endswith("s") and (is_plural or before[-1].endswith("s")):
        return True
    if _ADVERB.fullmatch(word) and not _NOUNS_IN_LY.fullmatch(word):
        return True
    is_noun = word in lexicon.NOUNS_IN_ING | lexicon.NOUNS_IN_ED
    is_participle = (word.endswith(("ing", "ed")) and not is_noun) or word in lexicon.PARTICIPLES
    if is_participle:
        return not (follows_adjectives and _goes_on(words, at + 1))
    ends_like_verb = word.endswith("s") and not word.endswith(("ss", "us", "is", "ous"))
    return is_singular and ends_like_verb and not _goes_on(words, at + 1)


def _goes_on(words: list[str], at: int) -> bool:
    """Tell whether a further word of the phrase may follow."""
    if at >= len(words) or not _WORD.fullmatch(words[at]):
        return False
    word = words[at].lower()
    is_adverb = _ADVERB.fullmatch(word) and not _NOUNS_IN_LY.fullmatch(word)
    return word not in lexicon.NO_NOUN | lexicon.DETERMINERS and not is_adverb
