"""The release's script, dry: the same steps on the embedded model, to a server that speaks like the Hub; and again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.hub import FakeHub

pytest.importorskip("peft")
pytest.importorskip("imagehash")

SCRIPT = Path(__file__).parents[2] / "benchmark" / "release" / "run.sh"

SETTINGS = {
    "MODEL": "sprites",
    "DETECTOR": "sprites-template",
    "SECOND": "sprites",
    "SEEDS": "0..3",
    "HELD_OUT_SEEDS": "0",
    "GENERATOR": "-o generator.steps=10",
    "CURATION": "--per-prompt 8",
    "TRAINING": "-s max_steps=2 -s batch_size=2 -s lora_rank=2",
    "REPO": "me/sprites",
    "DSRBENCH": f"{sys.executable} -m dsrbench",
}


def write_suites(folder):
    """Prompts of the embedded world: some to train on, two that are held out."""
    lines = []
    for subject in ("cat", "duck", "pig", "dog"):
        for object in ("ball", "chair"):
            text = f"a {subject} is on the left of a {object}, then the {subject} walks to the top of the {object}."
            lines.append(
                json.dumps({"id": f"{subject}-{object}", "text": f"On a beach, {text}", "split": "train"}) + "\n"
            )
    (folder / "train.jsonl").write_text("".join(lines[:6]))
    (folder / "held.jsonl").write_text("".join(lines[6:]).replace('"train"', '"test"'))
    return {"SUITE": str(folder / "train.jsonl"), "HELD_OUT": str(folder / "held.jsonl")}


def run(folder, *steps, **more):
    given = {**os.environ, **SETTINGS, "WORK": str(folder / "release"), "DSRBENCH_OFFLINE": "", **more}
    return subprocess.run(["bash", SCRIPT, *steps], cwd=folder, env=given, capture_output=True, text=True, timeout=900)


def test_an_unknown_step_is_refused(tmp_path):
    done = run(tmp_path, "genrate")
    assert done.returncode == 2
    assert "no step 'genrate'" in done.stderr


@pytest.mark.slow
def test_the_release_on_the_embedded_model(tmp_path):
    suites = write_suites(tmp_path)
    with FakeHub() as hub:
        hub.tokens["hf_token"] = {"me"}
        more = {**suites, **hub.environment(HF_TOKEN="hf_token", HF_HOME=str(tmp_path / "home"))}
        first = run(tmp_path, **more)
        assert first.returncode == 0, first.stderr
        release = tmp_path / "release"
        assert hub.repos["me/sprites"].private
        assert "data/train-00000-of-00001.parquet" in hub.repos["me/sprites"].files
        for name in ("comparison-sprites-template.json", "comparison-sprites.json", "align/round-1/adapter/README.md"):
            assert (release / name).is_file(), name
        before = {
            p: p.stat().st_mtime_ns for p in release.rglob("*") if p.suffix in (".mp4", ".safetensors", ".parquet")
        }
        commits = len(hub.repos["me/sprites"].commits)
        again = run(tmp_path, **more)
        assert again.returncode == 0, again.stderr
        kept = [p for p in before if "samples" not in p.name and "files" not in p.name]
        assert {p: p.stat().st_mtime_ns for p in kept} == {p: before[p] for p in kept}
        assert len(hub.repos["me/sprites"].commits) == commits
