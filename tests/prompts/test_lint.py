"""Each rule is broken by a suite that breaks no other."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from dsrbench.errors import PromptError
from dsrbench.prompts import Suite, compose_text, read_suite, write_suite
from dsrbench.prompts.lint import RULES, lint_suite
from dsrbench.prompts.vocabulary import rate_difficulty
from dsrbench.prompts.wordings import WORDINGS, expand_wordings
from dsrbench.types import Prompt, Relation

CLEAN = sorted(read_suite("dsr-core-mini"), key=lambda prompt: prompt.type != "LT")


def make(subject, object, relations, scene, verb="moves", split="test", **changes):
    chain = Relation.chain(relations)
    text = compose_text(subject=subject, object=object, relations=relations, scene=scene, verb=verb)
    tags = (rate_difficulty(subject, object, chain),)
    id = f"{subject}-{object}-{relations}"
    return dataclasses.replace(Prompt(id, text, subject, object, chain, scene, split, tags), **changes)


def in_place_of(*new):
    """The clean suite with prompts exchanged for others of their relation types, so that it stays balanced."""
    prompts = list(CLEAN)
    for prompt in new:
        prompts.remove(next(p for p in prompts if p.type == prompt.type))
    return [*prompts, *new]


def changed(**changes):
    return [dataclasses.replace(CLEAN[0], **changes), *CLEAN[1:]]


TWELVE = (
    *("chair", "table", "bench", "desk", "couch", "bed"),
    *("armchair", "refrigerator", "suitcase", "oven", "stool", "motorcycle"),
)
MANY_CATS = [
    make("cat", noun, relations, "", id=f"more-{i}")
    for i, (noun, relations) in enumerate(zip(TWELVE, 2 * ["LR", "RL", "LT", "RT", "TL", "TR"], strict=True))
]
GARDEN = "In a green garden"
BREAKING = [
    # rule, prompts, what is said
    ("grammar", changed(text="A cat naps beside a box."), "cannot read the claim"),
    ("grammar", changed(text=CLEAN[0].text.replace("left", "right")), "reads as type 'RT', the field says 'LT'"),
    ("grammar", changed(scene="On the moon"), "reads as scene"),
    ("article", in_place_of(make("owl", "chair", "LT", GARDEN, text="In a green garden, a owl is on the left of a chair, then the owl flies to the top of the chair.")), "a 'owl' should be 'an owl'"),
    ("article", in_place_of(make("cat", "chair", "LT", GARDEN, text="In a green garden, an cat is on the left of a chair, then it moves on top of it.")), "an 'cat' should be 'a cat'"),
    ("relations", [p for p in CLEAN if p.type != "TR"], "not equally frequent: .*TR 0"),
    ("relations", [*CLEAN, make("cat", "chair", "LT", GARDEN), make("dog", "chair", "LT", GARDEN)], "LT 6"),
    ("relations", [*CLEAN, make("cat", "chair", "LU", GARDEN), make("puppy", "bench", "LU", GARDEN), make("hen", "table", "LU", GARDEN), make("fox", "chair", "UR", GARDEN)], "LU 3, UR 1"),
    ("nouns", [*CLEAN, *MANY_CATS], r"of 36 prompts have the subject 'cat'"),
    ("plausible", in_place_of(make("horse", "hay bale", "LT", "On a small farm")), "a horse does not get onto a hay bale"),
    ("plausible", in_place_of(make("goldfish", "chair", "LR", "In a small kitchen", "swims")), "not seen in one place"),
    ("plausible", in_place_of(make("cat", "chair", "LR", "On a coral reef")), "a cat is not seen on a coral reef"),
    ("verb", in_place_of(make("cat", "chair", "LR", GARDEN, "waddles")), "a cat hardly waddles there; it walks or"),
    ("verb", in_place_of(make("tortoise", "ball", "LR", GARDEN, "sprints")), "a tortoise hardly sprints"),
    ("verb", in_place_of(make("cat", "chair", "LT", GARDEN, "trots")), "hardly trots there; it jumps or leaps"),
    ("verb", in_place_of(make("cat", "chair", "LR", GARDEN, text="In a green garden, a cat is left of a chair, then it flies to its right.")), "hardly flies"),
    ("scene", in_place_of(make("cat", "garden bench", "LR", GARDEN)), "'garden bench' names the scene"),
    ("scene", in_place_of(make("dog", "kitchen", "LR", "At night")), "'kitchen' names the scene"),
    ("scene", in_place_of(make("robin", "benches", "LR", "On a benches farm")), "'benches' names the scene"),
    ("duplicate", in_place_of(make("cat", "chair", "LR", GARDEN, "walks"), make("cat", "chair", "LR", "In a quiet office", "trots", id="again")), "has the nouns and relations of 'cat-chair-LR'"),
    ("duplicate", in_place_of(make("cat", "chair", "LR", GARDEN), make("small cat", "red chair", "LR", GARDEN)), "has the nouns and relations"),
    ("split", [*in_place_of(make("cat", "chair", "LR", GARDEN)), make("cat", "chair", "LT", GARDEN, split="train")], "are those of 'cat-chair-LR' in the split 'test'"),
    ("difficulty", changed(tags=("easy", "hard")), "tagged easy and hard"),
    ("difficulty", changed(tags=()), "tagged nothing, by rule"),
]  # fmt: skip
# ruff: noqa: E501 (one case, one line)


def broken(prompts, **options):
    return {f.rule: f for f in lint_suite(Suite("toy", "1", tuple(prompts)), **options) if f.is_error}


@pytest.mark.parametrize(("rule", "prompts", "message"), BREAKING, ids=lambda v: str(v)[:20])
def test_a_rule_is_broken_and_no_other(rule, prompts, message):
    found = broken(prompts)
    assert list(found) == [rule]
    assert re.search(message, found[rule].message), found[rule].message
    assert broken(prompts, ignore=[rule]) == {}


def test_every_rule_is_broken_above():
    assert {rule for rule, *_ in BREAKING} == set(RULES)


def test_a_text_twice():
    again = dataclasses.replace(CLEAN[0], id="again", text=CLEAN[0].text.upper())
    (finding,) = [f for f in lint_suite(Suite("toy", "1", (*CLEAN, again))) if f.rule == "duplicate"]
    assert (finding.ids, finding.message) == (("again",), f"has the text of {CLEAN[0].id!r}")


def test_against_another_suite():
    core = read_suite("dsr-core")
    found = lint_suite(read_suite("dsr-core-mini"), against=[core])
    assert {f.rule for f in found} == {"split"}
    assert len(found) == 24
    assert "in suite 'dsr-core'" in found[0].message
    assert lint_suite(read_suite("dsr-core-mini"), against=[core], ignore=["split"]) == []


def test_what_cannot_be_judged_is_a_note():
    """A suite of other nouns and without tags breaks no rule, and is told what was not checked."""
    words = zip(["yak", "yeti", "emu", "newt", "ibis", "moth"], ["LR", "RL", "LT", "RT", "TL", "TR"], strict=True)
    prompts = [make(noun, "toaster", type_, "On the moon", tags=(), split="") for noun, type_ in words]
    notes = lint_suite(Suite("toy", "", tuple(prompts)))
    assert [(n.rule, n.is_error) for n in notes] == [("plausible", False), ("difficulty", False)]
    assert notes[0].message == (
        "7 nouns are not in the vocabulary, what they can do is not checked: emu, ibis, moth, newt, toaster, ..."
    )


def test_tables_are_linted_too(tmp_path):
    rows = [
        "type,prompt_id,animal,object,scene,prompt",
        *(f'{p.type},{p.id},{p.subject},{p.object},"{p.scene},","{p.text}"' for p in CLEAN),
    ]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    assert [(f.rule, f.is_error) for f in lint_suite(read_suite(tmp_path / "a.csv"))] == [("difficulty", False)]


def test_wordings_are_no_duplicates():
    assert lint_suite(expand_wordings(read_suite("dsr-core-mini"), list(WORDINGS))) == []
    suite = expand_wordings(Suite("toy", "1", tuple(p for p in CLEAN if p.type != "LR")), ["pronoun", "sides"])
    assert broken(suite.prompts).keys() == {"relations"}
    other = {"a": "an", "an": "a"}
    text = re.sub(r"\b(an?)(?= [a-z ]+ is )", lambda article: other[article[1]], suite.prompts[1].text, count=1)
    spoiled = dataclasses.replace(suite.prompts[1], text=text)
    assert broken((suite.prompts[0], spoiled, *suite.prompts[2:])).keys() == {"article", "relations"}


def test_a_rule_that_is_none():
    with pytest.raises(PromptError, match="no rule 'artcle'; did you mean 'article'"):
        lint_suite(read_suite("dsr-core-mini"), ignore=["artcle"])


def test_clean_suites_stay_clean_in_a_file(tmp_path):
    write_suite(Suite("toy", "1", tuple(CLEAN)), tmp_path / "toy.jsonl")
    assert json.loads((tmp_path / "toy.jsonl").read_text().splitlines()[0]) == {"suite": "toy", "version": "1"}
    assert broken(read_suite(tmp_path / "toy.jsonl").prompts) == {}
