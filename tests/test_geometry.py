"""SSR scores, overlap, clipping and suppression, one case a rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dsrbench.errors import BoxError, InputError
from dsrbench.geometry import areas, clip_boxes, iou_matrix, nms, ssr_scores

IN_ITS_TIME = settings(deadline=None)  # a busy machine is no error
OBJECT = [0.0, 0, 10, 10]
HALF = np.sqrt(0.5)

SSR = [
    # absent: subject, object
    ([np.nan] * 4, OBJECT, "L", np.nan),
    (OBJECT, [np.nan] * 4, "L", np.nan),
    # no width of one box: skipped; no height of one: not
    ([20, 0, 20, 10], OBJECT, "R", np.nan),
    (OBJECT, [20, 0, 20, 10], "R", np.nan),
    ([20, 5, 30, 5], OBJECT, "R", 1.0),
    ([20, 5, 30, 5], OBJECT, "T", 0.0),
    # no height of both: skipped, also along x
    ([20, 5, 30, 5], [0, 5, 10, 5], "R", np.nan),
    # under needs both heights
    ([0, 20, 10, 20], OBJECT, "U", np.nan),
    (OBJECT, [0, 20, 10, 20], "U", np.nan),
    ([0, 20, 10, 20], OBJECT, "T", -1.0),
    # one place: no direction
    (OBJECT, OBJECT, "L", 0.0),
    (OBJECT, OBJECT, "T", 0.0),
    (OBJECT, OBJECT, "U", 0.0),
    # the same centre, other sizes
    ([4, 4, 6, 6], OBJECT, "R", 0.0),
    # touching: the whole distance
    ([10, 0, 20, 10], OBJECT, "R", 1.0),
    ([-10, 0, 0, 10], OBJECT, "L", 1.0),
    ([0, -10, 10, 0], OBJECT, "T", 1.0),
    # y points down
    ([0, 10, 10, 20], OBJECT, "T", -1.0),
    ([0, 10, 10, 20], OBJECT, "U", 1.0),
    # overlapping by half
    ([5, 0, 15, 10], OBJECT, "R", 0.5),
    ([5, 0, 15, 10], OBJECT, "L", -0.5),
    # under is reached within a tenth of the smaller height
    ([0, 1, 10, 11], OBJECT, "U", 1.0),
    ([0, 0.5, 10, 10.5], OBJECT, "U", 0.5),
    ([4, 5.1, 6, 7.1], OBJECT, "U", 1.0),
    # diagonal
    ([20, 20, 30, 30], OBJECT, "R", HALF),
    ([20, 20, 30, 30], OBJECT, "T", -HALF),
    # extents are averaged: 5 from the centre of boxes 10 and 20 wide
    ([0, 0, 20, 10], OBJECT, "R", 5 / 15),
]


@pytest.mark.parametrize(("subject", "object", "code", "expected"), SSR)
def test_ssr(subject, object, code, expected):
    found = ssr_scores([subject], [object], code)
    assert found.shape == (1,)
    assert found[0] == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 3)])
def test_ssr_of_any_leading_axes(shape):
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 50, (2, *shape, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 20, low.shape)], axis=-1)
    found = ssr_scores(boxes[0], boxes[1], "T")
    assert found.shape == shape
    flat = boxes.reshape(2, -1, 4)
    np.testing.assert_array_equal(found.ravel(), ssr_scores(flat[0], flat[1], "T"))


def test_ssr_changes_no_input():
    subject, object = np.array([[1.0, 2, 3, 4], [np.nan] * 4]), np.array([[5.0, 6, 7, 8], [0, 0, 1, 1]])
    before = subject.copy(), object.copy()
    ssr_scores(subject, object, "U")
    np.testing.assert_array_equal(subject, before[0])
    np.testing.assert_array_equal(object, before[1])


@pytest.mark.parametrize("code", ["F", "B"])
def test_depth_is_refused(code):
    with pytest.raises(InputError, match="needs depth"):
        ssr_scores([OBJECT], [OBJECT], code)


@pytest.mark.parametrize("subject", [[OBJECT] * 2, [[1, 2, 3]], 5.0, [], np.zeros((1, 4, 1))])
def test_shapes_are_checked(subject):
    with pytest.raises(BoxError, match="expected two arrays of boxes"):
        ssr_scores(subject, [OBJECT], "L")


IOU = [
    # apart, touching at an edge, at a corner
    ([20, 0, 30, 10], 0.0),
    ([10, 0, 20, 10], 0.0),
    ([10, 10, 20, 20], 0.0),
    # apart along both axes: two negative overlaps make no positive one
    ([20, 20, 30, 30], 0.0),
    # itself, inside, half over
    (OBJECT, 1.0),
    ([0, 0, 5, 10], 0.5),
    ([5, 0, 15, 10], 1 / 3),
    # no area
    ([5, 5, 5, 5], 0.0),
]


@pytest.mark.parametrize(("box", "expected"), IOU)
def test_iou(box, expected):
    assert iou_matrix(np.array([OBJECT]), np.array([box], float))[0, 0] == pytest.approx(expected)


def test_iou_of_nothing():
    assert iou_matrix(np.empty((0, 4)), np.array([OBJECT])).shape == (0, 1)
    assert iou_matrix(np.array([OBJECT]), np.empty((0, 4))).shape == (1, 0)
    point = np.array([[1.0, 1, 1, 1]])
    assert iou_matrix(point, point)[0, 0] == 0


@IN_ITS_TIME
@given(arrays(float, (5, 4), elements=st.floats(-1e3, 1e3)))
def test_iou_is_symmetric_and_a_share(numbers):
    boxes = np.concatenate([np.minimum(numbers[:, :2], numbers[:, 2:]), np.maximum(numbers[:, :2], numbers[:, 2:])], 1)
    overlap = iou_matrix(boxes, boxes)
    assert ((overlap >= 0) & (overlap <= 1 + 1e-9)).all()
    np.testing.assert_array_equal(overlap, overlap.T)
    assert (areas(boxes) >= 0).all()


CLIP = [
    # inside, over each edge, wholly outside
    ([1, 2, 3, 4], [1, 2, 3, 4]),
    ([-5, -5, 3, 3], [0, 0, 3, 3]),
    ([1, 2, 99, 99], [1, 2, 8, 6]),
    ([-9, 1, -2, 3], [0, 1, 0, 3]),
]


@pytest.mark.parametrize(("box", "expected"), CLIP)
def test_clip(box, expected):
    assert clip_boxes(np.array([box], float), (8, 6)).tolist() == [expected]


NEAR = [0.0, 0, 10, 9.5]
FAR = [50.0, 50, 60, 60]
NMS = [
    # none, one
    ([], [], [], []),
    ([OBJECT], [0.1], [0], [0]),
    # the better of two that overlap stays, best first
    ([OBJECT, NEAR], [0.2, 0.9], [0, 0], [1]),
    ([OBJECT, FAR, NEAR], [0.5, 0.2, 0.9], [0, 0, 0], [2, 1]),
    # other groups do not suppress
    ([OBJECT, NEAR], [0.2, 0.9], [0, 1], [1, 0]),
    # equal scores: the first stays
    ([OBJECT, NEAR], [0.5, 0.5], [0, 0], [0]),
    # one that was suppressed suppresses nothing: 0 - 1 - 2 is a chain, and 0 and 2 stay
    ([[0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]], [0.9, 0.8, 0.7], [0, 0, 0], [0, 2]),
]


@pytest.mark.parametrize(("boxes", "scores", "groups", "kept"), NMS)
def test_nms(boxes, scores, groups, kept):
    found = nms(np.array(boxes, float).reshape(-1, 4), np.array(scores), np.array(groups, np.int64), iou=0.5)
    assert found.tolist() == kept
