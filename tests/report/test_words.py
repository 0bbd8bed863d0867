"""Every diagnosis has words, and the losses of the parts add up."""

from __future__ import annotations

import pytest
from factories.samples import make_sample
from hypothesis import given
from hypothesis import strategies as st

from dsrbench.analysis.alternatives import Alternative, Displacement, Entity, Side, Span
from dsrbench.analysis.reasons import reason_kind
from dsrbench.report.words import (
    MEANINGS,
    RELATIONS,
    SIDES,
    SPANS,
    TITLES,
    explain_alternative,
    explain_certainty,
    explain_diagnosis,
    explain_sample,
    lost_points,
)
from dsrbench.types import Diagnosis, Prompt, Relation, Status, VideoScore

PART = st.floats(-1, 1)


def test_nothing_lacks_words():
    assert set(TITLES) == set(MEANINGS) == set(Diagnosis)
    assert set(RELATIONS) == set(Relation)
    assert set(SIDES) == set(Side)
    assert set(SPANS) == set(Span)
    for diagnosis in Diagnosis:
        sentence = explain_diagnosis(diagnosis, Prompt("p", "t", "fox", "sofa", Relation.chain("LT")))
        assert "fox" in sentence
        assert "sofa" in sentence
        assert "{" not in sentence


@given(PART, PART, PART, PART)
def test_losses_add_up(a, b, c, d):
    score = (a + b + c + d) / 8 + 0.5
    losses = lost_points(VideoScore(Status.SCORED, "", score, a, b, c, d))
    assert sum(lost for _, lost in losses) == pytest.approx(1 - score)
    assert [lost for _, lost in losses] == sorted((lost for _, lost in losses), reverse=True)


REASONS = [
    ("/a b/c.mp4: truncated: 81 frames declared, 3 could be decoded; make or fetch it again", "c.mp4", "truncated"),
    ("C:\\v\\c.mp4: the file is empty; make it again", "c.mp4", "the file is empty"),
    ("c.mp4: no such file", "model/c.mp4", "no such file"),
    ("no run of 4 valid frames", "", "no run of N valid frames"),
    ("unsupported relation (front)", "", "unsupported relation"),
    ("", "", "no reason was recorded"),
]


@pytest.mark.parametrize(("reason", "video", "kind"), REASONS)
def test_like_reasons_are_one_kind(reason, video, kind):
    assert reason_kind(reason, video) == kind


def test_sentences():
    assert explain_sample(make_sample("failed")) == "Failed: /data/x.mp4: no such file."
    assert "every relation in between" in explain_sample(make_sample(0.9, type="LTR", visited=False))
    assert "weakest part" in explain_sample(make_sample(0.7))
    assert "weakest part" not in explain_sample(make_sample(0.9))


CERTAINTIES = [
    # score, probability of passing, words, whether the scored boxes are in the minority
    (0.9, 0.97, "The decision is certain: the probability that the video passes 0.7 is 97 %", False),
    (0.3, 0.02, "The decision is certain: the probability that the video passes 0.7 is 2 %", False),
    (0.72, 0.61, "The decision is uncertain: the probability that the video passes 0.7 is 61 %", False),
    (0.72, 0.4, "The decision is uncertain", True),
    (0.6, 0.95, "The decision is uncertain", True),
]


@pytest.mark.parametrize(("score", "p_pass", "words", "minority"), CERTAINTIES)
def test_certainty_in_words(score, p_pass, words, minority):
    text = explain_certainty(make_sample(score, p_pass=p_pass))
    assert text.startswith(words)
    assert f"the score is between {score - 0.1:.2f} and {min(1, score + 0.1):.2f} with a probability of 90 %." in text
    assert ("decide otherwise" in text) == minority


@pytest.mark.parametrize("sample", [make_sample(0.7), make_sample("invalid"), make_sample("failed")])
def test_no_certainty_has_no_words(sample):
    assert explain_certainty(sample) == ""


def displaced(*displacements):
    return Alternative(0, 0.84, tuple(Displacement(*each) for each in displacements))


ALTERNATIVES = [
    (
        displaced((Entity.SUBJECT, Span.FIRST, Side.RIGHT)),
        "The duck could also be the one further to the right in the first frames; the score would then be 0.84.",
    ),
    (
        displaced(
            (Entity.SUBJECT, Span.FIRST, Side.LEFT),
            (Entity.SUBJECT, Span.LAST, Side.ABOVE),
            (Entity.OBJECT, Span.THROUGHOUT, Side.BELOW),
        ),
        "The duck could also be the one further to the left in the first frames and further up in the last frames, "
        "and the box the one further down throughout; the score would then be 0.84.",
    ),
    (
        None,
        "No other probable box is far from the scored ones: the score is close to 0.7, and small differences of the "
        "boxes change the decision.",
    ),
]


@pytest.mark.parametrize(("alternative", "text"), ALTERNATIVES)
def test_alternatives_in_words(alternative, text):
    assert explain_alternative(alternative, Prompt("p", "t", "duck", "box", Relation.chain("LR"))) == text
