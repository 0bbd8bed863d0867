"""Each example does what it says, on real videos and runs, without torch."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from cli.clips import write_clips, write_suite
from factories.rendered import render_pair
from factories.runs import SHOWN, write_run
from test_language import problems_of

from dsrbench.video import write_mp4

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))

PUBLIC = {
    "dsrbench",
    "dsrbench.analysis",
    "dsrbench.backends.registry",
    "dsrbench.rewards",
    "dsrbench.sprites.embedded",
    "dsrbench.sprites.model.pipeline",
    "dsrbench.store",
}
"""Modules that examples import from: public names, registries, and the embedded model as any pipeline is imported."""


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_form(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) < 60
    command = rf"^    (python|inspect eval) \S*{path.name}"
    assert re.search(command, ast.get_docstring(tree), re.M), "the docstring has the command"
    assert problems_of(tree) == []
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in modules if name.startswith("dsrbench")} <= PUBLIC


def test_the_readme_lists_them_all():
    text = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    names = {path.name for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".ipynb")}
    assert set(re.findall(r"\((\w+\.\w+)\)", text)) == names


def test_score_boxes(example):
    lines = example("score_boxes.py", ROOT / "benchmark/examples/boxes.jsonl").splitlines()
    assert re.fullmatch(r"walks_over\.mp4 +LR  0\.991  \((\+0\.98 ?){4}\)  correct", lines[0])
    assert lines[8].endswith("TL  invalid: too few scored frames: 11 of at least 20")
    assert lines[-1] == "9 videos: Accuracy@0.7 0.222, coverage 0.889, mean score 0.572"


def test_score_videos(example, tmp_path):
    clips, texts, fps = render_pair()
    (tmp_path / "videos").mkdir()
    rows = []
    for name, frames, text in zip(("obeys", "stays"), clips, texts, strict=True):
        write_mp4(tmp_path / "videos" / f"{name}.mp4", frames.repeat(6, axis=1).repeat(6, axis=2), fps=fps)
        rows.append(json.dumps({"id": name, "text": text}))
    (tmp_path / "suite.jsonl").write_text("\n".join(rows))
    text = example("score_videos.py", "videos", "--suite", "suite.jsonl", "--detector", "sprites-template")
    assert re.search(r"^obeys\.mp4 +[\d.]+ correct$", text, re.M)
    assert re.search(r"^stays\.mp4 +[\d.]+ static$", text, re.M)
    assert re.search(r"^Accuracy@0\.7 0\.500 \[0\.000, 1\.000\]", text, re.M)
    assert re.search(r"^diagnoses +correct 1, static 1$", text, re.M)
    assert (tmp_path / "runs/score-videos/report/index.html").is_file()


def test_custom_detector(example, tmp_path):
    write_clips(tmp_path / "videos", goes="LR", returns="RL")
    write_suite(tmp_path / "suite.jsonl", "goes", "returns")
    text = example("custom_detector.py", "--videos", "videos", "--suite", "suite.jsonl")
    assert "name='colours'" in text
    assert "coverage 1.00, Accuracy@0.7 0.50" in text


def test_custom_relation(example, rendered_run):
    lines = example("custom_relation.py").splitlines()
    assert [line.split()[-2:] for line in lines[:3]] == [
        ["1.000", "correct"],
        ["0.500", "static"],
        ["0.000", "reversed"],
    ]
    assert lines[3] == "Accuracy@0.7 0.333, coverage 1.000"
    lines = example("custom_relation.py", rendered_run.folder).splitlines()
    assert len(lines) == len({sample.video for sample in rendered_run.samples()}) + 1
    assert "no tracks" in "".join(lines)


def test_compare_two_models(example, tmp_path):
    for model in ("alpha", "beta"):
        write_run(tmp_path / model, [spec for spec in SHOWN if spec.model == model])
    text = example("compare_two_models.py", "alpha", "beta")
    assert re.search(r"^alpha +Accuracy@0\.7 0\.\d+ \[", text, re.M)
    assert re.search(r"^difference +[+-]\d\.\d+ \[[+-]\d\.\d+, [+-]\d\.\d+\], p = [\d.]+$", text, re.M)
    assert "over             4 pairs of 3 prompts" in text
    with pytest.raises(SystemExit):
        example("compare_two_models.py", "alpha")
