"""Drawn tracks: as often as their rewards say, the same for the same seed, and elsewhere where an entity was lost."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from drawn import PROMPT, SIZE, path, video

from dsrbench.backends.registry import trackers
from dsrbench.backends.trackers.draws import SWITCH_PRICE, draw_tracks, move_lost_ends
from dsrbench.backends.trackers.paths import Candidates, StepPrice, best_path
from dsrbench.backends.trackers.tracklets import Tracklets, make_tracklets
from dsrbench.metric import measure_certainty, score_tracks

PRICE = StepPrice(jump=1.0, speed=0.3)


def associate(frames, **options):
    instance = trackers.create("assignment", options).instance
    return instance.associate(frames, prompt=PROMPT, size=SIZE, fps=16.0)


def tracklets_of(*parts, n_frames):
    """Tracklets from (first frame, last frame, box, gain a frame)."""
    boxes, gains = np.full((len(parts), n_frames, 4), np.nan), np.zeros((len(parts), n_frames))
    for k, (first, last, box, gain) in enumerate(parts):
        boxes[k, first : last + 1], gains[k, first : last + 1] = box, gain
    start, end = (np.array([part[i] for part in parts]) for i in (0, 1))
    return Tracklets(boxes, gains, start, end)


def worth(tracklets, choice):
    """Reward of a path that takes tracklets one after the other, each from its first frame to its last."""
    total = sum(tracklets.gains[k].sum() for k in choice)
    for a, b in itertools.pairwise(choice):
        waited = min(tracklets.start[b] - tracklets.end[a], 5)
        boxes = tracklets.boxes[a, tracklets.end[a]], tracklets.boxes[b, tracklets.start[b]]
        total -= SWITCH_PRICE + PRICE(boxes[0][None], boxes[1][None], waited)[0, 0]
    return total


def test_paths_are_drawn_in_proportion_to_their_rewards():
    box = np.array([0.0, 0, 10, 10])
    parts = [(0, 2, box, 0.1), (4, 6, box + 5, 0.2), (9, 11, box + 40, 0.1)]
    tracklets, temperature, n = tracklets_of(*parts, n_frames=12), 0.5, 40_000
    rng = np.random.default_rng(1)
    drawn = draw_tracks(tracklets, price=PRICE, memory=5, temperature=temperature, n=n, rng=rng)
    seen = ~np.isnan(drawn[:, [0, 4, 9], 0])
    choices = [choice for size in range(4) for choice in itertools.combinations(range(3), size)]
    weights = np.exp([worth(tracklets, choice) / temperature for choice in choices])
    for choice, expected in zip(choices, weights / weights.sum(), strict=True):
        share = (seen == [k in choice for k in range(3)]).all(axis=1).mean()
        assert share == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / n))


def test_the_coldest_draws_are_the_best_path():
    rng = np.random.default_rng(2)
    cat, other = path(30), path(30, start=(250, 20), step=(-1, 0))
    scores = rng.uniform(0.3, 0.5, 30)
    frames = video((0, cat, scores), (0, other, 0.3), (1, path(30, start=(100, 90), step=(0, 0)), 0.6), n_frames=30)
    tracks = associate(frames, temperature="0.001")
    np.testing.assert_allclose(tracks.draws.subject, np.broadcast_to(tracks.subject, (64, 30, 4)))
    np.testing.assert_allclose(tracks.draws.object, np.broadcast_to(tracks.object, (64, 30, 4)))


def test_equal_rivals_are_drawn_equally_often():
    cat, other = path(30, step=(1, 0)), path(30, start=(250, 60), step=(-1, 0))
    frames = video((0, cat, 0.4), (0, other, 0.4), (1, path(30, start=(145, 60), step=(0, 0)), 0.6), n_frames=30)
    tracks = associate(frames, samples="400")
    first = np.isclose(tracks.draws.subject[:, 0], cat[0]).all(axis=1)
    assert 0.4 < first.mean() < 0.6
    # to the right of the chair, or to the left of it: the decision is as uncertain as can be
    certainty = measure_certainty(tracks, "RR")
    assert 0.35 < certainty.p_pass < 0.65
    assert certainty.low < 0.3 < 0.7 < certainty.high


def test_one_clear_entity_leaves_no_doubt():
    cat, chair = path(30, start=(10, 60), step=(8, 0)), path(30, start=(140, 60), step=(0, 0))
    tracks = associate(video((0, cat, 0.7), (1, chair, 0.7), n_frames=30))
    certainty = measure_certainty(tracks, "LR")
    assert certainty.of_decision(score_tracks(tracks, "LR").passes()) > 0.99
    assert certainty.high - certainty.low < 0.1


def test_the_same_detections_give_the_same_draws():
    rng = np.random.default_rng(0)
    frames = video(
        *((k % 2, path(20, start=rng.uniform(0, 140, 2)), rng.uniform(0, 0.6, 20)) for k in range(6)), n_frames=20
    )
    first, second = (associate(frames).draws for _ in range(2))
    np.testing.assert_array_equal(first.subject, second.subject)
    np.testing.assert_array_equal(first.object, second.object)
    assert first.subject.dtype == np.float32


@pytest.mark.parametrize("n_frames", [0, 1, 12])
def test_no_draws_without_both_entities_and_none_where_turned_off(n_frames):
    alone = video((0, path(n_frames), 0.5), n_frames=n_frames)
    assert associate(alone).draws is None
    both = video((0, path(n_frames), 0.5), (1, path(n_frames), 0.5), n_frames=n_frames)
    assert associate(both, samples="0").draws is None
    assert (associate(both).draws is not None) == (n_frames > 0)
    assert measure_certainty(associate(alone), "LR") is None


LOST = [
    # first frame, corner of its box, share of draws that are changed
    (0, (100, 60), 0.0),
    (2, (100, 60), 0.0),
    (20, (100, 60), 20 / (20 + 60 / 6)),
    (40, (100, 60), 40 / (40 + 60 / 6)),
    # at the left, right and lower border: it enters
    (20, (3, 60), 0.0),
    (20, (274, 60), 0.0),
    (20, (100, 146), 0.0),
]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("first", "corner", "share"), LOST)
def test_an_entity_that_was_lost_may_have_been_elsewhere(first, corner, share, reverse):
    """One that enters or leaves at the border of the frame was not there before or after."""
    track = path(60, start=corner, step=(0, 0))
    track[:first] = np.nan
    track = track[::-1] if reverse else track
    draws = np.repeat(track[None], 2000, axis=0)
    move_lost_ends(draws, np.full(60, True), size=SIZE, moves=True, window=2, rng=np.random.default_rng(0))
    missing = np.isnan(track[:, 0])
    np.testing.assert_array_equal(draws[:, ~missing], np.repeat(track[None, ~missing], 2000, axis=0))
    moved = ~np.isnan(draws[:, missing, 0]).all(axis=1) if first else np.zeros(2000, bool)
    assert moved.mean() == pytest.approx(share, abs=0.05)
    if moved.any():
        boxes = draws[moved][:, missing]
        assert (boxes == boxes[:, :1]).all()
        assert boxes.min() >= 0
        assert (boxes[..., 2:] <= SIZE).all()
        np.testing.assert_allclose((boxes[:, 0, 2:] - boxes[:, 0, :2]), np.tile([40.0, 30], (len(boxes), 1)))
        assert np.ptp(boxes[:, 0, 0]) > 200


def test_frames_without_the_other_entity_are_not_missed():
    track = path(60, start=(100, 60), step=(0, 0))
    track[:20] = np.nan
    draws = np.repeat(track[None], 50, axis=0)
    other = np.arange(60) >= 18
    move_lost_ends(draws, other, size=SIZE, moves=True, window=2, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(draws, np.repeat(track[None], 50, axis=0))


def test_an_object_that_was_lost_stays_where_it_is_seen():
    track = path(60, start=(100, 60), step=(0, 0))
    track[:30] = np.nan
    draws = np.repeat(track[None], 200, axis=0)
    move_lost_ends(draws, np.full(60, True), size=SIZE, moves=False, window=2, rng=np.random.default_rng(0))
    filled = ~np.isnan(draws[:, 0, 0])
    assert filled.mean() > 0.6
    np.testing.assert_array_equal(
        draws[filled], np.repeat(path(60, start=(100, 60), step=(0, 0))[None], filled.sum(), 0)
    )


def test_tracklets_hold_the_path_and_what_it_left_out():
    cat, other = path(30), path(30, start=(250, 20), step=(-1, 0))
    shown = video((0, cat, 0.5), (0, other, np.where(np.arange(30) < 12, 0.3, 0)), n_frames=30)
    frames = [Candidates(frame.xyxy, frame.score) for frame in shown]
    best = best_path(frames, entry=0.1, price=PRICE, memory=5)
    tracklets = make_tracklets(best, frames, entry=0.1, ends=0.2, gap=2)
    assert (tracklets.start.tolist(), tracklets.end.tolist()) == ([0, 0], [29, 11])
    np.testing.assert_array_equal(tracklets.boxes[0], cat)
    np.testing.assert_array_equal(tracklets.boxes[1, :12], other[:12])
    np.testing.assert_allclose(tracklets.gains.sum(axis=1), [30 * 0.4, 12 * 0.2])
    empty = [Candidates(np.empty((0, 4)), np.empty(0))] * 5
    assert make_tracklets(np.full(5, -1), empty, entry=0.1, ends=0.2, gap=2) is None
