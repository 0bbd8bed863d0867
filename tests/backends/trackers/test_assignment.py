"""The path over the whole clip, on rendered detections: rivals, false positives, misses, absences, weak ends."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import PROMPT, SIZE, check_empty, every_fourth, video

from dsrbench.backends.registry import trackers
from dsrbench.errors import OptionError
from dsrbench.types import Detections, FrameCounts


def path(n_frames, start=(40, 60), step=(2, 0), size=(40, 30)):
    """Boxes [T, 4] of something that moves at constant speed."""
    corner = np.array(start, np.float64) + np.arange(n_frames)[:, None] * np.array(step)
    return np.concatenate([corner, corner + size], axis=1)


def associate(frames, **options):
    instance = trackers.create("assignment", options).instance
    return instance.associate(frames, prompt=PROMPT, size=SIZE, fps=16.0)


def states(tracks, entity="subject"):
    return "".join("-DPF"[state] for state in getattr(tracks, f"{entity}_state"))


def scores(n_frames, *misses, score=0.5):
    """One score for all frames but those of the ranges given."""
    values = np.full(n_frames, score)
    for first, end in misses:
        values[first:end] = 0
    return values


def test_two_paths_come_back_exactly():
    cat, chair = path(20), path(20, start=(150, 100), step=(0, 0))
    tracks = associate(video((0, cat, 0.6), (1, chair, 0.4), n_frames=20))
    np.testing.assert_array_equal(tracks.subject, cat)
    np.testing.assert_array_equal(tracks.object, chair)
    assert (tracks.size, tracks.fps, tracks.n_filled) == (SIZE, 16.0, 0)


RIVALS = [
    # frames in which the other animal is the stronger one, and its score there and elsewhere
    ((10, 13), 0.95, 0.3),
    ((0, 4), 0.9, 0.25),
    ((26, 30), 0.9, 0.25),
    ((5, 6), 1.0, 0.0),
    # never seen but where it is stronger
    ((12, 15), 0.99, 0.0),
]


@pytest.mark.parametrize(("where", "there", "elsewhere"), RIVALS)
def test_a_second_animal_that_is_briefly_stronger_does_not_take_the_identity(where, there, elsewhere):
    cat, other = path(30), path(30, start=(250, 20), step=(-1, 0))
    strength = np.full(30, elsewhere)
    strength[slice(*where)] = there
    tracks = associate(video((0, cat, 0.5), (0, other, strength), n_frames=30))
    np.testing.assert_array_equal(tracks.subject, cat)


def test_the_animal_that_is_stronger_in_all_is_the_subject():
    cat, other = path(30), path(30, start=(250, 20), step=(-1, 0))
    tracks = associate(video((0, cat, 0.4), (0, other, 0.6), n_frames=30))
    np.testing.assert_array_equal(tracks.subject, other)


@pytest.mark.parametrize("n_false", [1, 2, 4])
def test_false_positives_at_the_start_are_left_out(n_false):
    """Where the subject enters late, what is seen elsewhere before is not joined to it."""
    cat, stray = path(30, start=(200, 120)), path(30, start=(10, 10), step=(0, 0))
    false = np.where(np.arange(30) < n_false, 0.3, 0)
    tracks = associate(video((0, cat, scores(30, (0, 8))), (0, stray, false), n_frames=30))
    assert states(tracks) == "-" * 8 + "D" * 22
    np.testing.assert_array_equal(tracks.subject[8:], cat[8:])


def test_false_positives_here_and_there_are_left_out():
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 130, (40, 2))
    noise = np.concatenate([corners, corners + np.array([30, 40])], axis=1)
    cat = path(40, start=(190, 100), step=(2, 1))
    tracks = associate(video((0, cat, 0.45), (0, noise, rng.uniform(0.05, 0.6, 40)), n_frames=40))
    np.testing.assert_array_equal(tracks.subject, cat)


LIMITS = [
    # frames of the clip, frames missed, frames filled: the limit is 5 of 81 frames, scaled to the clip
    (81, 5, 5),
    (81, 6, 0),
    (33, 2, 2),
    (33, 3, 0),
    (16, 1, 1),
    (16, 2, 0),
]


@pytest.mark.parametrize(("n_frames", "missed", "filled"), LIMITS)
def test_gaps_up_to_the_limit_are_filled_and_marked(n_frames, missed, filled):
    assert FrameCounts.for_frames(n_frames).gap in (missed, missed - 1)
    cat = path(n_frames)
    tracks = associate(video((0, cat, scores(n_frames, (6, 6 + missed))), n_frames=n_frames))
    expected = "F" if filled else "-"
    assert states(tracks) == "D" * 6 + expected * missed + "D" * (n_frames - 6 - missed)
    if filled:
        np.testing.assert_allclose(tracks.subject, cat)


def test_the_limit_may_be_set():
    frames = video((0, path(20), scores(20, (6, 9))), n_frames=20)
    assert [associate(frames, gap=gap).n_filled for gap in ("0", "2", "3", "9")] == [0, 0, 3, 3]


def test_ends_are_never_extrapolated():
    tracks = associate(video((0, path(20), scores(20, (0, 2), (19, 20))), n_frames=20), gap="9")
    assert states(tracks) == "--" + "D" * 17 + "-"


def test_an_entity_that_leaves_and_comes_back_far_away_is_the_same():
    before, after = path(60, start=(10, 20)), path(60, start=(220, 120), step=(1, 0))
    seen = [(0, before, scores(60, (20, 60))), (0, after, scores(60, (0, 38)))]
    tracks = associate(video(*seen, n_frames=60))
    assert states(tracks) == "D" * 20 + "-" * 18 + "D" * 22
    np.testing.assert_array_equal(tracks.subject[:20], before[:20])
    np.testing.assert_array_equal(tracks.subject[38:], after[38:])


def test_frames_left_out_count_like_those_around_them():
    """Weak detections of something in motion are worth the way, whether every frame was looked at or every fourth."""
    cat = path(60, start=(20, 60), step=(3, 0))
    frames = video((0, cat, 0.27), n_frames=60)
    every, fourth = associate(frames, extend="1"), associate(every_fourth(frames), extend="1", gap="3")
    np.testing.assert_array_equal(every.subject, cat)
    np.testing.assert_allclose(fourth.subject, cat)
    assert states(fourth)[8:24] == "DFFFDFFFDFFFDFFF"


def test_a_weak_end_is_found_past_frames_left_out():
    cat, weak = path(60, start=(20, 60), step=(1, 0)), scores(60, (40, 60))
    frames = every_fourth(video((0, cat, np.where(weak > 0, weak, 0.11)), n_frames=60))
    assert states(associate(frames, gap="3")) == "D" * 8 + ("DFFF" * 11) + "D" * 8


def test_a_short_sight_far_away_is_not_worth_the_jump():
    cat, far = path(60, start=(10, 20), step=(1, 0)), path(60, start=(240, 130), step=(0, 0))
    seen = [(0, cat, scores(60, (40, 60))), (0, far, scores(60, (0, 57), score=0.4))]
    assert states(associate(video(*seen, n_frames=60))) == "D" * 40 + "-" * 20
    # but free jumps take it
    assert states(associate(video(*seen, n_frames=60), jump="0")) == "D" * 40 + "-" * 17 + "DDD"


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_detections_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    entities = [
        (label, path(25, start=rng.uniform(0, 150, 2), step=rng.uniform(-3, 3, 2)), rng.uniform(0, 0.9, 25))
        for label in (0, 0, 0, 1, 1)
    ]
    frames = video(*entities, n_frames=25)
    expected = associate(frames)
    shuffled = [Detections(f.xyxy[o], f.score[o], f.label[o]) for f in frames if len(o := rng.permutation(len(f))) >= 0]
    tracks = associate(shuffled)
    np.testing.assert_array_equal(tracks.subject, expected.subject)
    np.testing.assert_array_equal(tracks.object, expected.object)
    np.testing.assert_array_equal(tracks.subject_state, expected.subject_state)


def test_weak_detections_extend_the_ends():
    """Below `entry` none is worth taking by itself, but those that touch the path's end belong to it.

    Those far weaker than the rest do not: the frames count as absent.
    """
    strength = scores(30, score=0.6)
    strength[:5] = strength[25:] = 0.13
    cat = path(30)
    frames = video((0, cat, strength), n_frames=30)
    np.testing.assert_array_equal(associate(frames).subject, cat)
    assert states(associate(frames, extend="1", entry="0.4")) == "-" * 5 + "D" * 20 + "-" * 5
    strength[:5] = strength[25:] = 0.05
    assert states(associate(video((0, cat, strength), n_frames=30))) == "-" * 5 + "D" * 20 + "-" * 5
    assert states(associate(video((0, cat, strength), n_frames=30), ends="0.05")) == "D" * 30


def test_weak_detections_elsewhere_extend_nothing():
    strength, weak = scores(30, (0, 5), score=0.6), np.where(np.arange(30) < 5, 0.06, 0)
    far = path(30, start=(240, 120))
    tracks = associate(video((0, path(30), strength), (0, far, weak), n_frames=30))
    assert states(tracks) == "-" * 5 + "D" * 25


MISSES = [
    # some misses in a row on the way out are forgiven (and are then a gap to fill), more are not
    ([7], "D" * 7 + "F" + "D" * 12),
    ([3, 7], "DDDFDDDF" + "D" * 12),
    ([5, 6, 7], "D" * 5 + "FFF" + "D" * 12),
    ([4, 5, 6, 7], "-" * 8 + "D" * 12),
]


@pytest.mark.parametrize(("missed", "expected"), MISSES)
def test_misses_on_the_way_out_are_forgiven(missed, expected):
    strength = np.full(20, 0.6)
    strength[:8] = 0.13
    strength[missed] = 0
    frames = video((0, path(20), strength), n_frames=20)
    assert states(associate(frames, entry="0.4", gap="3")) == expected


def test_a_weak_end_that_moves_fast_is_found():
    """Its boxes do not overlap, but they do with where they are expected."""
    strength = np.full(20, 0.9)
    strength[:6] = 0.15
    cat = path(20, start=(20, 60), step=(10, 0), size=(20, 20))
    frames = video((0, cat, strength), n_frames=20)
    np.testing.assert_array_equal(associate(frames, entry="0.4").subject, cat)


@pytest.mark.parametrize(("strength", "found"), [(0.08, False), (0.12, False), (0.14, True), (0.3, True)])
def test_where_all_are_weak_less_is_worth_taking(strength, found):
    assert states(associate(video((0, path(12), strength), n_frames=12))) == ("D" if found else "-") * 12


def test_a_weak_start_far_away_is_not_joined():
    """The track begins with the animal, not with a weak false detection from which it would have to jump."""
    cat, stray = path(60, start=(60, 90)), path(60, start=(240, 20), step=(0, 0), size=(30, 25))
    false = np.where(np.arange(60) < 8, 0.25, 0)
    tracks = associate(video((0, cat, scores(60, (0, 10))), (0, stray, false), n_frames=60))
    assert states(tracks) == "-" * 10 + "D" * 50


@pytest.mark.parametrize("skipped", [0, 3, 6])
def test_leaving_frames_out_makes_a_jump_no_cheaper(skipped):
    """A second candidate does not take the last frames, whether it appears at once or after a pause."""
    cat, other = path(60, step=(1, 0)), path(60, start=(240, 20), step=(0, 0))
    seen = [(0, cat, scores(60, (50, 60))), (0, other, scores(60, (0, 50 + skipped), score=0.25))]
    assert states(associate(video(*seen, n_frames=60))) == "D" * 50 + "-" * 10


def test_of_the_subject_only_frames_with_the_object_count():
    """The other animal is stronger, but there only after a cut that the object does not survive."""
    cat, other = path(60), path(60, start=(200, 20), size=(80, 60), step=(0, 0))
    chair = (1, path(60, start=(150, 100), step=(0, 0)), scores(60, (45, 60)))
    animals = [(0, cat, scores(60, (45, 60), score=0.2)), (0, other, scores(60, (0, 45), score=0.9))]
    tracks = associate(video(*animals, chair, n_frames=60))
    assert states(tracks) == "D" * 45 + "-" * 15


def test_entities_do_not_take_each_others_boxes():
    same = path(12)
    alone = associate(video((1, same, 0.9), n_frames=12))
    assert np.isnan(alone.subject).all()
    np.testing.assert_array_equal(alone.object, same)
    both = associate(video((0, same, 0.5), (1, same, 0.9), n_frames=12))
    np.testing.assert_array_equal(both.subject, both.object)


@pytest.mark.parametrize("n_frames", [0, 1, 7])
def test_no_detections_at_all(n_frames):
    check_empty(associate, n_frames)


def test_a_clip_of_one_frame():
    tracks = associate(video((0, path(1), 0.5), (0, path(1, start=(200, 9)), 0.7), (1, path(1), 0.05), n_frames=1))
    np.testing.assert_array_equal(tracks.subject, path(1, start=(200, 9)))
    assert np.isnan(tracks.object).all()  # too weak to be worth taking


def test_boxes_without_area_do_no_harm():
    flat = path(6, step=(0, 0), size=(0, 0))
    np.testing.assert_array_equal(associate(video((0, flat, 0.5), n_frames=6)).subject, flat)


def test_many_candidates_in_a_frame():
    """More than are looked at: the best by score are, so the strong one is among them."""
    rng = np.random.default_rng(0)
    weak = [(0, path(8, start=rng.uniform(0, 200, 2)), 0.13) for _ in range(40)]
    cat = path(8, start=(250, 100))
    tracks = associate(video(*weak, (0, cat, 0.8), n_frames=8))
    np.testing.assert_array_equal(tracks.subject, cat)


BAD = [
    # each option just out of its range, what is no number, and a mistyped name
    ("entry", "-0.1", "entry in 0..1"),
    ("entry", "1.1", "entry in 0..1"),
    ("entry", "nan", "entry in 0..1"),
    ("jump", "-1", "jump >= 0"),
    ("jump", "nan", "jump >= 0"),
    ("jump", "inf", "jump >= 0"),
    ("extend", "0", "extend above 0"),
    ("extend", "1.01", "extend above 0"),
    ("memory", "0", "memory >= 1"),
    ("memory", "2.5", "expected int"),
    ("gap", "-1", "gap >= 0"),
    ("gap", "few", "expected int"),
    ("samples", "-1", "samples >= 0"),
    ("speed", "0", "speed and temperature above 0"),
    ("temperature", "nan", "speed and temperature above 0"),
    ("ends", "1.5", "ends in 0..1"),
    ("jmp", "1", "did you mean 'jump'"),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_bad_options_are_refused(name, value, message):
    with pytest.raises(OptionError, match=message):
        trackers.create("assignment", {name: value})
