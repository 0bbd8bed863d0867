"""Compiled detectors, trackers and depth estimators find what they find without compilation."""

from __future__ import annotations

import logging

import numpy as np
import pytest

pytest.importorskip("transformers")

import torch

from dsrbench.backends.registry import depth_estimators, detectors, trackers
from dsrbench.types import Clip

LABELS = ["cat", "chair"]
BOXES = np.array([[5.0, 10, 30, 40], [40, 12, 80, 50]])

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch._dynamo.reset()


@pytest.fixture
def _traced_only(monkeypatch):
    """Trace blocks and run what was traced as it is: to compile it for a CPU takes minutes."""
    compile = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compile(module, backend="aot_eager"))


def noise(n_frames, size=(96, 64)):
    return np.random.default_rng(0).integers(0, 256, (n_frames, size[1], size[0], 3), dtype=np.uint8)


def create(registry, name, folder, **options):
    return registry.create(name, {"model": str(folder), "device": "cpu", "dtype": "float32", **options}).instance


def test_a_detector(tiny):
    check_detector(tiny, "owlv2", "owlv2")


@pytest.mark.usefixtures("_traced_only")
def test_a_detector_whose_blocks_are_nested(tiny):
    check_detector(tiny, "detr", "rt_detr")


def check_detector(tiny, name, model):
    options = {"threshold": 0.001, "batch": 2}
    plain, compiled = (create(detectors, name, tiny(model), compile=flag, **options) for flag in (False, True))
    assert any(len(frame) for frame in plain.detect(noise(4), LABELS))
    for frames in (noise(4), noise(3, (64, 96))):
        for one, other in zip(plain.detect(frames, LABELS), compiled.detect(frames, LABELS), strict=True):
            assert len(one) == len(other)
            np.testing.assert_allclose(one.score, other.score, atol=1e-4)
            np.testing.assert_allclose(one.xyxy, other.xyxy, atol=1e-2)


@pytest.mark.usefixtures("_traced_only")
def test_a_tracker(tiny):
    clip = Clip(noise(6), 8.0)
    areas = [
        create(trackers, "sam2", tiny("sam2"), batch=3, compile=flag)
        .propagate(clip, anchor=2, subject_box=BOXES[0], object_box=BOXES[1])
        .mask_area
        for flag in (False, True)
    ]
    assert np.abs(areas[0] - areas[1]).max() <= 0.01 * 96 * 64


@pytest.mark.usefixtures("_traced_only")
def test_a_depth_estimator(tiny):
    plain, compiled = (
        create(depth_estimators, "depth-anything", tiny("depth_anything"), compile=flag).estimate(noise(2))
        for flag in (False, True)
    )
    np.testing.assert_allclose(plain, compiled, rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("no_compiler")
def test_a_compiler_that_fails_is_one_line_and_the_same_boxes(tiny, monkeypatch, caplog, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))  # nothing may be compiled already

    options = {"threshold": 0.001}
    plain, compiled = (create(detectors, "owlv2", tiny("owlv2"), compile=flag, **options) for flag in (False, True))
    (expected,) = plain.detect(noise(1), LABELS)
    with caplog.at_level(logging.WARNING, "dsrbench"):
        (boxes,) = compiled.detect(noise(1), LABELS)
    np.testing.assert_array_equal(boxes.xyxy, expected.xyxy)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "dsrbench"]
    assert line.startswith("the blocks cannot be compiled (")
    assert "\n" not in line
