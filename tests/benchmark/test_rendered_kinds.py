"""The measurements on rendered clips: of the camera's motion, and of depth."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmark"


def load(path, monkeypatch):
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), FOLDER / f"{path}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    spec.loader.exec_module(module)
    return module


def test_the_camera_moves_the_boxes_as_it_moves_the_pixels(monkeypatch):
    pytest.importorskip("cv2")
    camera = load("motion/camera", monkeypatch)
    for kind in camera.CAMERAS:
        clip = camera.render(np.random.default_rng(1), kind)
        assert clip.frames.shape == (81, 240, 416, 3)
        seen = np.flatnonzero(~np.isnan(clip.boxes[:, 0]))
        assert len(seen) > 40, kind
        assert (clip.boxes[seen[0]] != clip.boxes[seen[-1]]).any()
    still = camera.render(np.random.default_rng(1), "rests")
    x = still.boxes[:, 0]
    assert np.sign(x[-1] - x[0]) == {">R": 1, ">L": -1}[still.direction]


def test_a_pan_is_removed(monkeypatch):
    pytest.importorskip("cv2")
    camera = load("motion/camera", monkeypatch)
    scored, compensated, right, without, _ = camera.measure("pans", clips=6, seed=3)
    assert scored == compensated == right == 6
    assert without < right


def test_exact_depth_is_right_and_mirrors(monkeypatch):
    pytest.importorskip("diffusers")
    depth = load("sprites/depth", monkeypatch)
    clips = depth.draw_clips(4, 0)
    assert {clip.prompt.split for clip in clips} == {"test"}
    turned = depth.mirror(depth.mirror(clips[0]))
    np.testing.assert_allclose(turned.tracks.subject, clips[0].tracks.subject)
    np.testing.assert_array_equal(turned.maps, clips[0].maps)
    rows = [line.strip("| ").split(" | ") for line in depth.make_tables(12, 0).splitlines() if line.startswith("| ")]
    exact = next(row for row in rows if row[:2] == ["exact", "12"])
    assert float(exact[3]) < 0.1
    assert float(exact[4]) >= 0.99
    assert float(exact[5]) < 0.01
    assert {row[0] for row in rows} >= {"exact", "sprites", "ground-contact"}
