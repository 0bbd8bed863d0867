"""Sentences that must be read, and sentences that must be refused, with the words at fault."""

# ruff: noqa: E501 (one sentence, one line)

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrbench.errors import PromptError
from dsrbench.prompts import compose_text, parse_prompt
from dsrbench.types import Relation

READABLE = [
    # The canonical sentence, with scenes that try to mislead
    ("In a sunlit den, a cat is on the left of a chair, then the cat walks to the right of the chair.", "cat", "chair", "LR"),
    ("In a still barn with a cup left on a side table, a fox is on the right of a sofa, then the fox trots to the top of the sofa.", "fox", "sofa", "RT"),
    ("In a hall with a bench, a rug on the right and a lamp on top of a shelf, a dog is on the top of a crate, then the dog jumps to the left of the crate.", "dog", "crate", "TL"),
    ("On a deck featuring lanterns, a cat is on the top of a table, then the cat paces to the left of the table.", "cat", "table", "TL"),
    ("With a mug on the left of a table, a cat is on the right of a chair, then it jumps on the chair.", "cat", "chair", "RT"),
    ("The sun sits on the horizon, a cat is on the left of a chair, then it walks to its right.", "cat", "chair", "LR"),
    ("On a bench in the park, a dog is on the left of a box, then the dog jumps on the box.", "dog", "box", "LT"),
    ("In a sunlit office a cat is on the left of a chair, then the cat walks to the right of the chair", "cat", "chair", "LR"),
    # Scenes and remarks after a clause
    ("A cat is on the left of a chair in a den with a mug left on a shelf, then it walks to the right of the chair.", "cat", "chair", "LR"),
    ("A cat is on the left of a chair, then it walks to the right of the chair, cinematic lighting, 4k.", "cat", "chair", "LR"),
    ("A cat is on the left of a chair, then it walks slowly to the right of the chair, wagging its tail.", "cat", "chair", "LR"),
    # Pronouns and left-out words
    ("a cat is on the left of a chair, then it walks to its right side", "cat", "chair", "LR"),
    ("A hamster is in front of a box, then the animal runs to the back of the box", "hamster", "box", "FB"),
    ("A cat is on the left of a chair, then it jumps on top.", "cat", "chair", "LT"),
    ("A cat is on the left of a chair. It walks to the chair's right side.", "cat", "chair", "LR"),
    ("A dog sits to the right of the bench and then jumps on top of it", "dog", "bench", "RT"),
    ("the cat starts left of the chair and ends up right of it", "cat", "chair", "LR"),
    ("A dog on the left of a bench jumps on top of it.", "dog", "bench", "LT"),
    ("A cat is on the left of a chair before walking to the right of it.", "cat", "chair", "LR"),
    # From one place to another
    ("A cat moves from the left of a chair to its top", "cat", "chair", "LT"),
    ("A cat moves from the left of it to the top of the chair.", "cat", "chair", "LT"),
    ("A cat walks from the left to the right of a chair.", "cat", "chair", "LR"),
    ("A cat walks from the left side of a chair to the right side.", "cat", "chair", "LR"),
    ("A dog jumps from the left of a bench onto the bench.", "dog", "bench", "LT"),
    ("A dog is left of a bench, then it jumps from the left of the bench to the top of it.", "dog", "bench", "LT"),
    # Initially, finally
    ("Initially, a dog is on the left of a crate; finally, it is on the right of the crate.", "dog", "crate", "LR"),
    ("A dog is initially on the left of a crate and finally on top of the crate.", "dog", "crate", "LT"),
    ("A dog is on the left of a bench, then, slowly, it jumps on the bench.", "dog", "bench", "LT"),
    # Ways to say each relation
    ("A fox is beside a bench on the left side, then it trots to the right-hand side of the bench", "fox", "bench", "LR"),
    ("A fox sits next to a bench, on its left, then it jumps atop the bench", "fox", "bench", "LT"),
    ("A dog is under a table. Then the dog climbs on top of the table.", "dog", "table", "UT"),
    ("An owl is above a table, then the owl flies beneath it.", "owl", "table", "TU"),
    ("A rabbit is at the back of a stone, then it hops to the front of the stone in a meadow.", "rabbit", "stone", "BF"),
    ("One duck is below the crate, and then moves behind it", "duck", "crate", "UB"),
    ("A cat lies underneath a chair, then jumps over the chair to its right.", "cat", "chair", "UR"),
    # Nouns of several words
    ("A small brown dog is left of a table, then the dog climbs on top of the table.", "small brown dog", "table", "LT"),
    ("A bird perches atop a fire hydrant, then hops down to the left of the fire hydrant.", "bird", "fire hydrant", "TL"),
    ("A St. Bernard lies under a potted plant, then the St. Bernard walks behind it.", "St. Bernard", "potted plant", "UB"),
    ("A bottle of water is on the left of a top hat, then it rolls to its right", "bottle of water", "top hat", "LR"),
    ("A tin can is left of a parking meter, then the can rolls right of the meter.", "tin can", "parking meter", "LR"),
    # Chains
    ("A cat is on the left of a chair, then it jumps on top of the chair, then to the right of it.", "cat", "chair", "LTR"),
    ("a cat walks from the top of a crate to the left of the crate, then behind it", "cat", "crate", "TLB"),
    # Typography
    ("a  dog is sitting on the\nleft-hand side of a sofa — then it leaps to the sofa’s right!", "dog", "sofa", "LR"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "subject", "object", "type_"), READABLE)
def test_reads(text, subject, object, type_):
    prompt = parse_prompt(text)
    assert (prompt.subject, prompt.object, prompt.type) == (subject, object, type_)
    assert prompt.text == text


