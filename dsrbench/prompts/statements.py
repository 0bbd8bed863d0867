"""Read sentences without an order in time: one relation throughout, motions, and several claims.

A sentence is split into parts at commas and conjunctions. A part that begins with a noun phrase and says a relation or
a direction of it is a claim; a part without a noun phrase goes on about the subject before it. Whatever could be a
further relation, and was not read as one, makes the reader refuse: a wrong reading would score videos against the wrong
claim.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from dsrbench.prompts import lexicon
from dsrbench.prompts.events import Event, Scanner, refusal, relation_at
from dsrbench.prompts.noun_phrases import Bare, NounPhrase, read_noun_phrase, split_words
from dsrbench.types import Clause, Relation

_OPENER = re.compile(
    r"^(?:there (?:is|are)|here is|we see|(?:a|an|the) (?:\w+ )?(?:video|clip|shot|scene|view|close-?up|photo|picture) "
    r"(?:of|showing|with|where|in which))\s+",
    re.IGNORECASE,
)
_SCENE = re.compile(
    r"^(?:in|inside|at|on|outside|within|near|under|beneath|by|along|during|among|amid|against|across)\b", re.IGNORECASE
)
_SPLIT = re.compile(
    r"\s*[,;:]\s*(?:(?:and|while|as|but)\b\s*)?|\s+(?:and|while|whereas|as(?= (?:a|an|the|two)\b))\s+|\s*\.\s+",
    re.IGNORECASE,
)
_HAS_SIDE = re.compile(
    r"^(?:has|have|with) (?P<noun>.+?) (?:(?:sitting|standing|lying|resting|placed) )?(?:on|to|at|in) its "
    r"(?P<side>left|right|top|front)(?:-hand)?(?: side)?\b",
    re.IGNORECASE,
)
_BOTH_SIDES = re.compile(
    r"^(?:is |are )?(?:on|to|at) the (?P<a>left|right)(?:-hand)?(?: side)?,? (?:and|with) (?P<noun>.+?) (?:is |are )?"
    r"(?:on|to|at) the (?P<b>left|right)(?:-hand)?(?: side)?\b",
    re.IGNORECASE,
)
_SIDES = {"left": Relation.LEFT, "right": Relation.RIGHT, "top": Relation.TOP, "front": Relation.FRONT}
_BARE_DIRECTION = re.compile(r"^(?:left|right|up|down|back)\b", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Statements:
    """The claims of a sentence.

    Attributes:
        clauses: The claims.
        scene: The place at the start of the sentence, or at its end after a comma; may be empty.
        notes: Notes about what was read otherwise than written.
    """

    clauses: tuple[Clause, ...]
    scene: str = ""
    notes: tuple[str, ...] = ()


def read_statements(text: str) -> Statements:
    """Read the claims of a sentence.

    Args:
        text: The sentence, in usual words (see `dsrbench.prompts.repairs`).

    Raises:
        PromptError: It makes no claim, or one that is not certain.
    """
    sentence = re.sub(r"\s+", " ", text.replace("’", "'")).strip().rstrip(".!?").strip()
    sentence, styles = _strip_styles(sentence)
    sentence, scene = _strip_lead(sentence)
    _refuse_orders(sentence)
    reader = _Reader(sentence)
    clauses = reader.read()
    if not clauses and scene:  # "In front of a house, a dog runs"
        turned = _Reader(f"{scene} {sentence}")
        clauses, scene, reader = turned.read_inverted(), "", turned
    elif not scene:
        scene = _scene_at_end(sentence, clauses)
    if not clauses:
        raise refusal(text, "no relation with a side and a thing, and no direction of a motion", reader.complaint)
    notes = [f"{style!r} says how the clip looks and is left out" for style in styles]
    return Statements(tuple(clauses), scene, tuple(dict.fromkeys((*notes, *reader.notes))))


def _strip_styles(sentence: str) -> tuple[str, list[str]]:
    """Return a sentence without the views and styles at its end, and these."""
    head, *parts = sentence.split(", ")
    styles: list[str] = []
    while parts and lexicon.STYLE.fullmatch(parts[-1].strip()):
        styles.insert(0, parts.pop().strip())
    return ", ".join([head, *parts]), styles


def says_order(sentence: str) -> bool:
    """Tell whether a sentence says that one thing follows another.

    >>> says_order("A cat sits, then it jumps."), says_order("A cat sits on a box.")
    (True, False)
    """
    plain = _strip_lead(_strip_styles(sentence.strip().rstrip(".!?"))[0])[0]
    return lexicon.TEMPORAL.search(plain) is not None


def is_picture(noun: str) -> bool:
    """Tell whether a noun names the picture, whose sides are no relation to a thing.

    >>> is_picture("screen"), is_picture("chair")
    (True, False)
    """
    return bool(lexicon.PICTURES.intersection(noun.lower().split()[-1:]))


def _refuse_orders(sentence: str) -> None:
    """Refuse negations and words of time, which this reader does not understand."""
    for pattern, what in ((lexicon.NEGATION, "a negation"), (lexicon.TEMPORAL, "an order in time")):
        if match := pattern.search(sentence):
            raise refusal(sentence, f"{what} that is not read", match.group())


def _strip_lead(sentence: str) -> tuple[str, str]:
    """Return a sentence without opening words and without the scene before its first comma, and that scene."""
    sentence = _OPENER.sub("", sentence)
    head, comma, rest = sentence.partition(", ")
    if comma and _SCENE.match(head) and read_noun_phrase(split_words(rest), 0, bare=Bare.PLURAL):
        return _OPENER.sub("", rest), head
    return sentence, ""


def _scene_at_end(sentence: str, clauses: Sequence[Clause]) -> str:
    """Return the scene after the last comma; empty where none is there, or where it is what a claim says."""
    _, comma, last = sentence.rpartition(", ")
    if not comma or not _SCENE.match(last) or lexicon.ASIDE_RELATIONS.search(last):
        return ""
    return "" if any(clause.object and clause.object in last for clause in clauses) else last


class _Reader:
    """Reader of one sentence without its scene."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        self.notes: list[str] = []
        self.complaint = ""

    def read(self) -> list[Clause]:
        """Return the claims; empty where there are none."""
        if inverted := self.read_inverted():
            return inverted
        clauses: list[Clause] = []
        subject: NounPhrase | None = None
        idle: NounPhrase | None = None
        for index, part in enumerate(self._parts()):
            words = split_words(part)
            phrase = read_noun_phrase(words, 0, bare=Bare.ANY if index == 0 else Bare.NONE)
            if phrase is not None and lexicon.CAMERAS.intersection(phrase.noun.lower().split()):
                self.notes.append(f"{part!r} is about the camera and is left out")
                continue
            if phrase is None and clauses and words[:1] == ["on"] and not lexicon.ASIDE_RELATIONS.search(part):
                self.notes.append(f"{part!r} is read as a place")
                continue
            if phrase is None and (subject is None or _starts_aside(words)):
                self._leave_out(part)
                continue
            rest = words[phrase.end :] if phrase is not None else words
            subject = phrase or subject
            assert subject is not None
            claims = self._claims(subject, rest, part)
            if not claims and (clauses or phrase is None):
                self._leave_out(part)
            if claims and idle is not None and phrase is not None:
                raise refusal(self.sentence, "two subjects of one claim", f"{idle.noun}, {phrase.noun}")
            idle = phrase if phrase is not None and not rest else idle
            clauses += claims
        return _merge(clauses)

    def _parts(self) -> Iterator[str]:
        """Yield the parts of the sentence; a list of sides and "left and right" stay together."""
        if match := _two_sides(self.sentence):
            yield match
            return
        start = 0
        for cut in _SPLIT.finditer(self.sentence):
            yield self.sentence[start : cut.start()]
            start = cut.end()
        yield self.sentence[start:]

    def _leave_out(self, part: str) -> None:
        """Leave out a part without a claim, unless it may be one.

        Raises:
            PromptError: It has words of a relation or of a direction.
        """
        if not part.strip():
            return
        if lexicon.STYLE.fullmatch(part.strip()):
            self.notes.append(f"{part.strip()!r} says how the clip looks and is left out")
            return
        doubt = (
            lexicon.ASIDE_RELATIONS.search(part)
            or _BARE_DIRECTION.match(part)
            or next(filter(None, (pattern.search(part) for _, pattern in lexicon.DIRECTIONS)), None)
        )
        if doubt is not None:
            raise refusal(self.sentence, "words that may be a further claim", doubt.group())

    def read_inverted(self) -> list[Clause]:
        """Read a sentence whose place comes first: "to the left of a chair stands a cat"."""
        words = split_words(self.sentence)
        place = relation_at(words, 0)
        if place is None or place.object is None or place.relation is None:
            return []
        at = place.object.end
        while at < len(words) and words[at] == ",":
            at += 1
        lead = words[at : at + 2]
        if lead[:1] == ["there"]:
            at += 2
        elif lead and (lead[0].lower() in lexicon.BE | lexicon.POSTURES or lead[0].lower().endswith("s")):
            at += 1
        phrase = read_noun_phrase(words, at)
        if phrase is None or place.object.head in lexicon.PLACES | lexicon.SKIES:
            return []
        rest = " ".join(words[phrase.end :])
        if lexicon.ASIDE_RELATIONS.search(rest):
            raise refusal(self.sentence, "words that may be a further claim", rest)
        return [Clause(phrase.noun, place.object.noun, (place.relation,))]

    def _claims(self, subject: NounPhrase, words: list[str], part: str) -> list[Clause]:
        """Return what a part says of its subject: nothing, a relation, or a direction."""
        rest = " ".join(words)
        if (match := _HAS_SIDE.match(rest)) and (mover := read_noun_phrase(split_words(match["noun"]), 0)):
            return [Clause(mover.noun, subject.noun, (_SIDES[match["side"].lower()],))]
        if match := _BOTH_SIDES.match(rest):
            other = read_noun_phrase(split_words(match["noun"]), 0)
            if other is not None and match["a"].lower() != match["b"].lower():
                return [Clause(subject.noun, other.noun, (_SIDES[match["a"].lower()],))]
        scanner = Scanner(self.sentence, words)
        events = list(scanner.events())
        self.complaint = scanner.complaint or self.complaint
        directions = {event.direction for event in events if event.direction is not None}
        if len(directions) > 1:
            raise refusal(self.sentence, "two directions of one subject", part)
        related = [event for event in events if event.relation is not None]
        if directions:
            direction = next(event for event in events if event.direction is not None)
            self._check_motion(direction, words)
            self.notes += [f"{event.text!r} is read as a place" for event in related]
            noun = subject.noun if direction.verb else _without_verb(subject.noun)
            return [Clause(noun, direction=direction.direction)]
        event = self._choose(related)
        if event is None or event.object is None or event.relation is None:
            return []
        self._check_relation(event)
        if event.relation is Relation.TOP and event.text.lower().startswith("on "):
            self.notes.append("'on' is scored as above; whether the two touch is not measured")
        return [Clause(subject.noun, event.object.noun, (event.relation,))]

    def _choose(self, events: list[Event]) -> Event | None:
        """Return the relation that a part is about; of two, a side of the subject before what it is on.

        Raises:
            PromptError: Two relations, of which either may be meant.
        """
        if len(events) < 2:
            return events[0] if events else None
        sides = [event for event in events if event.relation in (Relation.LEFT, Relation.RIGHT)]
        first, *others = events
        if len(sides) == 1 and all(event.text.lower().split()[0] == "on" for event in events if event not in sides):
            self.notes += [f"{event.text!r} is read as a place" for event in events if event not in sides]
            return sides[0]
        weak = all(event.text.lower().split()[0] in ("on", "over", "under", "above", "beneath") for event in others)
        if (
            weak
            and first.relation not in (Relation.LEFT, Relation.RIGHT)
            and len(others) == 1
            and others[0].text.lower().startswith("on ")
        ):
            self.notes.append(f"{others[0].text!r} is read as a place")
            return first
        raise refusal(self.sentence, "two relations, of which either may be meant", f"{first.text}, {others[0].text}")

    def _check_relation(self, event: Event) -> None:
        """Refuse a relation that says where a motion goes or ends."""
        text = event.text.lower()
        if event.verb in lexicon.PATHS and text.split()[0] in ("over", "on", "onto", "upon"):
            raise refusal(self.sentence, "a relation that says where a motion goes", f"{event.verb} {text}")
        if event.verb in lexicon.GOALS and text.startswith(("to ", "onto ", "towards ", "toward ")):
            raise refusal(self.sentence, "a relation that says where a motion ends", f"{event.verb} {text}")

    def _check_motion(self, event: Event, words: list[str]) -> None:
        """Refuse a direction that is not the subject's way."""
        turning = lexicon.TURNS.intersection(word.lower() for word in words)
        if turning:
            raise refusal(self.sentence, "a direction that may not be that of a motion", " ".join(sorted(turning)))


