"""Every diagnosis has words, and the losses of the parts add up."""

from __future__ import annotations

import pytest
from factories.samples import make_sample
from hypothesis import given
from hypothesis import strategies as st

from dsrbench.analysis.reasons import reason_kind
from dsrbench.report.words import (
    MEANINGS,
    RELATIONS,
    TITLES,
    explain_diagnosis,
    explain_sample,
    lost_points,
)
from dsrbench.types import Diagnosis, Prompt, Relation, Status, VideoScore

PART = st.floats(-1, 1)


def test_nothing_lacks_words():
    assert set(TITLES) == set(MEANINGS) == set(Diagnosis)
    assert set(RELATIONS) == set(Relation)
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
