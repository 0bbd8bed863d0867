"""A plug-in package as a third party writes it: installed by pip, found by its entry points, used by name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from factories.shapes import moving_shapes, render_shapes

from dsrbench.store import BackendRecord, Run
from dsrbench.video import write_mp4

PACKAGE = Path(__file__).parent / "package"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder pip installed the package into."""
    place = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(PACKAGE, place / "source", ignore=shutil.ignore_patterns("__pycache__"))
    target = place / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    done = subprocess.run([*pip, "--target", str(target), str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def place(tmp_path):
    cats, chairs = moving_shapes(9)
    (tmp_path / "videos").mkdir()
    write_mp4(tmp_path / "videos/1000_LR.mp4", render_shapes(cats, chairs, (208, 104)), fps=16)
    prompt = {"id": "1000_LR", "text": "A cat goes.", "subject": "cat", "object": "chair", "relations": "LR"}
    (tmp_path / "suite.jsonl").write_text(json.dumps(prompt))
    return tmp_path


def dsrbench(*arguments, installed, cwd):
    paths = os.pathsep.join(filter(None, [str(installed or ""), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-m", "dsrbench", *arguments],
        cwd=cwd, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


EVAL = ("eval", "--videos", "videos", "--suite", "suite.jsonl", "--out", "run", "--detector", "toy", "--tracker", "toy")


def test_it_scores_videos(installed, place):
    done = dsrbench(*EVAL, "-o", "detector.contrast=80", installed=installed, cwd=place)
    assert done.returncode == 0, done.stderr
    run = Run.open(place / "run")
    (sample,) = run.samples()
    assert sample.score.status.value == "scored"
    # within the blur of H.264's colours
    cats, _ = moving_shapes(9)
    assert np.abs(run.tracks(sample.id).subject - cats).max() <= 3
    detector = BackendRecord("toy", "0.3", {"contrast": 80}, {"rule": "red and blue"})
    assert run.manifest.detector == detector
    assert (run.manifest.tracker.name, run.manifest.tracker.version) == ("toy", "0.3")


def test_it_estimates_depth(installed, place):
    prompt = json.loads((place / "suite.jsonl").read_text())
    (place / "suite.jsonl").write_text(json.dumps({**prompt, "relations": "LF"}))
    done = dsrbench(*EVAL, "--depth", "toy", installed=installed, cwd=place)
    assert done.returncode == 0, done.stderr
    run = Run.open(place / "run")
    (sample,) = run.samples()
    assert run.manifest.depth == BackendRecord("toy", "0.3", {}, {"rule": "bright"})
    depth = run.tracks(sample.id).depth
    assert depth.shape == (9, 5)
    assert np.isfinite(depth[:, :2]).mean() > 0.5


def test_it_is_listed(installed, place):
    done = dsrbench("backends", installed=installed, cwd=place)
    assert done.returncode == 0, done.stderr
    detectors, trackers = done.stdout.split("Trackers")
    assert "toy        Takes bright pixels to be near." in trackers
    assert "toy        Sees the reddest part of a frame" in detectors
    assert "detector.contrast=60  int" in detectors
    assert "toy        Takes every frame's best detection." in trackers


def test_its_options_are_checked(installed, place):
    done = dsrbench(*EVAL, "-o", "detector.contrst=80", installed=installed, cwd=place)
    assert done.returncode == 3
    assert "detector 'toy' has no option 'contrst'; did you mean 'contrast'" in done.stderr


def test_without_it_there_is_no_such_backend(place):
    done = dsrbench(*EVAL, installed=None, cwd=place)
    assert done.returncode == 5
    assert "no detector named 'toy'" in done.stderr
