"""Dense outputs to boxes, against boxes worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from factories.shapes import one_hot_distances

from dsrbench.backends.detectors.grid import (
    BINS,
    MAX_BOXES,
    STRIDES,
    Selection,
    cell_centres,
    decode_boxes,
    scale_boxes,
    select_boxes,
)
from dsrbench.backends.detectors.nouns import Vocabulary

PLAIN = Selection(threshold=0.05, nms=0.6, vote=1.0, scale=1.0)
SIDE = 128
CELLS = cell_centres(SIDE, offset=0.0)
N = len(CELLS[0])
TWO = Vocabulary(((0,), (1,)), {})


def select(scores, distributions, *, size=(SIDE, SIDE), vocabulary=TWO, how=PLAIN):
    return select_boxes(
        scores.astype(np.float32),
        distributions.astype(np.float32),
        CELLS,
        side=SIDE,
        size=size,
        vocabulary=vocabulary,
        how=how,
    )


def nothing(classes=3):
    """Scores and distributions of a frame in which nothing is seen; every box would be 16 x 32 pixels at stride 8."""
    return np.zeros((N, classes)), np.tile(one_hot_distances((16, 32)), (N, 1))


def cell(x, y, stride=8):
    """Index of the cell in column x, row y of a stride's map."""
    before = sum((SIDE // s) ** 2 for s in STRIDES if s < stride)
    return before + y * (SIDE // stride) + x


def test_cell_centres_at_the_corner_and_in_the_middle():
    centres, strides = cell_centres(416, offset=0.0)
    assert centres.shape == (52 * 52 + 26 * 26 + 13 * 13 + 7 * 7, 2)
    assert centres[[0, 1, 52, 2704, 2705, -1]].tolist() == [[0, 0], [8, 0], [0, 8], [0, 0], [16, 0], [384, 384]]
    assert strides[[0, 2703, 2704, -1]].tolist() == [8, 8, 16, 64]
    middles, _ = cell_centres(416, offset=0.5)
    assert middles[[0, 1, 2704, -1]].tolist() == [[3.5, 3.5], [11.5, 3.5], [7.5, 7.5], [415.5, 415.5]]


def test_one_hot_distributions_decode_exactly():
    logits = np.full((2, 4, BINS), -1e4, np.float32)
    for side, step in enumerate((1, 2, 3, 7)):  # left, top, right, bottom
        logits[:, side, step] = 0
    boxes = decode_boxes(logits.reshape(2, -1), np.array([[64.0, 64], [0, 0]]), np.array([8.0, 16]))
    assert boxes.tolist() == [[56, 48, 88, 120], [-16, -32, 48, 112]]


def test_a_distribution_decodes_to_its_mean():
    logits = np.zeros((1, 4, BINS), np.float32)  # uniform over 0..7: mean 3.5
    logits[0, 3] = np.log([1, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 3])
    (box,) = decode_boxes(logits.reshape(1, -1), np.array([[100.0, 100]]), np.array([8.0]))
    assert box[:3].tolist() == pytest.approx([72, 72, 128])
    expected = (0.001 * (1 + 2 + 3 + 4 + 5 + 6) + 7 * 3) / (4 + 0.006)
    assert box[3] == pytest.approx(100 + 8 * expected, abs=1e-4)


def test_huge_logits_do_not_overflow():
    boxes = decode_boxes(np.full((1, 4 * BINS), 1e30, np.float32), np.zeros((1, 2)), np.array([8.0]))
    assert boxes.tolist() == [[-28, -28, 28, 28]]


def test_scores_pick_boxes_and_labels():
    scores, distributions = nothing()
    scores[cell(8, 8), 0] = 0.9
    scores[cell(3, 4), 1] = 0.6
    scores[cell(2, 2, stride=16), 1] = 0.7  # at stride 16 the same logits give a box twice as large
    scores[cell(12, 12), 2] = 0.99  # a class nobody asked for
    scores[cell(1, 1), 0] = 0.049
    found = select(scores, distributions)
    assert found.xyxy.tolist() == [[56, 48, 72, 80], [16, 0, 48, 64], [16, 16, 32, 48]]
    assert found.score.tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert found.label.tolist() == [0, 1, 1]
    assert (found.xyxy.dtype, found.score.dtype, found.label.dtype) == (np.float64, np.float64, np.int64)


def test_nothing_above_the_threshold():
    assert len(select(*nothing())) == 0


def test_the_threshold_itself_is_kept():
    scores, distributions = nothing()
    scores[cell(8, 8), 0] = 0.5
    how = Selection(threshold=0.5, nms=0.6, vote=1.0, scale=1.0)
    assert len(select(scores, distributions, how=how)) == 1
    scores[cell(8, 8), 0] = 0.499
    assert len(select(scores, distributions, how=how)) == 0


def test_a_label_takes_the_best_of_its_classes():
    scores, distributions = nothing()
    scores[cell(8, 8)] = [0.3, 0.2, 0.8]
    found = select(scores, distributions, vocabulary=Vocabulary(((0, 2), (1,)), {}))
    assert found.score.tolist() == pytest.approx([0.8, 0.2])
    assert found.label.tolist() == [0, 1]


def test_boxes_are_scaled_to_the_frame_and_clipped():
    scores, distributions = nothing()
    scores[cell(0, 8), 0] = 0.9  # [-8, 48, 8, 80] of 128 x 128
    scores[cell(15, 15), 1] = 0.8  # [112, 104, 128, 136]
    found = select(scores, distributions, size=(256, 64))
    assert found.xyxy.tolist() == [[0, 24, 16, 40], [224, 52, 256, 64]]


def test_the_lower_of_two_overlapping_boxes_goes_within_a_label_only():
    scores, distributions = nothing()
    scores[cell(8, 8), 0] = 0.9
    scores[cell(8, 9), 0] = 0.8  # 8 of 32 pixels lower: IoU 24 / 40 = 0.6, not above 0.6
    scores[cell(8, 8), 1] = 0.7
    assert len(select(scores, distributions)) == 3
    tighter = Selection(threshold=0.05, nms=0.59, vote=1.0, scale=1.0)
    found = select(scores, distributions, how=tighter)
    assert found.score.tolist() == pytest.approx([0.9, 0.7])


def test_voting_is_the_mean_weighted_by_score():
    scores, distributions = nothing()
    scores[cell(8, 8), 0] = 0.9
    scores[cell(8, 9), 0] = 0.3  # IoU 0.6
    scores[cell(9, 8), 0] = 0.3  # 8 of 16 pixels to the right: IoU 1/3
    voting = Selection(threshold=0.05, nms=0.3, vote=0.6, scale=1.0)
    found = select(scores, distributions, how=voting)
    assert found.xyxy.tolist() == [pytest.approx([56, 50, 72, 82])]  # 8 pixels times 0.3 / 1.2
    assert found.score.tolist() == pytest.approx([0.9])
    all_vote = select(scores, distributions, how=Selection(threshold=0.05, nms=0.3, vote=0.3, scale=1.0))
    assert all_vote.xyxy[0].tolist() == pytest.approx([57.6, 49.6, 73.6, 81.6])  # 8 times 0.3 / 1.5 each way
    off = Selection(threshold=0.05, nms=0.3, vote=1.0, scale=1.0)
    assert select(scores, distributions, how=off).xyxy.tolist() == [[56, 48, 72, 80]]


def test_boxes_without_area_survive_voting():
    scores, distributions = nothing()
    scores[cell(8, 8), 0] = 0.9
    distributions[cell(8, 8)] = one_hot_distances((0, 0))
    found = select(scores, distributions, how=Selection(threshold=0.05, nms=0.6, vote=0.7, scale=1.0))
    assert found.xyxy.tolist() == [[64, 64, 64, 64]]


def test_the_box_scale_is_about_the_centre():
    assert scale_boxes(np.array([[10.0, 20, 30, 60]]), 0.5).tolist() == [[15, 30, 25, 50]]
    scores, distributions = nothing()
    scores[cell(8, 8), 0] = 0.9
    found = select(scores, distributions, how=Selection(threshold=0.05, nms=0.6, vote=1.0, scale=0.5))
    assert found.xyxy.tolist() == [[60, 56, 68, 72]]


def test_at_most_so_many_boxes_a_label_and_the_best_of_them():
    scores, distributions = nothing()
    distributions[:] = one_hot_distances((0, 0))  # boxes without area never overlap
    values = np.linspace(0.1, 0.9, 60)
    scores[:60, 0] = values
    scores[100, 1] = 0.5
    found = select(scores, distributions)
    assert np.bincount(found.label).tolist() == [MAX_BOXES, 1]
    assert found.score[:MAX_BOXES].tolist() == pytest.approx(values[::-1][:MAX_BOXES])


def test_scores_above_one_are_capped():
    scores, distributions = nothing()
    scores[cell(8, 8), 0] = 1.0000002
    assert select(scores, distributions).score.tolist() == [1.0]
