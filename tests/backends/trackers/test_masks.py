"""Boxes of masks."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from dsrbench.backends.trackers.masks import bound_masks, pack_masks

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
    masks = torch.zeros(3, 6, 10, dtype=torch.bool)
    for pixel in pixels:
        masks[1][pixel] = True
    assert bound_masks(masks)[1].tolist() == box
    assert bound_masks(masks, inclusive=True)[1].tolist() == inclusive
    assert torch.isnan(bound_masks(masks)[[0, 2]]).all()
    assert torch.isnan(bound_masks(masks, inclusive=True)[[0, 2]]).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 4), (5, 7), (48, 83)])
def test_bits_are_those_of_numpy(size):
    masks = np.random.default_rng(0).random((2, *size)) < 0.5
    np.testing.assert_array_equal(
        pack_masks(torch.from_numpy(masks)).numpy(), np.packbits(masks.reshape(2, -1), axis=1)
    )
