"""The examples: an inspect_ai task, run by inspect_ai, and an lmms-eval task.

lmms-eval 0.7 wants another version of PyAV than dsrbench, so that both cannot be installed together. Its side is
transcribed here: a YAML file whose `!function module.name` is a function of a file beside it; `process_results(doc,
results)` for every row of the data set, whose dict has a value for each metric of `metric_list`; and the metric's
aggregation, which gets the list of these values. Each `!function` loads its file anew. lmms-eval 0.7.3 itself,
installed without its dependencies beside dsrbench's, gave these figures for such clips.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from factories.truth import Kind, render_clips

from dsrbench.prompts import read_suite, write_suite

EXAMPLES = Path(__file__).parents[2] / "examples"
N = 8


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder of clips, a suite of their prompts, and the number of clips that are right."""
    folder = tmp_path_factory.mktemp("world")
    kinds = render_clips(folder / "clips", N)
    write_suite(
        dataclasses.replace(read_suite("sprites"), prompts=read_suite("sprites").prompts[:N]), folder / "all.jsonl"
    )
    lines = (folder / "all.jsonl").read_text().splitlines(keepends=True)
    (folder / "suite.jsonl").write_text("".join(lines[1:]))  # without the line about the suite itself
    return folder, sum(kind is Kind.CORRECT for kind in kinds.values())


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_inspect_ai(world, tmp_path):
    pytest.importorskip("inspect_ai")
    folder, n_right = world
    values = {"videos": folder / "clips", "suite": folder / "suite.jsonl", "detector": "sprites"}
    values["out"] = tmp_path / "run"
    words = [word for name, value in values.items() for word in ("-T", f"{name}={value}")]
    command = [sys.executable, "-m", "inspect_ai", "eval", "inspect_ai_task.py", "--model", "none", *words]
    options = ["--display", "plain", "--log-format", "json", "--log-dir", tmp_path / "logs"]
    line = list(map(str, [*command, *options]))
    done = subprocess.run(line, cwd=EXAMPLES, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (tmp_path / "logs").glob("*.json")
    log = json.loads(path.read_text())
    assert log["status"] == "success"
    (score,) = log["results"]["scores"]
    assert score["metrics"]["mean"]["value"] == pytest.approx(n_right / N)
    assert 0 < score["metrics"]["stderr"]["value"] < 0.5
    assert len(log["samples"]) == N
    for sample in log["samples"]:
        own = sample["scores"]["dsr_accuracy"]
        assert own["value"] == sample["metadata"]["passes"]
        assert own["explanation"] == sample["metadata"]["diagnosis"]
    assert {sample["metadata"]["diagnosis"] for sample in log["samples"]} >= {"correct", "static"}


def test_lmms_eval(world, monkeypatch, tmp_path):
    yaml = pytest.importorskip("yaml")
    folder, n_right = world
    place = EXAMPLES / "lmms_eval_task"

    class Loader(yaml.SafeLoader):
        """YAML with `!function`, as lmms-eval reads it."""

    def read_function(loader, node):
        module, _, name = loader.construct_scalar(node).rpartition(".")
        return getattr(load(place / f"{module}.py"), name)

    Loader.add_constructor("!function", read_function)
    task = yaml.load((place / "dsr.yaml").read_text(), Loader)
    for name, value in {"VIDEOS": folder / "clips", "SUITE": folder / "suite.jsonl", "DETECTOR": "sprites"}.items():
        monkeypatch.setenv(f"DSRBENCH_{name}", str(value))
    monkeypatch.chdir(tmp_path)
    lines = (folder / task["dataset_kwargs"]["data_files"]["test"]).read_text().splitlines()
    docs = [json.loads(line) for line in lines]
    assert [task["doc_to_text"](doc) for doc in docs] == [doc["text"] for doc in docs]
    assert task["doc_to_visual"](docs[0]) == []
    assert docs[0][task["doc_to_target"]]
    rows = [task["process_results"](doc, ["A"]) for doc in docs]
    figures = {one["metric"]: one["aggregation"]([row[one["metric"]] for row in rows]) for one in task["metric_list"]}
    assert figures["dsr_accuracy"] == pytest.approx(n_right / N)
    assert 0.3 < figures["dsr_score"] < 0.9
    assert math.isnan(task["metric_list"][0]["aggregation"]([[]]))


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.name)
def test_examples_are_short(path):
    assert len(path.read_text().splitlines()) < 60
