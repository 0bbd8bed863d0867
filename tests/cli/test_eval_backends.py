"""`dsrbench eval` with every detector of `transformers` and every association tracker, in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from clips import enter_place

from dsrbench import cli
from dsrbench.store import Run

KINDS = {"1000_LR": "LR", "1001_LR": "RL", "1002_LR": "L"}
RUN = "runs/videos-suite"


@pytest.fixture
def place(tmp_path, monkeypatch):
    return enter_place(tmp_path, monkeypatch, **KINDS)


def run_eval(*arguments):
    command = ["eval", "--videos", "videos", "--suite", "suite.jsonl", *arguments]
    done = CliRunner().invoke(cli.group, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return Run.open(Path(RUN))


DETECTORS = [
    ("grounding-dino", "grounding_dino"),
    ("grounding-dino", "mm_grounding_dino"),
    ("owlv2", "owlv2"),
    ("omdet-turbo", "omdet_turbo"),
    ("sam3", "sam3"),
    ("detr", "rt_detr"),
]


@pytest.mark.parametrize(("name", "model"), DETECTORS, ids=[model for _, model in DETECTORS])
def test_every_detector_of_transformers(place, tiny, name, model):
    """Random weights find nothing true; but every video is scored or said to be invalid, and no path is recorded."""
    options = ["-o", f"detector.model={tiny(model)}", "-o", "detector.threshold=0.001"]
    run = run_eval("--detector", name, *options)
    samples = list(run.samples())
    assert len(samples) == 3
    assert {sample.score.status.value for sample in samples} <= {"scored", "invalid"}
    manifest = json.loads((place / RUN / "run.json").read_text())
    assert manifest["detector"]["fingerprint"]["model"] == manifest["detector"]["options"]["model"] == tiny(model).name
    assert str(tiny(model).parent) not in (place / RUN / "run.json").read_text()


TRACKERS = ["assignment", "bytetrack", "botsort", "ocsort", "sort", "ultralytics-bytetrack", "ultralytics-botsort"]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_every_association_tracker(place, tracker):
    run = run_eval("--detector", "scripted", "-o", "detector.boxes=boxes.jsonl", "--tracker", tracker)
    assert [sample.score.diagnosis.value for sample in run.samples()] == ["correct", "reversed", "static"]


def test_another_tracker_after_the_first(place):
    boxes = ("--detector", "scripted", "-o", "detector.boxes=boxes.jsonl")
    assert run_eval(*boxes).manifest.tracker.name == "assignment"
    run = run_eval(*boxes, "--tracker", "bytetrack", "-o", "tracker.lost=2")
    assert run.manifest.tracker.name == "bytetrack"
    assert [sample.score.diagnosis.value for sample in run.samples()] == ["correct", "reversed", "static"]
