"""The reader behind `parse_prompt`, a backtracking parser.

The grammar; names in capitals are patterns of `dsrbench.prompts.phrases`, `subject` is the noun of the first clause:

    text      = [scene] [OPENER] first {joint next} [rest]
    first     = ARTICLE noun [verb] (FROM_SIDE | place)     noun and verb as `split_subject` divides the words
    next      = again {LATER} {passed} (place | BARE)
    again     = PRONOUN | ARTICLE subject | ""            "" only if the clause begins as ELLIPSIS
    place     = PLACES object                             on the left of a chair
              | BESIDE object ON_SIDE                     next to a chair on its left
              | ITS_SIDE                                  to its left
              | [OWN_SIDE_LEAD] ARTICLE noun OWN_SIDE     to the chair's left
    object    = ARTICLE noun | OBJECT_PRONOUN
    joint     = [aside] CONNECTOR                         may be empty where `Reading.runs_on` is true
    aside     = SCENE words | ASIDE words
    scene     = words that begin with SCENE, or that a punctuation mark or an OPENER follows
    rest      = ENDING words | SCENE words                without the relations in DOUBT
    noun      = NOUN, if `is_noun`
    passed    = word, if `may_pass`                       at most 16 words: "walks slowly"

A text has 2 to 12 relations. In a later clause, ARTICLE subject and ARTICLE noun must name the first subject and object
again, perhaps without their adjectives. A place after "from" in a later clause must repeat the last relation.

The reader tries every article as the start of the first clause, then every continuation, and returns the first complete
reading. It rejects ambiguous sentences: a wrong reading would score videos against the wrong relation.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from dsrbench.errors import PromptError
from dsrbench.prompts import phrases
from dsrbench.prompts.nouns import is_noun, may_pass, same_noun, split_subject, tails
from dsrbench.types import Relation

_MAX_WORDS = 16
"""Maximum number of words between an article or a subject and its relation."""
_MAX_RELATIONS = 12
"""Maximum number of relations of a prompt."""

# Parts that could not be read, in the order in which the reader reaches them; errors name the last part reached.
_SUBJECT, _INITIAL, _OBJECT, _SECOND, _OTHER_SUBJECT, _FINAL, _OTHER_OBJECT, _REST = range(8)
_PARTS = (
    ("the subject", "one noun after an article, before its relation"),
    ("the initial relation", "words such as 'on the left of', 'on top of', 'under', 'in front of', 'behind'"),
    ("the object", "a noun after an article, such as 'a chair'"),
    ("the second clause", "where the subject is in the end, such as ', then it walks to the right of the chair'"),
    ("the subject of the second clause", "the subject of the first clause again, or 'it'"),
    ("the final relation", "words such as 'to the right of', 'on top of', 'under', 'in front of', 'behind'"),
    ("the object of the second clause", "the object of the first clause again, or 'it'"),
    ("the words after the final relation", "an end, or words that are no further relation"),
)
"""Name of each part, and what the reader expects there, for messages."""


@dataclasses.dataclass(frozen=True)
class Reading:
    """Fields read up to character `end`; `object` is None until a noun names it."""

    subject: str
    object: str | None
    relations: tuple[Relation, ...]
    end: int
    scene: str = ""
    runs_on: bool = False
    """Whether the next clause may follow without a joint, as in "from the left of it to its top"."""

    def then(self, relation: Relation | None, noun: str | None, end: int, *, runs_on: bool = False) -> Reading:
        """Return this reading with one more clause; a relation of None repeats the last one."""
        relations = self.relations if relation is None else (*self.relations, relation)
        return dataclasses.replace(self, relations=relations, object=self.object or noun, end=end, runs_on=runs_on)

    def located(self, scene: str) -> Reading:
        """Return this reading with one more piece of scene, which may be empty."""
        return dataclasses.replace(self, scene=", ".join(filter(None, (self.scene, scene))))


@dataclasses.dataclass(frozen=True)
class _Place:
    """One relation of a clause, its object (None for a pronoun or none), and the character where it ends."""

    relation: Relation
    noun: str | None
    end: int


class Reader:
    """Parser of one text, which remembers how far the best attempt came."""

    def __init__(self, text: str) -> None:
        text = re.sub(r"\s*[—–]\s*", ", ", text.replace("’", "'"))
        self.text = re.sub(r"\s+", " ", text).strip()
        self.complaint: tuple[int, str] = (-1, "")
        self._dead: set[tuple[object, ...]] = set()

    def read(self) -> Reading:
        """Return the first reading in which all clauses fit together.

        Raises:
            PromptError: There is none; the message names the part at which the best attempt failed.
        """
        for first in self._first_clauses():
            for reading in self._go_on(first):
                return reading
        part, words = self.complaint
        if part < 0:
            part, words = _SUBJECT if phrases.SAYS_RELATION.search(self._clause(0)) else _INITIAL, self._clause(0)
        name, expected = _PARTS[part]
        words = words if len(words) <= 120 else f"{words[:117]}..."
        raise PromptError(
            f"cannot read {name} in {words!r}: expected {expected}. A sentence that works: {phrases.EXAMPLE!r}"
        )

    def _note(self, part: int, words: str) -> None:
        if part > self.complaint[0]:
            self.complaint = (part, words)

    def _clause(self, start: int) -> str:
        """Return the words from `start` to the next punctuation mark, for quoting."""
        match = re.compile(r".*?(?=[,;:!?]|\.(?: |$)|$)").match(self.text, start)
        return match.group().strip() if match else ""

    # The first clause

    def _first_clauses(self) -> Iterator[Reading]:
        subjects: set[str] = set()
        for article in re.finditer(rf"\b{phrases.ARTICLE}", self.text, re.IGNORECASE):
            scene = self._scene_before(article.start())
            if scene is None:
                continue
            subject = None
            for reading in self._first_clauses_at(article.end(), scene):
                if reading.subject.casefold() in subjects:
                    return
                subject = reading.subject.casefold()
                yield reading
            subject = subject or self._complain_of_first(article.start(), article.end())
            if subject:
                subjects.add(subject)

    def _scene_before(self, start: int) -> str | None:
        """Return the scene if the first clause may begin at `start`, else None."""
        lead = self.text[:start].strip()
        if phrases.ENDS_LATER.search(lead):
            return None
        opened = phrases.OPENER.sub("", lead).strip()
        scene = opened.rstrip(" ,.;:")
        if opened == lead and scene == lead and lead and not phrases.SCENE.match(lead):
            return None
        return scene

    def _first_clauses_at(self, start: int, scene: str) -> Iterator[Reading]:
        for at in self._word_starts(start):
            words = self.text[start:at].split()
            subject = split_subject(words) if words else None
            if subject is None:
                continue
            moves_from = "from" in words or self.text[at : at + 5].lower() == "from "
            verbless = len(words) == len(subject.split())
            side = phrases.FROM_SIDE.match(self.text, at)
            if side:
                yield Reading(subject, None, (phrases.SIDES[side["side"].lower()],), side.end(), scene, True)
            for place in self._places(at, None, shorter=verbless):
                yield Reading(subject, place.noun, (place.relation,), place.end, scene, moves_from or verbless)

    def _complain_of_first(self, article: int, start: int) -> str | None:
        """Note why no first clause begins here; return its subject if there is one."""
        clause = self._clause(start).split()
        for index in range(1, len(clause)):
            if clause[index].lower() in phrases.TO_BE | phrases.FINITE:
                subject = split_subject(clause[: index + 1])
                if subject:
                    words = " ".join(clause[index:])
                    has_relation = phrases.SAYS_RELATION.search(words) and not phrases.NEGATIVE.search(words)
                    self._note(_OBJECT if has_relation else _INITIAL, words)
                    return subject.casefold()
        if any(True for at in self._word_starts(start) for _ in self._places(at, None)):
            self._note(_SUBJECT, self.text[article:].split(",")[0])
        return None

    # The clauses after it

    def _go_on(self, so_far: Reading) -> Iterator[Reading]:
        """Yield complete readings that begin with `so_far`; a state without a reading is not tried again."""
        chain = so_far.relations
        state = (so_far.subject, so_far.object, so_far.end, so_far.runs_on, chain[-1], len(chain) < 2)
        if state in self._dead:
            return
        if len(chain) <= _MAX_RELATIONS:
            for start, scene in self._joints(so_far):
                for longer in self._clauses(start, so_far.located(scene)):
                    yield from self._go_on(longer)
            if self._may_end(so_far):
                yield so_far.located(_scene_of(self.text[so_far.end :]))
        self._dead.add(state)

    def _may_end(self, so_far: Reading) -> bool:
        rest = self.text[so_far.end :]
        if len(so_far.relations) < 2:
            self._note(_SECOND, rest.strip(" ,.;") or self.text)
        elif so_far.object is None:
            self._note(_OBJECT, self.text[: so_far.end])
        elif not phrases.ENDING.match(rest) and not phrases.SCENE.match(rest.lstrip()):
            self._note(_OTHER_OBJECT, self._clause(so_far.end) or rest)
        elif _doubtful(rest, so_far.object):
            self._note(_REST, rest.strip(" ,.;"))
        else:
            return True
        return False

    def _joints(self, so_far: Reading) -> Iterator[tuple[int, str]]:
        """Yield the positions where a further clause may start, with the scene before the joint."""
        if so_far.runs_on:
            yield so_far.end + (self.text[so_far.end : so_far.end + 1] == " "), ""
        for stop in re.finditer(r"[ ,.;:]", self.text[so_far.end :]):
            at = so_far.end + stop.start()
            between = self.text[so_far.end : at]
            match = phrases.CONNECTOR.match(self.text, at)
            if not match or not match.group().strip() or match.end() == len(self.text):
                continue
            aside = between.strip(" ,")
            if aside and not (phrases.SCENE.match(aside) or phrases.ASIDE.match(aside)):
                continue
            if aside and _doubtful(between, so_far.object):
                return
            yield match.end(), aside if phrases.SCENE.match(aside) else ""

    def _clauses(self, start: int, so_far: Reading) -> Iterator[Reading]:
        begin = self._after_subject(start, so_far.subject)
        if begin is None:
            return
        begin = _end(phrases.LATER.match(self.text, begin), begin)
        for at in (begin, *self._word_starts(begin)):
            passed = self.text[begin:at]
            if not may_pass(passed):
                break
            for place in self._places(at, so_far.object):
                if so_far.object and place.noun and not same_noun(place.noun, so_far.object):
                    self._note(_OTHER_OBJECT, self.text[start : place.end])
                    continue
                if "from" in passed.lower().split() or self.text[at : at + 5].lower() == "from ":
                    if place.relation is so_far.relations[-1]:
                        yield so_far.then(None, place.noun, place.end, runs_on=True)
                    continue
                yield so_far.then(place.relation, place.noun, place.end)
            for relation, pattern in phrases.BARE:
                if match := pattern.match(self.text, at):
                    yield so_far.then(relation, None, match.end())
        self._note(_FINAL, self._clause(start))

    def _after_subject(self, start: int, subject: str) -> int | None:
        """Return where the verb of a clause begins; None if its subject is another one."""
        if match := phrases.PRONOUN.match(self.text, start):
            return _end(match) + 1
        article = re.compile(phrases.ARTICLE, re.IGNORECASE).match(self.text, start)
        if article:
            for tail in tails(subject):
                if match := re.compile(rf"{re.escape(tail)} ", re.IGNORECASE).match(self.text, article.end()):
                    return match.end()
        elif phrases.ELLIPSIS.match(self.text, start):
            return start
        self._note(_OTHER_SUBJECT, self._clause(start))
        return None

    # Relations and nouns

    def _places(self, at: int, first_object: str | None, *, shorter: bool = False) -> Iterator[_Place]:
        """Yield the relations at `at` with their objects; if `shorter`, also with the object's last words left over."""
        for relation, pattern in phrases.PLACES:
            if match := pattern.match(self.text, at):
                for noun, end in self._nouns(match.end(), first_object, shorter=shorter):
                    yield _Place(relation, noun, end)
        if match := phrases.BESIDE.match(self.text, at):
            for noun, end in self._nouns(match.end(), first_object):
                if side := phrases.ON_SIDE.match(self.text, end):
                    yield _Place(phrases.SIDES[side["side"].lower()], noun, side.end())
        if match := phrases.ITS_SIDE.match(self.text, at):
            yield _Place(phrases.SIDES[match["side"].lower()], None, match.end())
        lead = _end(phrases.OWN_SIDE_LEAD.match(self.text, at), at)
        for noun, end in self._nouns(lead, first_object):
            if noun and (side := phrases.OWN_SIDE.match(self.text, end)):
                yield _Place(phrases.SIDES[side["side"].lower()], noun, side.end())

    def _nouns(self, at: int, first_object: str | None, *, shorter: bool = False) -> Iterator[tuple[str | None, int]]:
        """Yield the readings of the words at `at` as the object; None stands for a pronoun."""
        if match := phrases.OBJECT_PRONOUN.match(self.text, at):
            yield None, match.end()
            return
        article = re.compile(phrases.ARTICLE, re.IGNORECASE).match(self.text, at)
        if not article:
            return
        for tail in tails(first_object) if first_object else ():
            if match := re.compile(rf"{re.escape(tail)}(?![\w-])", re.IGNORECASE).match(self.text, article.end()):
                yield first_object, match.end()
                return
        match = phrases.NOUN.match(self.text, article.end())
        words = match.group().split() if match else []
        readings = [" ".join(words[:n]) for n in range(len(words), 0, -1)]
        if shorter:  # readings that end in a verb are dropped, those in "s" come last: "a bench jumps on top of it"
            readings = [r for r in readings if r.split()[-1].lower() not in phrases.FINITE]
            readings.sort(key=lambda r: r.endswith("s"))
        for noun in readings if shorter else readings[:1]:
            if is_noun(noun):
                yield noun, article.end() + len(noun)

    def _word_starts(self, start: int) -> Iterator[int]:
        """Yield the positions of the next words, up to the first punctuation mark."""
        at = start
        for _ in range(_MAX_WORDS):
            match = re.compile(r"[^ ]+ ").match(self.text, at)
            if not match or (match.group()[-2] in ",.;:!?" and not is_noun(match.group().strip())):
                return
            at = match.end()
            yield at


def _end(match: re.Match[str] | None, otherwise: int = 0) -> int:
    return match.end() if match else otherwise


def _doubtful(words: str, noun: str | None) -> bool:
    """Tell whether left-over words may contain one more relation."""
    pattern = phrases.DOUBT.replace("{object}", re.escape(noun or "object"))
    return re.search(pattern, words, re.IGNORECASE) is not None


def _scene_of(rest: str) -> str:
    sentence = rest.split(". ")[0].strip(" ,.;:!")
    return sentence if phrases.SCENE.match(sentence) else ""
