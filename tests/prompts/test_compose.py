"""The canonical sentence, its articles, and what it refuses to write."""

# ruff: noqa: E501 (one sentence, one line)

from __future__ import annotations

import pytest

from dsrbench.errors import PromptError
from dsrbench.prompts import add_article, compose_text

SENTENCES = [
    # as in the paper
    ({"relations": "LR", "scene": "In a sunlit den", "verb": "walks"}, "In a sunlit den, a cat is on the left of a box, then the cat walks to the right of the box."),
    ({"relations": "TL", "verb": "jumps"}, "A cat is on the top of a box, then the cat jumps to the left of the box."),
    # the comma after a scene is ours
    ({"relations": ["R", "T"], "scene": "In a den, "}, "In a den, a cat is on the right of a box, then the cat moves to the top of the box."),
    ({"relations": "UF"}, "A cat is under a box, then the cat moves to the front of the box."),
    ({"relations": "FBL"}, "A cat is in front of a box, then the cat moves behind the box, then the cat moves to the left of the box."),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "text"), SENTENCES)
def test_sentences(fields, text):
    assert compose_text(subject="cat", object="box", **fields) == text


ARTICLES = [
    ("owl", "an"), ("Elephant", "an"), ("cat", "a"), ("hour", "an"), ("honest dog", "an"), ("house", "a"), ("unicorn", "a"),
    ("umbrella", "an"), ("one-eyed cat", "a"), ("onion", "an"), ("UFO", "a"), ("x-ray machine", "an"), ("ewe", "a"),
    ("used car", "a"), ("unimpressed cat", "an"), ("utensil", "a"), ("utter mess", "an"),
]  # fmt: skip


@pytest.mark.parametrize(("noun", "article"), ARTICLES)
def test_articles(noun, article):
    assert add_article(noun) == f"{article} {noun}"


REFUSED = [
    ({"relations": ""}, "expected relations"),
    ({"relations": "LX"}, "unknown relation"),
    ({"subject": "left shoe"}, "cannot read"),
    ({"subject": "the cat"}, "cannot read"),
    ({"object": "box, then it flies"}, "cannot read"),
    ({"object": "cat"}, "must differ"),
    ({"subject": ""}, "cannot read"),
    ({"scene": "There is a cat on the left of a sofa"}, "cannot read|read otherwise"),
    ({"verb": "does not walk"}, "cannot read"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_refuses_what_could_not_be_read_back(change, message):
    with pytest.raises(PromptError, match=message):
        compose_text(**{"subject": "cat", "object": "box", "relations": "LR", **change})
