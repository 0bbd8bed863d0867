"""The facts suites are built from: what moves how, what can stand on what, and that the grammar reads every word."""

from __future__ import annotations

import itertools

import pytest

from dsrbench.prompts import add_article, compose_text, parse_prompt
from dsrbench.prompts.vocabulary import explain_implausible, find_verbs, load_vocabulary, rate_difficulty
from dsrbench.types import Relation

WORDS = load_vocabulary()
L, R, T, U = Relation.LEFT, Relation.RIGHT, Relation.TOP, Relation.UNDER

PLAUSIBLE = [
    # subject, object, relations, scene, why not
    ("cat", "table", "LT", "In a small kitchen", ""),
    ("horse", "bus", "RL", "On a quiet street", ""),
    ("bird", "stop sign", "TL", "On a cobbled square", ""),
    ("octopus", "anchor", "LR", "On a coral reef", ""),
    ("Cat", "table", "LT", "in a small kitchen", ""),  # whatever the case
    ("cat", "toaster", "LT", "", ""),  # an unknown noun is not judged
    ("cat", "table", "LT", "On the moon", ""),  # nor is an unknown scene
    ("cat", "table", "LT", "On a coral reef", "a cat is not seen on a coral reef"),
    ("goldfish", "bench", "LR", "", "a goldfish and a bench are not seen in one place"),
    ("elephant", "ball", "LR", "", "an elephant and a ball are not seen in one place"),
    ("cow", "stool", "LR", "", "a cow and a stool are too unlike in size for one frame"),
    ("horse", "hay bale", "LT", "", "a horse does not get onto a hay bale"),
    ("dog", "skateboard", "LT", "", "a dog cannot stand on a skateboard"),
    ("cat", "fire hydrant", "TL", "", "a cat cannot stand on a fire hydrant"),
    ("goldfish", "anchor", "TL", "", "a goldfish does not rest on top of things"),
    ("goldfish", "anchor", "LT", "", ""),
    ("dog", "couch", "LU", "", "a dog does not fit under a couch"),
    ("kitten", "couch", "LU", "", ""),
]


@pytest.mark.parametrize(("subject", "object", "relations", "scene", "why"), PLAUSIBLE)
def test_what_is_plausible(subject, object, relations, scene, why):
    assert explain_implausible(subject, object, Relation.chain(relations), scene) == why


def test_verbs_fit_the_animal_and_the_way():
    assert "waddles" in find_verbs("duck", L, R)
    assert set(find_verbs("tortoise", L, R)) == {"crawls", "plods", "trundles"}
    for move in itertools.permutations((L, R, T, U), 2):
        assert set(find_verbs("goldfish", *move)) <= {"swims", "glides", "darts"}
    walkers = {noun for noun in WORDS.subjects if "walks" in find_verbs(noun, L, R)}
    assert walkers.isdisjoint({"goldfish", "sea turtle", "toy car", "drone", "frog", "seal"})
    flyers = {n for n, s in WORDS.subjects.items() if any("flies" in verbs for verbs in s.verbs.values())}
    assert flyers == {"bird", "sparrow", "pigeon", "crow", "owl", "parrot", "duck", "goose", "drone"}


@pytest.mark.parametrize("noun", WORDS.subjects)
def test_a_subject_has_verbs_for_all_it_can_do(noun):
    who = WORDS.subjects[noun]
    assert who.verbs["goes"]
    assert bool(who.verbs["rises"]) == bool(who.verbs["drops"]) == (who.reach > 0)
    assert who.verbs["ducks"]
    assert who.places <= WORDS.scenes.keys()
    partners = [o for o in WORDS.objects if not explain_implausible(noun, o, (L, R))]
    assert len(partners) >= 5
    for verbs in who.verbs.values():
        for verb in verbs:
            text = compose_text(subject=noun, object="box", relations="LT", scene="In a green garden", verb=verb)
            assert f"the {noun} {verb} to" in text


@pytest.mark.parametrize("noun", WORDS.objects)
def test_an_object_is_read_and_has_subjects(noun):
    what = WORDS.objects[noun]
    assert what.places <= WORDS.scenes.keys()
    assert len([s for s in WORDS.subjects if not explain_implausible(s, noun, (L, R))]) >= 5
    for relations in ("LR", "TL", "UT", "LTR"):
        compose_text(subject="bird", object=noun, relations=relations, scene="On a small farm")


def test_scenes_are_read():
    for phrase in WORDS.places:
        scene = phrase[0].upper() + phrase[1:]
        assert parse_prompt(compose_text(subject="cat", object="box", relations="LR", scene=scene)).scene == scene


def test_nouns_are_told_apart():
    assert not WORDS.subjects.keys() & WORDS.objects.keys()
    assert add_article("owl") == "an owl"


@pytest.mark.parametrize(
    ("subject", "object", "relations", "difficulty"),
    [
        ("dog", "chair", "LR", "easy"),
        ("dog", "chair", "LT", "medium"),
        ("cat", "bookshelf", "LR", "medium"),  # two sizes apart
        ("cat", "bookshelf", "LT", "hard"),
        ("cat", "chair", "LU", "hard"),
        ("dog", "chair", "LRL", "medium"),
        ("dog", "chair", "LTR", "hard"),
        ("yeti", "toaster", "TL", "medium"),  # unknown nouns count by their relations
    ],
)
def test_difficulty(subject, object, relations, difficulty):
    assert rate_difficulty(subject, object, Relation.chain(relations)) == difficulty
