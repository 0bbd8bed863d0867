"""Every tracker of many objects, held to the same hand-drawn clips."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import PROMPT, SIZE, every_fourth, path, states, video

from dsrbench.backends.base import AssociationTracker
from dsrbench.backends.registry import trackers
from dsrbench.errors import OptionError
from dsrbench.types import Detections, FrameState

NAMES = ["bytetrack", "botsort", "ocsort", "sort", "ultralytics-bytetrack", "ultralytics-botsort"]
WITH_LOW_SCORES = [name for name in NAMES if name != "ocsort" and name != "sort"]
"""Those that match detections below `high` in a second round."""

pytestmark = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of its own, where ultralytics keeps its settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSRBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def associate(name, frames, fps=16.0, **options):
    instance = trackers.create(name, options).instance
    assert isinstance(instance, AssociationTracker)
    return instance.associate(frames, prompt=PROMPT, size=SIZE, fps=fps)


def test_two_paths_come_back_as_they_were_detected(name):
    """The boxes are the detector's own, not those of a filter."""
    cat, chair = path(20), path(20, start=(150, 100), step=(0, 0))
    tracks = associate(name, video((0, cat, 0.6), (1, chair, 0.4), n_frames=20))
    np.testing.assert_array_equal(tracks.subject, cat)
    np.testing.assert_array_equal(tracks.object, chair)
    assert set(tracks.subject_state) == set(tracks.object_state) == {FrameState.DETECTED}
    assert (tracks.size, tracks.fps) == (SIZE, 16.0)


def test_a_low_score_that_enters_late_is_tracked(name):
    """The usual defaults of these packages lose it for good."""
    scores = np.where(np.arange(20) >= 9, 0.3, 0)
    tracks = associate(name, video((0, path(20), scores), n_frames=20))
    assert states(tracks) == "-" * 9 + "D" * 11


def test_a_short_miss_is_bridged_and_filled(name):
    scores = np.full(20, 0.5)
    scores[8:10] = 0
    tracks = associate(name, video((0, path(20), scores), n_frames=20), gap="2")
    assert states(tracks) == "DDDDDDDDFFDDDDDDDDDD"
    np.testing.assert_allclose(tracks.subject, path(20))


@pytest.mark.parametrize("enters", [0, 12, 30])
def test_frames_left_out_are_no_misses(name, enters):
    """An entity that comes in where every fourth frame is looked at is followed from there on."""
    cat = path(60, start=(20, 60), step=(1, 0))
    frames = every_fourth(video((0, cat, np.where(np.arange(60) >= enters, 0.6, 0)), n_frames=60))
    tracks = associate(name, frames, gap="3")
    seen = ~np.isnan(tracks.subject[:, 0])
    assert not seen[:enters].any()
    assert seen[enters + 4 :].all()
    np.testing.assert_allclose(tracks.subject[seen], cat[seen])


def test_a_second_animal_does_not_take_the_identity(name):
    cat = path(30, start=(20, 20), step=(7, 0))
    other = path(30, start=(230, 60), step=(-6, 0))
    tracks = associate(name, video((0, other, 0.3), (0, cat, 0.55), n_frames=30))
    np.testing.assert_allclose(tracks.subject, cat)


def test_entities_do_not_take_each_others_boxes(name):
    same = path(12)
    tracks = associate(name, video((0, same, 0.5), (1, same, 0.9), n_frames=12))
    np.testing.assert_array_equal(tracks.subject, same)
    np.testing.assert_array_equal(tracks.object, same)
    assert np.isnan(associate(name, video((1, same, 0.9), n_frames=12)).subject).all()


def test_a_box_of_no_label_that_was_asked_for_is_nobodys(name):
    frames = [Detections(d.xyxy, d.score, np.full(len(d), -1)) for d in video((0, path(12), 0.9), n_frames=12)]
    tracks = associate(name, frames)
    assert np.isnan(tracks.subject).all()
    assert np.isnan(tracks.object).all()


def test_weak_scores_are_worth_what_the_tracker_says(name):
    scores = np.full(12, 0.12)
    scores[4:6] = 0.5
    second_round = "----DDDDDDDD" if name in WITH_LOW_SCORES else None
    found = states(associate(name, video((0, path(12), scores), n_frames=12)))
    assert found == second_round or (name not in WITH_LOW_SCORES and found.startswith("----DD"))


@pytest.mark.parametrize("n_frames", [0, 1, 7])
def test_no_detections_at_all(name, n_frames):
    tracks = associate(name, [Detections.none()] * n_frames)
    assert len(tracks) == n_frames
    assert not tracks.subject_state.any()


def test_a_clip_of_one_frame(name):
    tracks = associate(name, video((0, path(1), 0.5), (1, path(1, start=(200, 100)), 0.1), n_frames=1))
    np.testing.assert_array_equal(tracks.subject, path(1))
    assert np.isnan(tracks.object).all()


@pytest.mark.parametrize("fps", [0.0, 8.0, 240.0])
def test_any_frame_rate(name, fps):
    assert states(associate(name, video((0, path(12), 0.5), n_frames=12), fps=fps)) == "D" * 12


def test_one_tracker_serves_many_videos(name):
    instance = trackers.create(name).instance
    first, second = video((0, path(9), 0.5), n_frames=9), video((0, path(9, step=(-4, 0)), 0.5), n_frames=9)
    alone = instance.associate(second, prompt=PROMPT, size=SIZE, fps=16.0)
    instance.associate(first, prompt=PROMPT, size=SIZE, fps=16.0)
    again = instance.associate(second, prompt=PROMPT, size=SIZE, fps=16.0)
    np.testing.assert_array_equal(alone.subject, again.subject)


def test_the_record_holds_versions(name):
    packages = ["lap", "ultralytics"] if name.startswith("ultralytics") else ["supervision", "trackers"]
    assert sorted(trackers.create(name).fingerprint) == packages


def test_bad_options_are_refused(name):
    with pytest.raises(OptionError, match="activation, high, overlap and ends"):
        trackers.create(name, {"overlap": "1.5"})