def _without_verb(noun: str) -> str:
    """Return a noun phrase without the verb at its end, which only a sentence about a motion shows to be one.

    >>> _without_verb("rabbit gambols"), _without_verb("rabbits gambol"), _without_verb("dog")
    ('rabbit', 'rabbits', 'dog')
    """
    *before, last = noun.split()
    return " ".join(before) if before and (last.endswith("s") or before[-1].endswith("s")) else noun


def _merge(clauses: list[Clause]) -> list[Clause]:
    """Return the claims without repeats.

    Raises:
        PromptError: Two claims contradict each other.
    """
    distinct = list(dict.fromkeys(clauses))
    for i, one in enumerate(distinct):
        for other in distinct[:i]:
            same = (one.subject.casefold(), one.object.casefold()) == (
                other.subject.casefold(),
                other.object.casefold(),
            )
            if same and one.direction is not None and other.direction is not None:
                raise refusal(f"{one.subject} {other.type} {one.type}", "two directions of one subject")
            if same and one.relations and other.relations and one.relations[0] is other.relations[0].opposite:
                raise refusal(f"{one.subject} {other.type} {one.type}", "two relations that exclude each other")
    return distinct


def _two_sides(sentence: str) -> str:
    """Return a sentence of the form "a cat on the left and a dog on the right"; empty for others."""
    words = split_words(sentence)
    phrase = read_noun_phrase(words, 0, bare=Bare.PLURAL)
    return sentence if phrase is not None and _BOTH_SIDES.match(" ".join(words[phrase.end :])) else ""


def _starts_aside(words: list[str]) -> bool:
    """Tell whether a part without a noun phrase is a remark, and not a further claim about the subject."""
    return not words or words[0].lower() in lexicon.PREPOSITIONS | lexicon.CONJUNCTIONS
