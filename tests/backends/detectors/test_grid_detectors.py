"""NanoDet and PicoDet on tiny real models: the same shapes, found alike."""

from __future__ import annotations

import numpy as np
import pytest
from factories.shapes import SIDE, make_nanodet, make_picodet, moving_shapes, render_shapes

from dsrbench.backends.registry import detectors

SIZE = (208, 104)
TOLERANCE = 0.75 * 8 * np.array([SIZE[0], SIZE[1]] * 2) / SIDE
"""Three quarters of a cell of 8 input pixels, in pixels of the frame."""


@pytest.mark.parametrize(("name", "make"), [("nanodet", make_nanodet), ("picodet", make_picodet)])
def test_boxes_follow_the_shapes(tmp_path, name, make):
    cats, chairs = moving_shapes(size=SIZE)
    detector = detectors.create(name, {"weights": str(make(tmp_path)), "box_scale": "1.0"}).instance
    frames = detector.detect(render_shapes(cats, chairs, SIZE), ["cat", "chair"])
    assert len(frames) == len(cats)
    for frame, cat, chair in zip(frames, cats, chairs, strict=True):
        best = [frame.xyxy[frame.label == label][0] for label in (0, 1)]
        assert (np.abs(best[0] - cat) < TOLERANCE).all()
        assert (np.abs(best[1] - chair) < TOLERANCE).all()
        assert frame.score.max() > 0.8
