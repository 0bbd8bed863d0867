"""NanoDet and PicoDet on tiny real models: the same shapes, found alike."""

from __future__ import annotations

import numpy as np
import pytest
from factories.shapes import SIDE, make_nanodet, make_picodet, moving_shapes, render_shapes

from dsrbench.backends.registry import detectors

SIZE = (208, 104)
TOLERANCE = 0.75 * 8 * np.array([SIZE[0], SIZE[1]] * 2) / SIDE
"""Three quarters of a cell of 8 input pixels, in pixels of the frame."""


MAKERS = {"nanodet": make_nanodet, "picodet": make_picodet}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def create(request, tmp_path_factory):
    """A function from options to a detector."""
    weights = MAKERS[request.param](tmp_path_factory.mktemp("weights"))
    return lambda **options: detectors.create(request.param, {"weights": str(weights), **options}).instance


def test_boxes_follow_the_shapes(create):
    cats, chairs = moving_shapes(size=SIZE)
    frames = create(box_scale="1.0").detect(render_shapes(cats, chairs, SIZE), ["cat", "chair"])
    assert len(frames) == len(cats)
    for frame, cat, chair in zip(frames, cats, chairs, strict=True):
        best = [frame.xyxy[frame.label == label][0] for label in (0, 1)]
        assert (np.abs(best[0] - cat) < TOLERANCE).all()
        assert (np.abs(best[1] - chair) < TOLERANCE).all()
        assert frame.score.max() > 0.8


def test_labels_follow_the_question_not_the_model(create):
    cats, chairs = moving_shapes(1, size=SIZE)
    frames = render_shapes(cats, chairs, SIZE)
    detector = create()
    (swapped,) = detector.detect(frames, ["red stool", "kitten"])
    assert (np.abs(swapped.xyxy[swapped.label == 0][0] - chairs[0]) < TOLERANCE + 1).all()
    (others,) = detector.detect(frames, ["dog", "car"])
    assert len(others) == 0


def test_an_absent_shape_is_not_seen(create):
    cats, chairs = moving_shapes(3, size=SIZE)
    cats[1], chairs[2] = np.nan, np.nan
    frames = create().detect(render_shapes(cats, chairs, SIZE), ["cat", "chair"])
    assert [sorted(set(frame.label.tolist())) for frame in frames] == [[0, 1], [1], [0]]


def test_no_frames_give_no_detections(create):
    assert create().detect(np.empty((0, 104, 208, 3), np.uint8), ["cat", "chair"]) == []
