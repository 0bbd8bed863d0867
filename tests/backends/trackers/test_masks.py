"""Boxes of masks."""

from __future__ import annotations

import numpy as np
import pytest

from dsrbench.backends.trackers.masks import bound_mask

CASES = [
    # pixels (row, column), the half-open box, the box with inclusive corners
    ([(0, 0)], [0, 0, 1, 1], [0, 0, 0, 0]),
    ([(2, 3), (2, 4), (3, 3)], [3, 2, 5, 4], [3, 2, 4, 3]),
    # parts that do not touch are one box
    ([(1, 7), (4, 2)], [2, 1, 8, 5], [2, 1, 7, 4]),
    # the last pixel
    ([(5, 9)], [9, 5, 10, 6], [9, 5, 9, 5]),
]


@pytest.mark.parametrize(("pixels", "box", "inclusive"), CASES)
def test_boxes_are_tight(pixels, box, inclusive):
    mask = np.zeros((6, 10), bool)
    for pixel in pixels:
        mask[pixel] = True
    assert bound_mask(mask).tolist() == box
    assert bound_mask(mask, inclusive=True).tolist() == inclusive


def test_an_empty_mask_is_absent():
    assert np.isnan(bound_mask(np.zeros((6, 10), bool))).all()
    assert np.isnan(bound_mask(np.zeros((6, 10), bool), inclusive=True)).all()
