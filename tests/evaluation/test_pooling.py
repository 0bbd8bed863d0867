"""Pooled tracks: the first detector's, with the draws of both."""

from __future__ import annotations

import numpy as np
import pytest

from dsrbench.evaluation.pooling import pool_tracks
from dsrbench.metric import measure_certainty, score_tracks
from dsrbench.types import TrackDraws, VideoTracks

T = 33
CHAIR = np.tile([150.0, 40, 170, 60], (T, 1))
RIGHT = np.linspace([20.0, 40, 40, 60], [280.0, 40, 300, 60], T)
ABSENT = np.full((T, 4), np.nan)


def make_tracks(cat, n_draws=0, chair=CHAIR, **provenance):
    draws = None
    if n_draws:
        draws = TrackDraws(np.repeat(cat[None], n_draws, 0), np.repeat(chair[None], n_draws, 0))
    return VideoTracks(cat, chair, (320, 180), 16.0, draws=draws, provenance=provenance)


POOLS = [
    # draws of the first and of the second, whether the second sees otherwise or nothing; draws pooled, probability
    (8, 8, RIGHT, 16, 1.0),
    (8, 8, RIGHT[::-1], 16, 0.5),
    (0, 0, RIGHT, 2, 1.0),
    (0, 0, RIGHT[::-1], 2, 0.5),
    (8, 0, RIGHT[::-1], 16, 0.5),
    (0, 8, RIGHT[::-1], 16, 0.5),
    (8, 0, ABSENT, 16, 0.5),
    (0, 0, ABSENT, 2, 0.5),
]


@pytest.mark.parametrize(("n_first", "n_second", "cat", "n_pooled", "p_pass"), POOLS)
def test_both_detectors_have_as_much_to_say(n_first, n_second, cat, n_pooled, p_pass):
    first, second = make_tracks(RIGHT, n_first), make_tracks(cat, n_second)
    pooled = pool_tracks(first, second)
    assert len(pooled.draws) == n_pooled
    np.testing.assert_array_equal(pooled.draws.subject[: n_pooled // 2], np.float32([RIGHT] * (n_pooled // 2)))
    np.testing.assert_array_equal(pooled.draws.subject[n_pooled // 2 :], np.float32([cat] * (n_pooled // 2)))
    assert measure_certainty(pooled, "LR").p_pass == pytest.approx(p_pass, abs=0.01)
    for name in ("subject", "object", "subject_state", "object_state", "size", "fps"):
        assert getattr(pooled, name) is getattr(first, name)
    assert score_tracks(pooled, "LR").dsr_score == score_tracks(first, "LR").dsr_score


def test_a_second_detector_that_sees_nothing_agrees_with_a_failure():
    failed = make_tracks(RIGHT[::-1], 8)
    pooled = pool_tracks(failed, make_tracks(ABSENT))
    assert measure_certainty(pooled, "LR").p_pass == measure_certainty(failed, "LR").p_pass == pytest.approx(0)


def test_provenance_has_both():
    first = make_tracks(RIGHT, detector={"name": "a"}, nouns={}, anchor=3, video_sha256="5")
    second = make_tracks(RIGHT, detector={"name": "b"}, nouns={"cat": "any animal"}, anchor=None, video_sha256="5")
    assert pool_tracks(first, second).provenance == {
        **first.provenance,
        "second_detector": {"name": "b"},
        "second_nouns": {"cat": "any animal"},
        "second_anchor": None,
    }
