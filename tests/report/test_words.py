"""Every diagnosis has words, and the losses of the parts add up."""

from __future__ import annotations

import numpy as np
import pytest
from factories.samples import make_sample
from hypothesis import given
from hypothesis import strategies as st

from dsrbench.analysis.alternatives import Alternative, Displacement, Entity, Side, Span
from dsrbench.analysis.reasons import reason_kind
from dsrbench.metric import score_tracks
from dsrbench.report.words import (
    DIRECTIONS,
    KINDS,
    MEANINGS,
    MOTIONS,
    RELATIONS,
    SIDES,
    SPANS,
    THROUGHOUT,
    TITLES,
    describe_prompt,
    explain_alternative,
    explain_certainty,
    explain_diagnosis,
    explain_sample,
    lost_points,
)
from dsrbench.store import Sample
from dsrbench.types import Clause, Diagnosis, Direction, Kind, Prompt, Relation, Status, VideoScore, VideoTracks

PART = st.floats(-1, 1)


def test_nothing_lacks_words():
    assert set(TITLES) == set(MEANINGS) == set(Diagnosis)
    assert set(RELATIONS) == set(Relation)
    assert set(DIRECTIONS) == set(Direction)
    assert set(KINDS) == set(Kind)
    assert set(SIDES) == set(Side)
    assert set(SPANS) == set(Span)
    for diagnosis in Diagnosis:
        sentence = explain_diagnosis(diagnosis, Clause("fox", "sofa", Relation.chain("LT")))
        assert "fox" in sentence
        assert "sofa" in sentence
        assert "{" not in sentence


@pytest.mark.parametrize("codes", [*"LRTUFB", ">L", ">R", ">U", ">D"])
def test_other_kinds_have_words_for_their_diagnoses(codes):
    clause = Clause.of_type("fox", "" if ">" in codes else "sofa", codes)
    diagnoses = MOTIONS if ">" in codes else THROUGHOUT
    for diagnosis in diagnoses:
        sentence = explain_diagnosis(diagnosis, clause)
        assert "fox" in sentence
        assert "{" not in sentence


BOX = np.tile([0.0, 0, 10, 10], (81, 1))
NOTHING = np.full((81, 4), np.nan)
DEPTH = np.tile([2.0, 1, 0.5, 0.5, 5], (81, 1))
SENTENCES = [
    # type, tracks, sentence
    ("L", VideoTracks(BOX - 20, BOX), "The fox is left of the sofa, well enough to pass. The relation holds in 100 %"),
    ("F", VideoTracks(BOX, BOX, depth=DEPTH), "In 81 of 81 scored frames it is not certain which is nearer."),
    (
        ">R",
        VideoTracks(BOX, NOTHING),
        "The fox hardly moves; it was to move to the right. The motion of the camera was",
    ),
    (">R+L", VideoTracks(BOX, NOTHING, further=(VideoTracks(BOX - 20, BOX),)), "Claim 1 of 2 decides. The fox hardly"),
    (">R+F", VideoTracks(BOX, NOTHING, further=(VideoTracks(BOX, BOX),)), "Not scored: claim 2: relation F (front)"),
]


@pytest.mark.parametrize(("type", "tracks", "sentence"), SENTENCES)
def test_samples_of_other_kinds_in_words(type, tracks, sentence):
    clauses = [Clause.of_type("fox", "" if ">" in codes else "sofa", codes) for codes in type.split("+")]
    prompt = Prompt.of_clauses("p", "t", clauses)
    assert sentence in explain_sample(Sample("m", prompt, 0, score_tracks(tracks, prompt)))


DESCRIPTIONS = [
    ("LR", "the fox left of, then right of the sofa"),
    ("B", "the fox behind the sofa throughout"),
    (">D", "the fox moving down"),
    (">L+T", "the fox moving to the left; the fox on top of the sofa throughout"),
]


@pytest.mark.parametrize(("type", "words"), DESCRIPTIONS)
def test_prompts_in_words(type, words):
    clauses = [Clause.of_type("fox", "" if ">" in codes else "sofa", codes) for codes in type.split("+")]
    assert describe_prompt(Prompt.of_clauses("p", "t", clauses)) == words


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
