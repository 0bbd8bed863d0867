"""Relations of a user's own: the paper's relations through the same door give the paper's scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrbench import DSRScore, FrameCounts, Status, VideoTracks, score_sequences, score_tracks
from dsrbench.errors import InputError
from dsrbench.geometry import ssr_scores

PARTS = ("dsr_score", "r_init", "g_init", "r_fin", "g_fin")


def random_tracks(seed, n_frames=40):
    """A walk of a box beside one that rests; about every tenth frame has none."""
    rng = np.random.default_rng(seed)
    corners = rng.normal(0, 30, 2) + np.cumsum(rng.normal(0, 4, (n_frames, 2)), axis=0)
    subject = np.concatenate([corners, corners + 20], axis=1)
    subject[rng.random(n_frames) < 0.1] = np.nan
    return VideoTracks(subject, np.tile([0.0, 0, 30, 30], (n_frames, 1)))


@given(st.integers(0, 10_000), st.sampled_from(["LR", "RL", "LT", "TR"]))
def test_relations_of_the_paper_score_as_they_do(seed, codes):
    tracks = random_tracks(seed)
    expected = score_tracks(tracks, codes)
    score = score_sequences(*(ssr_scores(tracks.subject, tracks.object, code) for code in codes))
    assert score.status is expected.status
    np.testing.assert_array_equal([getattr(score, p) for p in PARTS], [getattr(expected, p) for p in PARTS])
    np.testing.assert_array_equal(score.ssr_initial, expected.ssr_initial)
    assert score.n_scored == expected.n_scored


UP, DOWN, HIGH, LOW = np.linspace(-1, 1, 81), np.linspace(1, -1, 81), np.ones(81), -np.ones(81)

DIAGNOSES = [
    (DOWN, UP, "correct"),
    (UP, DOWN, "reversed"),
    (HIGH, LOW, "static"),
    (LOW, UP, "wrong_start"),
    (DOWN, LOW, "partial"),
    (HIGH, np.linspace(0, -1, 81), "wrong_end"),
]


@pytest.mark.parametrize(("initial", "final", "diagnosis"), DIAGNOSES)
def test_diagnoses(initial, final, diagnosis):
    assert score_sequences(initial, final).diagnosis.value == diagnosis


@pytest.mark.parametrize(("present", "status"), [(19, Status.INVALID), (20, Status.SCORED)])
def test_frames_without_a_value_are_not_scored(present, status):
    initial = np.where(np.arange(81) < present, DOWN, np.nan)
    score = score_sequences(initial, UP)
    assert (score.status, score.n_scored) == (status, present)
    assert (score.reason == "too few scored frames: 19 of at least 20") == (status is Status.INVALID)
    assert np.isnan(score.ssr_final).sum() == 81 - present


def test_counts_are_those_that_are_asked_for():
    few = [1.0, 0, -1], [-1.0, 0, 1]
    assert score_sequences(*few, counts=FrameCounts(scored=3, window=1)).dsr_score == 1
    assert score_sequences([], []).status is Status.INVALID


def test_they_add_up_with_others():
    metric = DSRScore()
    metric.add(score_sequences(DOWN, UP))
    metric.add(score_sequences(UP, DOWN))
    assert metric.compute()["accuracy"] == 0.5


BAD = [
    ([0.0, 1], [0.0], "expected both sequences to have a value a frame, got 2 and 1"),
    ([[0.0]], [0.0], r"a value of the initial relation a frame, \[T\], got \[1, 1\]"),
    ([0.0], [1.5], "values of the final relation in -1..1, got 1.5"),
    ([np.inf], [0.0], "values of the initial relation in -1..1, got inf"),
]


@pytest.mark.parametrize(("initial", "final", "words"), BAD)
def test_bad_input(initial, final, words):
    with pytest.raises(InputError, match=words):
        score_sequences(initial, final)
