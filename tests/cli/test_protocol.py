"""`dsrbench eval --protocol` as a user runs it, on tiny random models built from the real classes."""

from __future__ import annotations

import pytest
from clips import dsrbench, error_line, write_place, write_weights

pytest.importorskip("transformers")

from factories import models

from dsrbench.store import Run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    kinds = {"1000_LR": "LR"}
    write_place(folder, **kinds)
    for model in ("grounding_dino", "sam2"):
        (folder / model).mkdir()
        getattr(models, model)(folder / model)
    return folder


VIDEOS = ("eval", "--videos", "videos", "--suite", "suite.jsonl")


@pytest.mark.slow
def test_boxes_are_propagated_by_sam2(place):
    done = dsrbench(
        *(*VIDEOS, "--detector", "scripted", "-o", "detector.boxes=boxes.jsonl", "--tracker", "sam2"),
        *("-o", "tracker.model=sam2", "--out", "propagated"),
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    run = Run.open(place / "propagated")
    (sample,) = run.samples()
    tracks = run.tracks(sample.id)
    assert tracks.provenance["anchor"] == 0
    assert tracks.mask_area.shape == (13, 2)
    assert run.manifest.tracker.fingerprint


def test_the_published_protocol_runs_and_is_recorded(place):
    done = dsrbench(
        *(*VIDEOS, "--protocol", "spatialalign", "-o", "detector.model=grounding_dino", "-o", "tracker.model=sam2"),
        *("--out", "published"),
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    manifest = Run.open(place / "published").manifest
    assert (manifest.protocol, manifest.counts.scored) == ("spatialalign", 20)
    assert manifest.detector.options["strict"] is True
    assert manifest.tracker.options["inclusive"] is True
    (sample,) = Run.open(place / "published").samples()
    assert sample.score.status.value == "invalid", "13 frames are too few for absolute counts"


def test_fast_is_recorded(place):
    boxes = ("--detector", "scripted", "-o", "detector.boxes=boxes.jsonl")
    done = dsrbench(*VIDEOS, "--protocol", "fast", *boxes, cwd=place)
    assert "detector 'scripted' needs all frames" in error_line(done, 5)
    weights = write_weights(place / "weights")
    picodet = ("--detector", "picodet", "-o", f"detector.weights={weights}")
    assert dsrbench(*VIDEOS, "--protocol", "fast", *picodet, "--out", "fast", cwd=place).returncode == 0
    manifest = Run.open(place / "fast").manifest
    assert (manifest.protocol, manifest.stride) == ("fast", 4)
    done = dsrbench(*VIDEOS, "--protocol", "slow", *boxes, cwd=place)
    assert "no protocol 'slow'. Known: default, fast, spatialalign" in error_line(done, 3)
