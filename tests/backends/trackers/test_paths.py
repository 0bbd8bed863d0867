"""The best path against all others, the price of a step, and what is plausible."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from drawn import path as boxes_of

from dsrbench.backends.trackers.paths import (
    Candidates,
    StepPrice,
    best_path,
    cut_path,
    drop_weak_ends,
    keep_plausible,
    path_boxes,
)


def frames_of(boxes, scores):
    """Candidates of each frame, one a row of `boxes` [T, 4] with its score [T]; none where the score is 0."""
    return [Candidates(box[None][[s > 0]], np.array([s])[[s > 0]]) for box, s in zip(boxes, scores, strict=True)]


@pytest.mark.parametrize("seed", range(10))
def test_no_choice_is_better(seed):
    """The path is the best of all there are, by trying all of a short clip (without absences beyond the memory)."""
    rng = np.random.default_rng(seed)
    entry, n_frames, price = 0.3, 6, StepPrice(jump=0.8, speed=0.5)
    corners = rng.uniform(0, 40, (n_frames, 2, 2))
    boxes = np.concatenate([corners, corners + np.array([40, 30])], axis=-1)
    strength = rng.uniform(0.1, 0.9, (n_frames, 2))

    def worth(choice):
        taken = [(t, c) for t, c in enumerate(choice) if c >= 0]
        total = sum(strength[t, c] - entry for t, c in taken)
        for (t, c), (u, d) in itertools.pairwise(taken):
            total -= price(boxes[t, c][None], boxes[u, d][None], u - t)[0, 0]
        return total

    best = max(itertools.product((-1, 0, 1), repeat=n_frames), key=worth)
    frames = [Candidates(boxes[t], strength[t]) for t in range(n_frames)]
    assert best_path(frames, entry=entry, price=price, memory=6).tolist() == list(best)


@pytest.mark.parametrize("distance", [0.5, 2.0, 8.0])
def test_the_price_grows_with_the_speed_and_leaving_frames_out_saves_nothing(distance):
    price, here = StepPrice(jump=1.5, speed=0.2), np.array([[0.0, 0, 10, 10]])
    there = here + np.array([10 * distance, 0, 10 * distance, 0])
    half, far = (here + there) / 2, np.array([1e4, 0, 1e4, 0])
    at_once, later = price(here, there, 1)[0, 0], price(here, there, 9)[0, 0]
    assert later < at_once < 1.5 * distance
    # in two steps of half the time each it costs the same: what lies between is neither a saving nor a loss
    both = price(here, half, 4)[0, 0] + price(half, there, 4)[0, 0]
    np.testing.assert_allclose(both, price(here, there, 8)[0, 0])
    # far above the speed the time hardly matters
    np.testing.assert_allclose(price(here, there + far, 1), price(here, there + far, 3), rtol=0.03)


def test_weak_ends_are_dropped_and_a_weak_middle_is_kept():
    scores = np.array([0.1, 0.1, 0.6, 0.1, 0.6, 0.6, 0.6, 0.2, 0.6, 0.05])
    frames = frames_of(boxes_of(10, step=(0, 0)), scores)
    kept = drop_weak_ends(np.zeros(10, np.int64), frames, share=0.3)
    assert (kept >= 0).tolist() == [False, False, *[True] * 7, False]
    assert (drop_weak_ends(np.full(10, -1), frames, share=0.3) == -1).all()


def test_the_heavier_side_of_a_jump_is_kept():
    boxes = np.concatenate([boxes_of(8), boxes_of(22, start=(270, 140), step=(-1, 0))])
    frames = frames_of(boxes, np.full(30, 0.5))
    kept = keep_plausible(np.zeros(30, np.int64), frames, ends=0.2)
    assert (kept >= 0).tolist() == [False] * 8 + [True] * 22
    np.testing.assert_array_equal(path_boxes(kept, frames)[8:], boxes[8:])
    steady = np.zeros(8, np.int64)
    np.testing.assert_array_equal(keep_plausible(steady, frames[:8], ends=0.2), steady)


def test_a_path_is_cut_at_long_absences():
    frames = frames_of(boxes_of(20, step=(0, 0)), np.full(20, 0.5))
    path = np.zeros(20, np.int64)
    path[3:5] = path[9:15] = -1
    parts = cut_path(path, frames, step=1.0, gap=3)
    assert [np.flatnonzero(part >= 0).tolist() for part in parts] == [[0, 1, 2, 5, 6, 7, 8], [15, 16, 17, 18, 19]]
    assert cut_path(np.full(20, -1), frames, step=1.0) == []
