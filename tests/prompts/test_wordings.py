"""Wordings mean the same: every one is read back to the prompt's fields, or refused."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from dsrbench.errors import PromptError
from dsrbench.prompts import Suite, compose_text, parse_prompt, read_suite
from dsrbench.prompts.wordings import (
    WORDINGS,
    expand_wordings,
    list_wordings,
    parse_wordings,
    read_verbs,
    write_wording,
)
from dsrbench.types import Prompt, Relation

OTHERS = [name for name in WORDINGS if name != "default"]
OWL = parse_prompt(
    "In a barn, an owl is on the left of a box, then the owl hops under the box, then the owl flies to the top of the box."
)
TEXTS = {
    "scene-last": "An owl is on the left of a box, then the owl hops under the box, then the owl flies to the top of the box, in a barn.",
    "definite": "In a barn, the owl is on the left of the box, then the owl hops under the box, then the owl flies to the top of the box.",
    "sentences": "In a barn, an owl is on the left of a box. Then the owl hops under the box. Then the owl flies to the top of the box.",
    "pronoun": "In a barn, an owl is on the left of a box, then it hops under it, then it flies to the top of it.",
    "sides": "In a barn, an owl is on the left side of a box and then hops underneath the box and then flies onto the box.",
    "states": "In a barn, at first an owl is on the left of a box, then the owl is under the box, and in the end the owl is on the top of the box.",
}  # fmt: skip
# ruff: noqa: E501 (one sentence, one line)


def test_the_texts():
    assert {name: write_wording(OWL, name) for name in OTHERS} == TEXTS
    assert write_wording(OWL, "default") == OWL.text


def means_the_same(text, prompt):
    read = parse_prompt(text)
    return (read.subject, read.object, read.type, read.scene.casefold()) == (
        prompt.subject, prompt.object, prompt.type, prompt.scene.casefold(),
    )  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("chain", ["".join(c) for n in (2, 3) for c in itertools.permutations("LRTUFB", n)])
def test_every_chain_in_every_wording(name, chain):
    for scene in ("", "On a small farm"):
        text = compose_text(subject="sea turtle", object="box", relations=chain, scene=scene)
        prompt = parse_prompt(text)
        text = write_wording(prompt, name)
        assert means_the_same(text, prompt)
        assert text != prompt.text or (name == "scene-last" and not scene)
        assert text[0].isupper()


@pytest.mark.parametrize(
    "suite",
    [
        "dsr-core",
        "dsr-plus",
        "sprites",
        "dsr-static",
        "dsr-motion",
        "dsr-depth",
        pytest.param("dsr-train", marks=pytest.mark.slow),
    ],
)
def test_every_prompt_in_every_wording(suite):
    read = read_suite(suite)
    expanded = expand_wordings(read, list(WORDINGS))
    assert len(expanded) == sum(len(list_wordings(prompt)) for prompt in read)
    for prompt in expanded:
        original = read.get(prompt.source_id)
        assert means_the_same(prompt.text, original)
        assert (prompt.relations, prompt.scene, prompt.split) == (original.relations, original.scene, original.split)


ONE_CLAIM = [
    ("In a park, a cat is on the left of a box.", "scene-last", "A cat is on the left of a box, in a park."),
    ("In a park, a cat is on the left of a box.", "definite", "In a park, the cat is on the left of the box."),
    ("In a park, a cat is on the left of a box.", "sides", "In a park, a cat is on the left side of a box."),
    ("A cat is behind a box.", "definite", "The cat is behind the box."),
    ("In a park, an owl flies to the left.", "scene-last", "An owl flies to the left, in a park."),
    ("In a park, an owl flies to the left.", "sides", "In a park, an owl flies leftwards."),
    ("A cat climbs upwards.", "definite", "The cat climbs upwards."),
]


@pytest.mark.parametrize(("text", "name", "expected"), ONE_CLAIM)
def test_prompts_of_one_claim(text, name, expected):
    assert write_wording(parse_prompt(text), name) == expected


def test_prompts_of_one_claim_have_fewer_wordings():
    static, chain = parse_prompt("A cat is on the left of a box."), OWL
    suite = Suite("s", "", (dataclasses.replace(static, id="a"), dataclasses.replace(chain, id="b")))
    both = expand_wordings(suite, ["definite", "pronoun"])
    assert [prompt.id for prompt in both] == ["a~definite", "b~definite", "b~pronoun"]
    with pytest.raises(PromptError, match="prompt 'a' has no wording 'pronoun'; it has default, scene-last, definite"):
        expand_wordings(suite, ["pronoun"])
    two = parse_prompt("A deer runs rightwards, an owl flies leftwards.")
    assert list_wordings(two) == ["default"]


def test_words_are_kept_and_people_are_no_it():
    prompt = parse_prompt(
        "In a barn, a hiker is on the top of a box, then the hiker climbs down to the left of the box."
    )
    assert write_wording(prompt, "pronoun").endswith("then she climbs down to the left of it.")
    assert read_verbs(prompt) == ["climbs down"]


def test_other_words_move():
    prompt = Prompt("p", "Die Katze springt.", "cat", "box", Relation.chain("LR"))
    assert read_verbs(prompt) is None
    assert write_wording(prompt, "pronoun") == "A cat is on the left of a box, then it moves to the right of it."


def test_ids_lead_back():
    suite = expand_wordings(read_suite("dsr-core-mini"), ["default", "pronoun"])
    first, second = suite.prompts[:2]
    assert (first.id, first.wording, first.source_id) == (second.source_id, "default", first.id)
    assert (second.id, second.wording) == (f"{first.id}~pronoun", "pronoun")
    assert suite.name == "dsr-core-mini~default+pronoun"
    assert expand_wordings(read_suite("dsr-core-mini"), list(WORDINGS)).name == "dsr-core-mini~all"
    assert expand_wordings(read_suite("dsr-core-mini"), ["default"]) == read_suite("dsr-core-mini")
    # an id that looks like one is none without its tag
    assert Prompt("a~pronoun", "x", "cat", "box", Relation.chain("LR")).source_id == "a~pronoun"


ASKED = [
    ("all", list(WORDINGS)),
    ("pronoun", ["pronoun"]),
    ("0", ["default"]),
    ("0..1", ["default", "scene-last"]),
    ("default, sides", ["default", "sides"]),
    ("6,2", ["states", "definite"]),
]


@pytest.mark.parametrize(("text", "names"), ASKED)
def test_what_can_be_asked_for(text, names):
    assert parse_wordings(text) == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pronouns", "no wording 'pronouns'; did you mean 'pronoun'"),
        ("0..7", "no wording '7'"),
        ("", "no wording ''"),
        ("2..1", "each once; got '2..1'"),
        ("sides,sides", "each once"),
    ],
)
def test_what_cannot(text, message):
    with pytest.raises(PromptError, match=message):
        parse_wordings(text)


def test_a_suite_in_wordings_is_not_worded_again():
    suite = expand_wordings(read_suite("dsr-core-mini"), ["pronoun", "sides"])
    with pytest.raises(PromptError, match=r"is in several wordings already, such as prompt '.*~pronoun'"):
        expand_wordings(suite, ["definite"])


def test_what_cannot_be_said():
    prompt = Prompt("p", "x", "cat on a mat", "box", Relation.chain("LR"))
    with pytest.raises(PromptError, match="prompt 'p' has no wording 'definite'"):
        write_wording(prompt, "definite")
    with pytest.raises(PromptError, match="no wording 'definit'; did you mean 'definite'"):
        expand_wordings(Suite("s", "", (prompt,)), ["definit"])
