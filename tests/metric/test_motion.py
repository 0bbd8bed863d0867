"""Motions without an object: directions, short ways, the camera, and the diagnosis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrbench.metric import score_tracks
from dsrbench.types import Status, VideoTracks

NOTHING = np.full((81, 4), np.nan)


def moving(dx, dy, *, width=20.0, height=10.0, camera=None):
    """A box that goes (dx, dy) pixels in all."""
    path = np.linspace([100.0, 100], [100.0 + dx, 100 + dy], 81)
    boxes = np.concatenate([path, path + np.array([width, height])], axis=1)
    return VideoTracks(boxes, NOTHING, camera=camera)


SCORES = [
    # way of the first to the last frame in pixels, direction, score, diagnosis
    ((-100, 0), ">L", 1.0, "correct"),
    ((100, 0), ">L", 0.0, "reversed"),
    ((100, 0), ">r", 1.0, "correct"),
    ((0, -50), ">U", 1.0, "correct"),
    ((0, 50), ">D", 1.0, "correct"),
    ((0, 50), ">U", 0.0, "reversed"),
    ((100, 0), ">D", 0.5, "other"),
    # the diagonal counts by its cosine
    ((100, 100), ">R", (1 + 2**-0.5) / 2, "correct"),
    ((0, 0), ">R", 0.5, "static"),
]


@pytest.mark.parametrize(("way", "direction", "value", "diagnosis"), SCORES)
def test_scores(way, direction, value, diagnosis):
    score = score_tracks(moving(*way), direction)
    assert score.status is Status.SCORED
    assert score.dsr_score == pytest.approx(value)
    assert score.diagnosis.value == diagnosis
    assert score.compensated is False
    assert (score.n_scored, len(score.ssr_initial), len(score.ssr_final)) == (81, 81, 0)


def test_a_short_way_counts_by_the_side_of_the_box():
    # windows of 3 frames are 78 frames apart
    score = score_tracks(moving(10 * 80 / 78, 0), ">R")
    assert score.dsr_score == pytest.approx(0.75)
    assert score_tracks(moving(6 * 80 / 78, 0), ">R").diagnosis.value == "static"
    assert score_tracks(moving(9 * 80 / 78, 9 * 80 / 78), ">R").diagnosis.value == "partial"


def test_the_sequence_is_the_way_so_far():
    values = score_tracks(moving(80, 0), ">R").ssr_initial
    assert values[:3] == pytest.approx([-0.05, 0, 0.05])
    assert (np.diff(values) >= 0).all()
    assert values[-1] == 1


def pan(dx, dy=0.0, zoom=1.0):
    """Homographies to the first frame of a camera that moves evenly: a thing at rest goes (dx, dy) pixels in all."""
    homographies = np.tile(np.eye(3), (81, 1, 1))
    for share, homography in zip(np.linspace(0, 1, 81), homographies, strict=True):
        scale = zoom**share
        homography[:] = np.linalg.inv([[scale, 0, dx * share], [0, scale, dy * share], [0, 0, 1]])
    return homographies


def test_the_motion_of_the_camera_is_removed():
    # the picture moves to the right by 200, the subject by 100: in the scene it goes to the left
    followed = moving(100, 0, camera=pan(200))
    assert score_tracks(followed, ">L").dsr_score == pytest.approx(1)
    assert score_tracks(followed, ">L").compensated is True
    assert score_tracks(moving(100, 0), ">L").dsr_score == 0
    # a subject at rest under a moving camera stands still
    assert score_tracks(moving(200, 30, camera=pan(200, 30)), ">R").diagnosis.value == "static"


def test_a_background_that_was_lost_is_said():
    camera = pan(200)
    camera[40:] = np.nan
    score = score_tracks(moving(100, 0, camera=camera), ">R")
    assert (score.compensated, score.dsr_score) == (False, 1)


def test_validity():
    tracks = moving(100, 0)
    boxes = tracks.subject.copy()
    boxes[19:] = np.nan
    score = score_tracks(VideoTracks(boxes, NOTHING), ">R")
    assert (score.status, score.reason) == (Status.INVALID, "too few scored frames: 19 of at least 20")
    flat = tracks.subject.copy()
    flat[:, 3] = flat[:, 1]
    assert score_tracks(VideoTracks(flat, NOTHING), ">R").status is Status.INVALID


@given(st.floats(-200, 200), st.floats(-200, 200), st.floats(0.1, 10))
def test_properties(dx, dy, scale):
    tracks = moving(dx, dy)
    value = score_tracks(tracks, ">L").dsr_score
    assert value + score_tracks(tracks, ">R").dsr_score == pytest.approx(1)
    backwards = VideoTracks(tracks.subject[::-1], NOTHING)
    assert score_tracks(backwards, ">R").dsr_score == pytest.approx(value)
    mirrored = VideoTracks((500 - tracks.subject[:, [2, 1, 0, 3]]) * [1, -1, 1, -1] + [0, 500, 0, 500], NOTHING)
    assert score_tracks(mirrored, ">R").dsr_score == pytest.approx(value, abs=1e-6)
    scaled = VideoTracks(tracks.subject * scale, NOTHING)
    assert score_tracks(scaled, ">L").dsr_score == pytest.approx(value, abs=1e-6)
