"""Vocabulary that suites are built from, as data: the motions, sizes and places of each noun."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dsrbench.prompts.compose import add_article
from dsrbench.types import Direction, Relation

VOCABULARY_FILE = Path(__file__).parent / "data" / "vocabulary.json"
"""Path of the package's vocabulary."""

SIZE_GAP = 2
"""Maximum difference of the sizes of subject and object, so that one frame shows both clearly."""

MOVES = ("goes", "rises", "drops", "ducks", "up", "down")
"""Kinds of motion verbs: on level ground, onto an object, off an object, under an object, upwards, downwards."""

HIDDEN_GAP = 1
"""Maximum difference of sizes at which the larger of two does not hide the smaller one behind it."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """A noun that moves by itself.

    Attributes:
        size: 1 (a hamster) to 5 (a horse).
        reach: Height of the highest object it gets onto, 1 to 5; 0 for none.
        rests: Whether it can rest on top of an object in the first frame; a fish, for example, cannot.
        places: Kinds of places it is seen in.
        verbs: Verbs that fit it, third person, by kind of `MOVES`.
        pronoun: Pronoun that replaces it.
        is_common: Whether detectors of the 80 COCO classes know it.
    """

    size: int
    reach: int
    rests: bool
    places: frozenset[str]
    verbs: Mapping[str, tuple[str, ...]]
    pronoun: str
    is_common: bool


@dataclasses.dataclass(frozen=True)
class Object:
    """A noun that stays where it is.

    Attributes:
        size: 1 (a ball) to 5 (a car).
        top: Size of the largest subject that can stand on it; 0 for none.
        height: 1 (a log) to 5 (a lamppost), compared with a subject's `reach`.
        under: Size of the largest subject that fits under it; 0 for none.
        places: Kinds of places it is seen in.
        is_common: Whether detectors of the 80 COCO classes know it.
    """

    size: int
    top: int
    height: int
    under: int
    places: frozenset[str]
    is_common: bool


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """All words with their properties.

    Attributes:
        version: Version of the data.
        scenes: Phrases that name a place, by kind of place.
        subjects: Subjects by noun.
        objects: Objects by noun.
    """

    version: str
    scenes: Mapping[str, tuple[str, ...]]
    subjects: Mapping[str, Subject]
    objects: Mapping[str, Object]

    @functools.cached_property
    def places(self) -> dict[str, str]:
        """Kind of place of each scene phrase, by the phrase in lower case."""
        return {phrase.casefold(): place for place, phrases in self.scenes.items() for phrase in phrases}

    @functools.cached_property
    def verbs(self) -> frozenset[str]:
        """First words of all motion verbs of all subjects."""
        return frozenset(
            verb.split()[0] for subject in self.subjects.values() for verbs in subject.verbs.values() for verb in verbs
        )


@functools.cache
def load_vocabulary() -> Vocabulary:
    """Return the vocabulary of the package.

    >>> load_vocabulary().subjects["duck"].verbs["goes"]
    ('waddles', 'walks')
    """
    data = json.loads(VOCABULARY_FILE.read_text(encoding="utf-8"))
    return Vocabulary(
        version=data["version"],
        scenes={place: tuple(phrases) for place, phrases in data["scenes"].items()},
        subjects={noun: _subject(facts) for noun, facts in data["subjects"].items()},
        objects={noun: _object(facts) for noun, facts in data["objects"].items()},
    )


def explain_implausible(subject: str, object: str, relations: tuple[Relation, ...], scene: str = "") -> str:
    """Explain why a prompt is implausible; empty if it is plausible or a noun is not in the vocabulary.

    >>> explain_implausible("horse", "tree", (Relation.LEFT, Relation.TOP))
    'a horse does not get onto a tree'
    >>> explain_implausible("goldfish", "tree", (Relation.LEFT, Relation.RIGHT))
    'a goldfish and a tree are not seen in one place'
    """
    words = load_vocabulary()
    who, what = words.subjects.get(subject.casefold()), words.objects.get(object.casefold())
    if who is None or what is None:
        return ""
    place = words.places.get(scene.casefold())
    if not who.places & what.places:
        return f"{add_article(subject)} and {add_article(object)} are not seen in one place"
    for noun, facts in ((subject, who), (object, what)):
        if place is not None and place not in facts.places:
            return f"{add_article(noun)} is not seen {scene[0].lower()}{scene[1:]}"
    if abs(who.size - what.size) > SIZE_GAP:
        return f"{add_article(subject)} and {add_article(object)} are too unlike in size for one frame"
    return next((reason for applies, reason in _rules(subject, object, who, what, relations) if applies), "")


def _rules(
    subject: str, object: str, who: Subject, what: Object, relations: tuple[Relation, ...]
) -> Iterator[tuple[bool, str]]:
    """Yield whether a relation is implausible for two nouns, with the reason."""
    a_subject, an_object = add_article(subject), add_article(object)
    if Relation.TOP in relations:
        yield who.reach < what.height, f"{a_subject} does not get onto {an_object}"
        yield what.top < who.size, f"{a_subject} cannot stand on {an_object}"
        yield relations[0] is Relation.TOP and not who.rests, f"{a_subject} does not rest on top of things"
    if Relation.BEHIND in relations:
        yield what.size - who.size > HIDDEN_GAP, f"{an_object} hides {a_subject} behind it"
    if Relation.FRONT in relations:
        yield who.size - what.size > HIDDEN_GAP, f"{a_subject} hides {an_object} behind it"
    if Relation.UNDER in relations:
        yield what.under < who.size, f"{a_subject} does not fit under {an_object}"


def find_verbs(subject: str, before: Relation, after: Relation) -> tuple[str, ...]:
    """Return the verbs that take a subject from one relation to another; none for a noun outside the vocabulary.

    >>> find_verbs("cat", Relation.LEFT, Relation.TOP), find_verbs("toaster", Relation.LEFT, Relation.TOP)
    (('jumps', 'leaps'), ())
    """
    who = load_vocabulary().subjects.get(subject.casefold())
    return who.verbs[_move(before, after)] if who is not None else ()


def find_motion_verbs(subject: str, direction: Direction) -> tuple[str, ...]:
    """Return the verbs with which a subject moves in a direction; none for a noun outside the vocabulary.

    >>> find_motion_verbs("drone", Direction.UP), find_motion_verbs("horse", Direction.UP)
    (('flies', 'rises'), ())
    """
    who = load_vocabulary().subjects.get(subject.casefold())
    kind = {Direction.UP: "up", Direction.DOWN: "down"}.get(direction, "goes")
    return who.verbs[kind] if who is not None else ()


def rate_difficulty(subject: str, object: str, relations: tuple[Relation, ...]) -> str:
    """Rate a prompt `easy`, `medium` or `hard` from its words alone, without any model's results.

    One point each: a relation is top, under, front or behind; a relation is under; there are three relations or more;
    the nouns are two sizes apart. No point is easy, one is medium, more are hard.

    >>> rate_difficulty("dog", "chair", Relation.chain("LR")), rate_difficulty("dog", "chair", Relation.chain("LTR"))
    ('easy', 'hard')
    """
    words = load_vocabulary()
    who, what = words.subjects.get(subject.casefold()), words.objects.get(object.casefold())
    points = [
        any(r.needs_depth or r in (Relation.TOP, Relation.UNDER) for r in relations),
        Relation.UNDER in relations,
        len(relations) > 2,
        who is not None and what is not None and abs(who.size - what.size) >= SIZE_GAP,
    ]
    return ("easy", "medium", "hard")[min(2, sum(points))]


DIFFICULTIES = ("easy", "medium", "hard")
"""Values of `rate_difficulty`, which are also tags of prompts."""


def _move(before: Relation, after: Relation) -> str:
    if after is Relation.TOP:
        return "rises"
    if after is Relation.UNDER:
        return "ducks"
    return "drops" if before is Relation.TOP else "goes"


def _subject(facts: Mapping[str, Any]) -> Subject:
    verbs = {move: tuple(re.split(", *", facts[move])) if move in facts else () for move in MOVES}
    places = frozenset(facts["in"].split(", "))
    return Subject(
        size=facts["size"],
        reach=facts["reach"],
        rests=facts.get("rests", True),
        places=places,
        verbs=verbs,
        pronoun=facts.get("pronoun", "it"),
        is_common=facts.get("coco", False),
    )


def _object(facts: Mapping[str, Any]) -> Object:
    return Object(
        size=facts["size"],
        top=facts["top"],
        height=facts["height"],
        under=facts["under"],
        places=frozenset(facts["in"].split(", ")),
        is_common=facts.get("coco", False),
    )
