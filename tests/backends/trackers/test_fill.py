"""Short gaps are filled with a straight line and marked; ends, long gaps and the boxes themselves are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from dsrbench.backends.trackers.fill import fill_gaps

PATH = np.arange(12)[:, None] * [3.0, 1.0, 3.0, 1.0] + [0, 0, 20, 10]
"""Something at constant speed, so that a straight line is the truth."""

GAPS = [
    # seen (x) and missed (.), the longest gap filled, and what each frame becomes: D detected, F filled, - absent
    ("xxxxxx", 2, "DDDDDD"),
    ("xx.xxx", 0, "DD-DDD"),
    ("xx.xxx", 1, "DDFDDD"),
    # at the limit, and one frame beyond it
    ("x..x", 2, "DFFD"),
    ("x...x", 2, "D---D"),
    # every gap for itself
    ("x..x...x.x", 2, "DFFD---DFD"),
    # ends are never extrapolated, whatever the limit
    ("..xx.x..", 9, "--DDFD--"),
    ("....x", 9, "----D"),
    ("x....", 9, "D----"),
    # nothing to go by
    ("......", 9, "------"),
    ("x", 5, "D"),
    (".", 5, "-"),
    ("", 5, ""),
]


@pytest.mark.parametrize(("seen", "gap", "expected"), GAPS)
def test_gaps(seen, gap, expected):
    truth = PATH[: len(seen)]
    boxes = np.where([[mark == "x"] for mark in seen] or np.empty((0, 1), bool), truth, np.nan)
    before = boxes.copy()
    filled, state = fill_gaps(boxes, gap=gap)
    assert "".join("-DPF"[s] for s in state) == expected
    assert state.dtype == np.uint8
    has_box = np.array([mark != "-" for mark in expected], bool)
    np.testing.assert_allclose(filled[has_box], truth[has_box])
    assert np.isnan(filled[~has_box]).all()
    np.testing.assert_array_equal(boxes, before, "the boxes given are not changed")


def test_each_side_of_a_box_is_interpolated_for_itself():
    boxes = np.array([[0.0, 0, 10, 10], [np.nan] * 4, [np.nan] * 4, [np.nan] * 4, [8.0, 4, 30, 10]])
    filled, _ = fill_gaps(boxes, gap=3)
    np.testing.assert_allclose(filled[1:4], [[2, 1, 15, 10], [4, 2, 20, 10], [6, 3, 25, 10]])