REFUSED = [
    # text, the part that is named, the words that are quoted
    ("A cat is near a chair, then the cat walks to the left of the chair.", "the initial relation", "is near a chair"),
    # a negation is no relation
    ("A cat is not on the left of a chair, then it walks to the right of it.", "the initial relation", "is not on the left of a chair"),
    ("Cats are on the left of a chair, then they walk to its right.", "the subject", "Cats are on the left of a chair"),
    ("A cat is on the left of, then the cat walks to the right of it.", "the object", "is on the left of"),
    # two relations at once
    ("A cat is on the left and on top of a box, then it jumps to the right of it", "the object", "on the left and on top of a box"),
    ("A cat is on the left of a chair and then.", "the subject of the second clause", ""),
    ("A cat is on the left of a chair, then the dog walks to the right of the chair.", "the subject of the second clause", "the dog walks"),
    ("A cat is on the left of a chair, then the camera pans to the right of the chair.", "the subject of the second clause", "the camera pans"),
    ("A cat is on the left of a chair, then the cat naps.", "the final relation", "the cat naps"),
    ("A cat is on the left of a chair, then it does not walk to the right of it.", "the final relation", "it does not walk"),
    # the back of a horse is its top
    ("A bird is on the left of a horse, then it jumps on its back.", "the final relation", "it jumps on its back"),
    ("A cat is on the left of a chair, then the cat walks to the right of the table.", "the object of the second clause", "right of the table"),
    # the first of two initial relations must not be lost
    ("A cat is left of a lamp, the cat is right of a chair, then it jumps on top of the chair.", "the object of the second clause", "the cat is right of a chair"),
    # nor a third relation
    ("A cat is left of a chair, then it walks right of it, then on top of the lamp.", "the words after the final relation", "on top of the lamp"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "part", "words"), REFUSED)
def test_refuses_and_says_why(text, part, words):
    with pytest.raises(PromptError) as caught:
        parse_prompt(text)
    message = str(caught.value)
    named, quoted = re.match(r"cannot read (.*?) in (['\"].*?['\"]): expected", message).groups()
    assert named == part
    assert words in quoted
    assert "A sentence that works" in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "  \n", None, 3, "a cat " * 1000])
def test_what_is_no_sentence(text):
    with pytest.raises(PromptError, match="expected"):
        parse_prompt(text)


def test_subject_and_object_must_differ():
    with pytest.raises(PromptError, match="must differ"):
        parse_prompt("A cat is on the left of a cat, then it walks to the right of the cat.")


SCENES = [
    ("In a den, a cat is left of a box, then it jumps on it.", "In a den"),
    ("A cat is left of a box in a den, then it jumps on it.", "in a den"),
    ("A cat is left of a box, then it jumps on it in a den.", "in a den"),
    ("A video of a cat left of a box, then it jumps on it, wagging its tail.", ""),
    ("Initially a cat is left of a box, then it jumps on it.", ""),
]


@pytest.mark.parametrize(("text", "scene"), SCENES)
def test_scene(text, scene):
    assert parse_prompt(text).scene == scene


def test_ids():
    text = "A cat is left of a potted plant, then it jumps on it."
    made = parse_prompt(text).id
    assert re.fullmatch(r"cat-potted-plant-lt-[0-9a-f]{8}", made)
    assert parse_prompt(f"  {text}\n").id == made
    assert parse_prompt(text.replace("left of", "on the left of")).id != made
    assert parse_prompt(text, id="mine").id == "mine"


NOUNS = st.sampled_from(
    ["cat", "owl", "St. Bernard", "small brown dog", "fire hydrant", "top hat", "side table", "hourglass", "unicycle",
     "bunch of bananas", "left-hander", "T-shirt", "butterfly", "tin can", "Mädchen", "glass", "kite2", "painting"]
)  # fmt: skip
SCENE_TEXTS = st.sampled_from(
    ["", "In a den", "On a rug, with a mug left on a side table", "At dusk with clouds on the right", "A quiet room",
     "Inside a hall where a lamp sits on top of a shelf", "In an attic with a bench, a box and a chair"]
)  # fmt: skip
CHAINS = st.lists(st.sampled_from(list(Relation)), min_size=2, max_size=5).map(tuple)
VERBS = st.sampled_from([None, "walks", "jumps over", "makes its way", "quickly runs", "is carried back"])


@given(NOUNS, NOUNS, CHAINS, SCENE_TEXTS, VERBS)
@settings(max_examples=400, deadline=None)
def test_what_is_composed_reads_back(subject, object, relations, scene, verb):
    if subject == object:
        return
    text = compose_text(subject=subject, object=object, relations=relations, scene=scene, verb=verb)
    prompt = parse_prompt(text)
    assert (prompt.subject, prompt.object, prompt.relations, prompt.scene) == (subject, object, relations, scene)


VOCABULARY = (
    "a the an cat chair is sits on left right of to top then it its , . ; and in from jumps moves under behind walks "
    "not one beside side with"
)
WORDS = st.sampled_from(VOCABULARY.split())


@given(st.lists(WORDS, max_size=40))
@settings(max_examples=300)
def test_any_words_are_read_or_refused(words):
    try:
        prompt = parse_prompt(" ".join(words))
    except PromptError:
        return
    assert prompt.subject in prompt.text
    assert prompt.object in prompt.text


@pytest.mark.parametrize(
    "text",
    [
        "the cat sits on the chair to the left of it, then " * 78,
        "A cat is on the left of a chair, then " + "it jumps on it, then " * 180,
        "a " * 1999,
        "a cat is on the left of a chair in a room and not " * 80,
    ],
)
def test_long_texts_end_soon(text):
    with pytest.raises(PromptError):
        parse_prompt(text)
