"""Events of a part of a sentence: relations of its subject to other things, and directions of motion."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from dsrbench.errors import PromptError
from dsrbench.prompts import lexicon
from dsrbench.prompts.noun_phrases import Bare, NounPhrase, read_noun_phrase
from dsrbench.types import Direction, Relation


@dataclasses.dataclass(frozen=True)
class Event:
    """A relation with its object, or a direction.

    Attributes:
        text: Its words.
        relation: The relation; None for a direction.
        object: The object of the relation; None where no noun phrase follows.
        direction: The direction; None for a relation.
        verb: The last verb before it; empty for none.
    """

    text: str
    relation: Relation | None = None
    object: NounPhrase | None = None
    direction: Direction | None = None
    verb: str = ""


def refusal(text: str, reason: str, words: str = "") -> PromptError:
    """Return the error for a text that is not read, with the reason and the words at fault."""
    shown = text if len(text) <= 120 else f"{text[:117]}..."
    at = f" ({words!r})" if words else ""
    return PromptError(f"cannot read the claim in {shown!r}: {reason}{at}")


_VERBS = (
    lexicon.BE
    | lexicon.POSTURES
    | lexicon.TRAVELS
    | lexicon.FLOATING
    | lexicon.TURNS
    | lexicon.AUXILIARIES
    | lexicon.PARTICIPLES
)
_AFTER_MOTION = lexicon.PREPOSITIONS | lexicon.AFTER_MOTION
"""Words that follow a verb of motion without changing its meaning, unlike "falls asleep"."""


class Scanner:
    """Finds the events of a part of a sentence, from left to right.

    Args:
        sentence: The whole sentence, for messages.
        words: Words of the part after its subject.

    Attributes:
        complaint: Words of a relation without an object, for messages; empty for none.
    """

    def __init__(self, sentence: str, words: list[str]) -> None:
        self.complaint = ""
        self._sentence, self._words = sentence, words
        self._at, self._verb = 0, ""
        self._directed, self._related = "", ""

    def events(self) -> Iterator[Event]:
        """Yield the events.

        Raises:
            PromptError: An event may be that of another thing than the subject, or an object may move.
        """
        while self._at < len(self._words):
            word, before = self._words[self._at].lower(), self._verb
            if _is_verb(word):
                self._verb = word
            event = self._read_direction(before) or self._read_rise(word) or self._read_relation()
            if event is not None:
                yield event
            elif not self._skip_thing(word):
                self._at += 1

    def _read_direction(self, verb: str) -> Event | None:
        direction = direction_at(self._words, self._at, verb)
        if direction is None:
            return None
        if self._directed:
            raise refusal(self._sentence, "a direction that may be that of another thing", direction.text)
        self._at += len(direction.text.split())
        return direction

    def _read_rise(self, word: str) -> Event | None:
        """Read a verb that is a direction by itself, such as "rises"."""
        rest = self._words[self._at + 1 :]
        if word not in lexicon.RISES or not _ends_motion(rest) or _names_direction(rest):
            return None
        self._at += 1
        return Event(word, direction=lexicon.RISES[word], verb=word)

    def _read_relation(self) -> Event | None:
        """Read a relation to a thing; one to a place, or without an object, is passed over."""
        place = relation_at(self._words, self._at)
        while place is not None and (place.object is None or is_place(place)):
            if place.object is None:
                self.complaint = place.text
                self._at += max(1, len(place.text.split()))
            else:
                self._at = place.object.end
            place = relation_at(self._words, self._at)
        if place is None or place.object is None:
            return None
        if self._related:
            raise refusal(self._sentence, "a relation that may be that of another thing", place.text)
        moving = lexicon.MOVING.intersection(place.object.noun.lower().split())
        if moving:
            raise refusal(self._sentence, "an object that moves", place.object.noun)
        self._at = place.object.end
        following = " ".join(self._words[self._at : self._at + 1]).lower()
        if following in lexicon.MOVING | lexicon.TRAVELS | {"that", "which", "who"}:
            raise refusal(self._sentence, "an object that may move", f"{place.object.noun} {following}")
        return dataclasses.replace(place, verb=self._verb)

    def _skip_thing(self, word: str) -> bool:
        """Pass over a thing that the subject has or does something to, and note whose an event after it may be."""
        start = self._at + (word in lexicon.POSSESSIVES)
        before = self._words[self._at - 1].lower() if self._at else ""
        follows_verb = _is_verb(before) and before not in lexicon.BE | lexicon.AUXILIARIES
        is_bare = start == self._at and follows_verb and not _is_adverb(word) and not _is_verb(word)
        bare = Bare.ANY if start > self._at or is_bare else Bare.NONE
        phrase = read_noun_phrase(self._words, start, bare=bare)
        if phrase is None:
            return False
        if before in lexicon.CAUSATIVES and phrase.head not in lexicon.FEATURES:
            self._directed = self._related = phrase.head
        elif follows_verb and before not in lexicon.CARRIERS:
            self._directed = phrase.head
        self._at = phrase.end
        return True


def _is_verb(word: str) -> bool:
    return word in _VERBS or word.endswith(("ing", "ed")) or (word.endswith("s") and len(word) > 3)


def _is_adverb(word: str) -> bool:
    return word in lexicon.ADVERBS or word.endswith("ly")


def is_place(event: Event) -> bool:
    """Tell whether a relation is to a place, a picture or a time, and so is none."""
    assert event.object is not None
    head, first = event.object.head, event.text.lower().split()[0]
    if event.relation in (Relation.LEFT, Relation.RIGHT):
        return head in lexicon.PLACES
    if event.relation is Relation.TOP and first not in ("above", "over", "high", "directly", "right", "just"):
        return head in lexicon.PLACES | lexicon.DEVICES | lexicon.WALLS | lexicon.IDIOMS
    if event.relation is Relation.UNDER:
        return head in lexicon.SKIES | lexicon.IDIOMS
    return head in lexicon.IDIOMS or (event.relation is Relation.TOP and head in lexicon.PLACES and first == "over")


def relation_at(words: list[str], at: int) -> Event | None:
    """Return the relation that begins at a word, its object None where no noun phrase follows; None for no relation."""
    text = " ".join(words[at : at + 8])
    for relation, pattern in lexicon.RELATIONS:
        match = re.match(rf"(?:{pattern.pattern})(?= |$)", text, re.IGNORECASE)
        if match:
            n_words = len(match.group().split())
            bare = Bare.ANY if match.group().lower().endswith(" of") else Bare.PLURAL
            phrase = read_noun_phrase(words, at + n_words, bare=bare)
            if phrase is None:
                return Event(match.group(), relation)
            return Event(" ".join(words[at : phrase.end]), relation, phrase)
    return None


def direction_at(words: list[str], at: int, verb: str) -> Event | None:
    """Return the direction that begins at a word; None for none."""
    text = " ".join(words[at : at + 12])
    for direction, pattern in lexicon.DIRECTIONS:
        match = re.match(rf"(?:{pattern.pattern})(?= |$)", text, re.IGNORECASE)
        if match and not text[match.end() :].startswith(" of"):
            return Event(match.group().strip(), direction=direction, verb=verb)
    word, following = words[at].lower(), [w.lower() for w in words[at + 1 : at + 2]]
    if word not in lexicon.BARE or verb not in lexicon.FLOATING or following[:1] in (["of"], ["to"], ["and"], ["side"]):
        return None
    if word in ("left", "right") and lexicon.BEFORE_RELATIONS.intersection(following) - {"on", "in", "over", "by"}:
        return None
    if word in ("up", "down") and (verb in lexicon.NEVER_VERTICAL):
        return None
    return Event(word, direction=lexicon.BARE[word], verb=verb)


def _ends_motion(words: list[str]) -> bool:
    """Tell whether a verb such as "falls" stands for a motion, given what follows: not in "falls asleep"."""
    if not words:
        return True
    word = words[0].lower()
    return (word in _AFTER_MOTION or word.endswith("ly")) and words[:2] != ["in", "love"]


def _names_direction(words: list[str]) -> bool:
    """Tell whether a direction follows, which a verb such as "falls" agrees with or not."""
    return any(direction_at(words, at, "moves") is not None for at in range(len(words)))
