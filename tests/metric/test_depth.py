"""Front and behind from boxes and depth statistics."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrbench.metric import measure_certainty, score_many, score_tracks
from dsrbench.metric.depth import front_scores, is_uncertain
from dsrbench.types import Status, TrackDraws, VideoTracks

BOX = np.array([0.0, 0, 10, 10])


def tracks_of(differences, *, centres=0.0, error=0.0, spread=1.0):
    """An object at rest, and a subject at `centres` to its right, nearer by `differences` spreads."""
    differences = np.asarray(differences, float)
    subject = BOX + np.stack([np.broadcast_to(centres, differences.shape)] * 4, axis=1) * [1, 0, 1, 0]
    depth = np.zeros((len(differences), 5))
    depth[:, 0], depth[:, 1] = differences * spread + 3, 3
    depth[:, 2:4], depth[:, 4] = spread, error
    depth[np.isnan(differences)] = np.nan
    return VideoTracks(subject, np.tile(BOX, (len(differences), 1)), depth=depth)


FRONT = [
    # centre to the right in widths, nearer by how many spreads, score of "in front of"
    (0.0, 1.0, 1.0),
    (0.0, 0.5, 0.5),
    (0.0, -1.0, -1.0),
    (0.0, 5.0, 1.0),
    (0.0, 0.0, 0.0),
    (1.0, 1.0, 2**-0.5),
    (-1.0, 1.0, 2**-0.5),
    (1.0, 0.0, 0.0),
    (3.0, 4.0, 0.8),
]


@pytest.mark.parametrize(("right", "nearer", "value"), FRONT)
def test_a_frame(right, nearer, value):
    tracks = tracks_of([nearer], centres=10 * right)
    assert front_scores(tracks.subject, tracks.object, tracks.depth) == pytest.approx([value])


def test_frames_without_a_score():
    tracks = tracks_of([1.0, 1.0, 1.0, np.nan])
    subject, depth = tracks.subject.copy(), tracks.depth.copy()
    subject[0], subject[1, 2], depth[2, 2:4] = np.nan, subject[1, 0] - 10, 0
    assert np.isnan(front_scores(subject, tracks.object, depth)).all()


SCORES = [
    # nearer by how many spreads in the first and in the second half, relations, score, diagnosis
    ((2, 2), "F", 1.0, "correct"),
    ((2, 2), "B", 0.0, "reversed"),
    ((2, -2), "FB", 1.0, "correct"),
    ((-2, 2), "FB", 0.0, "reversed"),
    ((2, 2), "FB", 0.5, "static"),
    ((2, -2), "FBF", 0.5, "wrong_end"),
    ((0, -2), "FB", 0.75, "correct"),
]


@pytest.mark.parametrize(("halves", "relations", "value", "diagnosis"), SCORES)
def test_scores(halves, relations, value, diagnosis):
    score = score_tracks(tracks_of([halves[0]] * 40 + [halves[1]] * 41), relations)
    assert (score.dsr_score, score.uncertain_frames) == (pytest.approx(value), 40 if halves[0] == 0 else 0)
    assert score.diagnosis.value == diagnosis


def test_from_a_side_to_the_front():
    way = np.linspace(1, 0, 81)
    tracks = tracks_of(1 - way, centres=-30 * way)
    score = score_tracks(tracks, "LF")
    # the most that two relations of different axes can have is 0.875, as for left and top
    assert 0.87 < score.dsr_score < 0.875
    assert score_tracks(tracks, "LB").dsr_score < 0.51
    assert score_tracks(tracks, "LR").uncertain_frames is None


def test_a_middle_relation_in_depth():
    subject = np.concatenate([np.linspace(-30, 0, 27), np.zeros(27), np.linspace(0, 30, 27)])
    nearer = np.concatenate([np.zeros(27), np.full(27, 2.0), np.zeros(27)])
    tracks = tracks_of(nearer, centres=subject)
    assert score_tracks(tracks, "LFR").visited is True
    assert score_tracks(tracks, "LBR").visited is False
    # depth is needed for the visit alone, so frames without it are scored
    partly = dataclasses.replace(tracks, depth=np.where(np.arange(81)[:, None] < 27, np.nan, tracks.depth))
    assert (score_tracks(partly, "LFR").visited, score_tracks(partly, "LFR").n_scored) == (True, 81)


VALIDITY = [
    (VideoTracks(*[np.tile(BOX, (81, 1))] * 2), r"relation F (front) needs depth; score with a depth estimator"),
    (tracks_of([1.0] * 19 + [np.nan] * 62), "too few scored frames: 19 of at least 20"),
    (tracks_of([1.0] * 20 + [np.nan] * 61), ""),
]


@pytest.mark.parametrize("type", ["F", "FB"])
@pytest.mark.parametrize(("tracks", "reason"), VALIDITY, ids=["no depth", "19 frames", "20 frames"])
def test_validity(tracks, reason, type):
    score = score_tracks(tracks, type)
    assert (score.status, score.reason) == (Status.INVALID if reason else Status.SCORED, reason)


def test_videos_with_and_without_depth_together():
    bare = dataclasses.replace(tracks_of([1.0] * 81), depth=None)
    scores = score_many([bare, tracks_of([1.0] * 81)], ["F", "F"])
    assert [score.status.value for score in scores] == ["invalid", "scored"]


@pytest.mark.parametrize(("difference", "uncertain"), [(1.2, True), (-1.2, True), (1.3, False), (-1.3, False)])
def test_certainty_of_the_order(difference, uncertain):
    depth = tracks_of([difference], error=1.0).depth
    assert is_uncertain(depth).tolist() == [uncertain]
    assert score_tracks(tracks_of([difference] * 81, error=1.0), "F").uncertain_frames == 81 * uncertain


def test_the_error_of_depth_is_part_of_the_certainty():
    def certainty(error):
        tracks = tracks_of([1.0] * 81, error=error)
        drawn = [np.repeat(values[None].astype(np.float32), 64, axis=0) for values in (tracks.subject, tracks.object)]
        depth = np.repeat(tracks.depth[None].astype(np.float32), 64, axis=0)
        return measure_certainty(dataclasses.replace(tracks, draws=TrackDraws(*drawn, depth)), "F")

    assert certainty(0.0).p_pass == pytest.approx(1)
    # the value passes where the difference is at least 0.4, so 0.6 standard errors below
    assert certainty(1.0).p_pass == pytest.approx(0.726, abs=0.02)
    assert certainty(1.0).low < 0.2 < certainty(0.1).low


@given(
    st.lists(st.floats(-5, 5), min_size=20, max_size=30),
    st.floats(0.1, 50),
    st.floats(-100, 100),
    st.floats(-20, 20),
)
def test_properties(differences, scale, shift, right):
    tracks = tracks_of(differences, centres=right)
    front, behind = (score_tracks(tracks, type).dsr_score for type in "FB")
    assert front + behind == pytest.approx(1)
    mirrored = tracks_of(differences, centres=-right)
    assert score_tracks(mirrored, "F").dsr_score == pytest.approx(front)
    scaled = tracks.depth * scale
    scaled[:, :2] += shift
    assert score_tracks(dataclasses.replace(tracks, depth=scaled), "F").dsr_score == pytest.approx(front, abs=1e-6)
