"""ByteTrack on paths drawn by hand: misses, weak scores, a second animal, late entry, nothing at all."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import PROMPT, SIZE, check_empty, path, states, video
from factories.missing import message_without

from dsrbench.backends.registry import trackers
from dsrbench.errors import OptionError
from dsrbench.types import FrameState


def associate(frames, fps=16.0, **options):
    instance = trackers.create("bytetrack", options).instance
    return instance.associate(frames, prompt=PROMPT, size=SIZE, fps=fps)


def test_two_paths_come_back_exactly():
    cat, chair = path(20), path(20, start=(150, 100), step=(0, 0))
    tracks = associate(video((0, cat, 0.6), (1, chair, 0.4), n_frames=20))
    np.testing.assert_array_equal(tracks.subject, cat)
    np.testing.assert_array_equal(tracks.object, chair)
    assert (tracks.size, tracks.fps, dict(tracks.provenance)) == (SIZE, 16.0, {})
    assert set(tracks.subject_state) == set(tracks.object_state) == {FrameState.DETECTED}


def test_short_gaps_are_filled_and_long_ones_are_not():
    cat, scores = path(20), np.full(20, 0.5)
    scores[5:7], scores[11:15] = 0, 0
    tracks = associate(video((0, cat, scores), n_frames=20), gap="2")
    assert states(tracks) == "DDDDDFFDDDD----DDDDD"
    np.testing.assert_allclose(tracks.subject[5:7], cat[5:7])  # at constant speed the line is the truth
    assert np.isnan(tracks.subject[11:15]).all()
    assert tracks.n_filled == 2


@pytest.mark.parametrize(("n_frames", "miss", "filled"), [(81, 5, 5), (81, 6, 0), (17, 1, 1), (17, 2, 0)])
def test_the_gap_follows_the_length_of_the_clip(n_frames, miss, filled):
    scores = np.full(n_frames, 0.5)
    scores[8 : 8 + miss] = 0
    tracks = associate(video((0, path(n_frames, step=(2, 0)), scores), n_frames=n_frames))
    assert tracks.n_filled == filled


def test_nothing_is_extrapolated():
    scores = np.full(20, 0.5)
    scores[:3], scores[-2:] = 0, 0
    assert states(associate(video((0, path(20), scores), n_frames=20))) == "---DDDDDDDDDDDDDDD--"


@pytest.mark.parametrize("seed", range(3))
def test_weak_scores_hold_a_track(seed):
    scores = np.random.default_rng(seed).uniform(0.15, 0.3, 30)
    scores[0] = 0.25  # one above the activation to begin with
    cat = path(30)
    tracks = associate(video((0, cat, scores), n_frames=30))
    np.testing.assert_array_equal(tracks.subject, cat)


def test_scores_below_the_activation_begin_no_track():
    frames = video((0, path(10), 0.15), n_frames=10)
    assert states(associate(frames)) == "-" * 10
    assert states(associate(frames, activation="0.1", high="0.1")) == "D" * 10


def test_a_weak_detection_continues_but_does_not_begin():
    scores = np.full(12, 0.12)
    scores[4:6] = 0.5
    assert states(associate(video((0, path(12), scores), n_frames=12))) == "----DDDDDDDD"


def test_a_second_animal_does_not_take_the_identity():
    cat = path(30, start=(20, 20), step=(7, 0))
    other = path(30, start=(230, 60), step=(-6, 0))  # goes the other way and is seen for longer, but less sure
    scores = np.full(30, 0.55)
    scores[[7, 16]] = 0
    tracks = associate(video((0, cat, scores), (0, other, 0.3), n_frames=30))
    np.testing.assert_allclose(tracks.subject, cat)
    assert states(tracks).count("F") == 2
    # The order of the detections decides nothing.
    swapped = associate(video((0, other, 0.3), (0, cat, scores), n_frames=30))
    np.testing.assert_array_equal(swapped.subject, tracks.subject)


def test_the_sum_of_scores_decides_between_animals():
    early, late = path(30), path(30, start=(40, 120))
    first = np.where(np.arange(30) < 8, 0.9, 0)
    second = np.where(np.arange(30) >= 8, 0.5, 0)
    tracks = associate(video((0, early, first), (0, late, second), n_frames=30))
    np.testing.assert_array_equal(tracks.subject[8:], late[8:])
    assert np.isnan(tracks.subject[:8]).all()


def test_a_subject_that_enters_late_has_its_first_frame():
    scores = np.where(np.arange(20) >= 9, 0.3, 0)
    cat = path(20)
    tracks = associate(video((0, cat, scores), (1, path(20, step=(0, 0)), 0.5), n_frames=20))
    assert states(tracks) == "-" * 9 + "D" * 11
    np.testing.assert_array_equal(tracks.subject[9:], cat[9:])


def test_a_first_detection_that_is_followed_by_a_miss_is_kept():
    scores = np.full(10, 0.5)
    scores[1] = 0
    assert states(associate(video((0, path(10, step=(2, 0)), scores), n_frames=10))) == "DFDDDDDDDD"


def test_a_stray_detection_before_the_track_is_left_out():
    cat = path(10)
    stray = path(10, start=(250, 140), step=(0, 0))
    frames = video((0, cat, np.where(np.arange(10) >= 3, 0.5, 0)), (0, stray, np.arange(10) == 2), n_frames=10)
    assert states(associate(frames)) == "---DDDDDDD"


def test_a_longer_patience_joins_what_a_shorter_one_parts():
    scores = np.full(40, 0.5)
    scores[10:30] = 0  # 1.25 seconds
    frames = video((0, path(40, step=(0, 0)), scores), n_frames=40)
    # The shorter parts it into two tracks of equal weight; the earlier is kept.
    assert states(associate(frames, lost="1.0")).count("D") == 10
    assert states(associate(frames, lost="2.0")).count("D") == 20


def test_entities_do_not_take_each_others_boxes():
    same = path(12)
    tracks = associate(video((0, same, 0.5), (1, same, 0.9), n_frames=12))
    np.testing.assert_array_equal(tracks.subject, same)
    np.testing.assert_array_equal(tracks.object, same)
    alone = associate(video((1, same, 0.9), n_frames=12))
    assert np.isnan(alone.subject).all()
    np.testing.assert_array_equal(alone.object, same)


@pytest.mark.parametrize("n_frames", [0, 1, 7])
def test_no_detections_at_all(n_frames):
    check_empty(associate, n_frames)


def test_a_clip_of_one_frame():
    tracks = associate(video((0, path(1), 0.5), (1, path(1, start=(200, 100)), 0.1), n_frames=1))
    np.testing.assert_array_equal(tracks.subject, path(1))
    assert np.isnan(tracks.object).all()  # too weak to begin a track


def test_an_entity_seen_once_has_that_frame():
    scores = np.zeros(9)
    scores[4] = 0.7
    assert states(associate(video((0, path(9), scores), n_frames=9))) == "----D----"


def test_boxes_without_area_do_no_harm():
    flat = path(6, size=(0, 0))
    assert len(associate(video((0, flat, 0.5), n_frames=6))) == 6


@pytest.mark.parametrize("fps", [0.0, 1.0, 8.0, 240.0])
def test_any_frame_rate(fps):
    tracks = associate(video((0, path(12), 0.5), n_frames=12), fps=fps)
    assert states(tracks) == "D" * 12
    assert tracks.fps == fps


def test_one_tracker_serves_many_videos():
    """Nothing is carried over from one video to the next."""
    instance = trackers.create("bytetrack").instance
    first, second = video((0, path(9), 0.5), n_frames=9), video((0, path(9, step=(-4, 0)), 0.5), n_frames=9)
    alone = instance.associate(second, prompt=PROMPT, size=SIZE, fps=16.0)
    instance.associate(first, prompt=PROMPT, size=SIZE, fps=16.0)
    again = instance.associate(second, prompt=PROMPT, size=SIZE, fps=16.0)
    np.testing.assert_array_equal(alone.subject, again.subject)


def test_the_record_holds_versions():
    backend = trackers.create("bytetrack", {"activation": "0.3"})
    assert backend.options == {"activation": 0.3, "high": 0.2, "overlap": 0.1, "lost": 1.0, "ends": 0.2, "gap": None}
    assert sorted(backend.fingerprint) == ["supervision", "trackers"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("activation", "1.5", "activation, high, overlap and ends"),
        ("high", "nan", "activation, high, overlap and ends"),
        ("lost", "-1", "lost >= 0"),
        ("gap", "-1", "gap >= 0"),
        ("activate", "0.1", "did you mean 'activation'"),
    ],
)
def test_bad_options_are_refused(name, value, message):
    with pytest.raises(OptionError, match=message):
        trackers.create("bytetrack", {name: value})


def test_a_missing_package_is_named():
    message = message_without("trackers", "trackers", "bytetrack")
    assert "tracker 'bytetrack' needs the package 'trackers'" in message
    assert "pip install 'dsrbench[trackers]'" in message
