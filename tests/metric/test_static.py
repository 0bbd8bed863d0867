"""One relation throughout: the score, the share of frames that hold it, the worst window, and the diagnosis."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrbench.metric import score_many, score_tracks
from dsrbench.metric.static import window_means
from dsrbench.types import FrameCounts, Status, VideoTracks

LEFT, RIGHT, ABOVE, BELOW, NEAR = (-30.0, 0.0), (30.0, 0.0), (0.0, -30.0), (0.0, 30.0), (-5.0, 0.0)


def tracks_of(*centres):
    """10 x 10 pixels around each given centre, beside an object of that size at the origin; None is an absent box."""
    boxes = [[np.nan] * 4 if c is None else [c[0] - 5, c[1] - 5, c[0] + 5, c[1] + 5] for c in centres]
    return VideoTracks(np.array(boxes).reshape(-1, 4), np.tile([-5.0, -5, 5, 5], (len(boxes), 1)))


SCORES = [
    # centres in 81 frames, relation, score, held, worst window, diagnosis
    ([LEFT] * 81, "L", 1.0, 1.0, 1.0, "correct"),
    ([LEFT] * 81, "R", 0.0, 0.0, -1.0, "reversed"),
    ([ABOVE] * 81, "T", 1.0, 1.0, 1.0, "correct"),
    ([BELOW] * 81, "U", 1.0, 1.0, 1.0, "correct"),
    ([ABOVE] * 81, "L", 0.5, 0.0, 0.0, "other"),
    ([NEAR] * 81, "L", 0.75, 1.0, 0.5, "correct"),
    ([LEFT] * 27 + [RIGHT] * 27 + [LEFT] * 27, "L", 2 / 3, 2 / 3, -1.0, "partial"),
    ([LEFT] * 54 + [RIGHT] * 27, "R", 1 / 3, 1 / 3, -1.0, "partial"),
    ([LEFT] * 81 + [], "l", 1.0, 1.0, 1.0, "correct"),
]


@pytest.mark.parametrize(("centres", "relation", "value", "held", "worst", "diagnosis"), SCORES)
def test_scores(centres, relation, value, held, worst, diagnosis):
    score = score_tracks(tracks_of(*centres), relation)
    assert score.status is Status.SCORED
    assert (score.dsr_score, score.held, score.worst) == pytest.approx((value, held, worst))
    assert score.diagnosis.value == diagnosis
    assert score.passes() == (value >= 0.7)
    assert (score.n_scored, len(score.ssr_initial), len(score.ssr_final)) == (81, 81, 0)
    assert math.isnan(score.r_init)
    assert score.visited is None


def test_the_threshold_is_that_of_two_relations():
    """A mean SSR score of 0.4 passes, in both."""
    centres = [(-4.0, 0.0)] * 81
    assert score_tracks(tracks_of(*centres), "L").dsr_score == pytest.approx(0.7)
    assert score_tracks(tracks_of(*[(-3.9, 0.0)] * 81), "L").passes() is False


@pytest.mark.parametrize(("present", "reason"), [(19, "too few scored frames: 19 of at least 20"), (20, "")])
def test_validity(present, reason):
    score = score_tracks(tracks_of(*[LEFT] * present, *[None] * (81 - present)), "L")
    assert score.reason == reason
    assert np.isnan(score.dsr_score) == bool(reason)
    assert np.isnan(score.ssr_initial[present:]).all()


def test_absent_frames_are_left_out_of_mean_and_windows():
    score = score_tracks(tracks_of(*[LEFT, None, RIGHT] * 27), "L", counts=FrameCounts.published())
    assert (score.dsr_score, score.held, score.n_scored) == pytest.approx((0.5, 0.5, 54))
    assert score.worst == pytest.approx(-1 / 3)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.integers(1, 6))
def test_window_means(values, width):
    width = min(width, len(values))
    expected = [np.mean(values[i : i + width]) for i in range(len(values) - width + 1)]
    assert window_means(np.array(values), width) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), min_size=20, max_size=40))
def test_properties(centres):
    tracks = tracks_of(*((float(x), float(y)) for x, y in centres))
    left, right = score_many([tracks] * 2, ["L", "R"])
    assert left.dsr_score + right.dsr_score == pytest.approx(1)
    mirrored = tracks_of(*((-float(x), float(y)) for x, y in centres))
    assert score_tracks(mirrored, "R").dsr_score == pytest.approx(left.dsr_score)
    scaled = VideoTracks(tracks.subject * 3 + 7, tracks.object * 3 + 7)
    assert score_tracks(scaled, "L").dsr_score == pytest.approx(left.dsr_score)
    backwards = VideoTracks(tracks.subject[::-1], tracks.object[::-1])
    assert score_tracks(backwards, "L").dsr_score == pytest.approx(left.dsr_score)
