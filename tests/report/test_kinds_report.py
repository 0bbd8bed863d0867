"""Tables, pages and overlays of prompts of every kind."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from factories.kinds import VIDEOS, Reds, clip, write_kinds_run
from rich.console import Console

from dsrbench.analysis import summarize
from dsrbench.report import print_summary, write_explanation, write_page
from dsrbench.report.overlay import write_overlay
from dsrbench.types import Kind
from dsrbench.video import read_clip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_kinds_run(tmp_path_factory.mktemp("kinds") / "run")


@pytest.fixture(scope="module")
def samples(run):
    return {sample.prompt.id: sample for sample in run.samples()}


def test_figures_by_kind(run, samples):
    summary = summarize(list(samples.values()))
    assert set(summary.by_kind) == {kind.value for kind in Kind}
    assert sum(figures.n for figures in summary.by_kind.values()) == len(VIDEOS)
    assert set(summary.by_relation) >= {"L", "LR", "F", "B", ">L", ">R", "L+>R"}
    console = Console(file=io.StringIO(), width=80)
    print_summary(summary, run.manifest, console)
    printed = console.file.getvalue()
    assert "Throughout" in printed
    assert "depth reds" in printed


def page_data(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.DOTALL)[1])


def test_the_page_has_what_every_card_needs(run, samples):
    page = write_page(run)
    data = page_data(page)
    assert {prompt["kind"] for prompt in data["prompts"]} == {kind.value for kind in Kind}
    shard = (page.parent / "data" / "000.js").read_text()
    for name in ("way to the left", "left of throughout", "in front of throughout", "start: left of"):
        assert name in shard
    # parts are only where a claim has them
    parts = data["columns"].index("parts")
    ids = [prompt["id"] for prompt in data["prompts"]]
    for row in data["rows"]:
        is_dynamic = ids[row[data["columns"].index("prompt")]] == "dynamic"
        assert (row[parts][0] is not None) == is_dynamic


def explain(run, samples, id, folder, **more):
    sample, path = samples[id], run.videos / "m" / f"{id}.mp4"
    folder.mkdir(exist_ok=True)
    return write_explanation(folder, video=path, sample=sample, tracks=run.tracks(sample.id), **more).read_text()


EXPLAINED = [
    # id, words on the page, curves
    ("static", ["The cat is left of the box, well enough to pass.", "left of throughout", "cat left of the box"], 1),
    ("wrong-side", ["The cat is right of the box in place of left of it."], 1),
    ("motion", ["The bird moves to the right, well enough to pass.", "way to the right"], 1),
    ("front", ["The cat is in front of the box, well enough to pass.", "<h2>Depth</h2>", "median of the cat"], 1),
    ("dynamic", ["Where the points went", "start: left of"], 2),
    ("two", ["Claim ", " of 2 decides.", "The claims; the least score counts", "bird moving to the right"], 1),
]


@pytest.mark.parametrize(("id", "words", "n_curves"), EXPLAINED, ids=[case[0] for case in EXPLAINED])
def test_explanations(run, samples, id, words, n_curves, tmp_path):
    page = explain(run, samples, id, tmp_path)
    for text in words:
        assert text in page
    assert page.count("<polyline") == n_curves
    assert ("Where the points went" in page) == (id == "dynamic")
    assert "nan" not in page.replace("Finance", "").lower().split("base64")[0]


def test_depth_maps_on_the_page(run, samples, tmp_path):
    paths, pan, _, _ = VIDEOS["front"]
    maps = list(Reds().estimate(clip(paths, pan)))
    page = explain(run, samples, "front", tmp_path, depth_maps=maps)
    assert page.count('alt="Depth map of frame') == 6
    assert "median of the cat" in page
    plain = explain(run, samples, "dynamic", tmp_path, depth_maps=maps)
    assert "Depth map" not in plain


def test_the_overlay_has_the_boxes_of_all_claims(run, samples, tmp_path):
    sample, path = samples["two"], run.videos / "m" / "two.mp4"
    tracks = run.tracks(sample.id)
    labels = [noun for clause in sample.prompt.clauses for noun in (clause.subject, clause.object)]
    write_overlay(path, tracks, tmp_path / "o.mp4", labels=labels)
    plain, drawn = (read_clip(p).frames.astype(int) for p in (path, tmp_path / "o.mp4"))
    for boxes in (tracks.subject, tracks.object, tracks.further[0].subject):
        x0, y0, _, y1 = boxes[12].astype(int)
        edge = np.abs(drawn - plain)[12, y0:y1, max(x0 - 1, 0) : x0 + 2].mean()
        assert edge > 15, "an edge is drawn"
