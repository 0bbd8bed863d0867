"""`dsrbench align` as a user runs it: every stage on a tiny model, and what it refuses."""

from __future__ import annotations

import json

import pytest
from clips import dsrbench, error_line

pytest.importorskip("peft")
pytest.importorskip("accelerate")

from sprites.tiny import write_model

from dsrbench.dataset import read_pairs
from dsrbench.store import Run

QUICK = ("-o", "generator.steps=1", "-o", "generator.enlarge=1")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model, and a detector plug-in-free reward: the boxes of every candidate are known from a file."""
    folder = tmp_path_factory.mktemp("place")
    write_model(folder / "model")
    prompt = {"text": "A cat is on the left of a box, then the cat walks to the right of the box."}
    for name, ids in (("train", ("a", "b")), ("held", ("c",))):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"id": i, **prompt}) + "\n" for i in ids))
    lines = [line(f"{id}_seed{seed}.mp4", obeys=seed == 0 and id == "a") for id in "abc" for seed in range(2)]
    (folder / "boxes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def line(video, *, obeys):
    frames = []
    for t in range(16):
        x = 2 + 2 * t if obeys else 2
        boxes = [[x, 10, x + 8, 18], [18, 10, 26, 18]]
        frames.append({"frame": t, "labels": ["cat", "box"], "boxes_xyxy": boxes})
    fields = {"video": video, "type": "LR", "subject": "cat", "object": "box", "n_frames": 16}
    return {**fields, "frames": frames}


BASE = (
    *("align", "--model", "model", "--suite", "train.jsonl", "--held-out", "held.jsonl", "--candidates", "0..1"),
    *("--seeds", "0..1", "--detector", "scripted", "-o", "detector.boxes=boxes.jsonl", *QUICK),
)


def test_all_stages_and_again(place):
    asked = (*BASE, "--out", "run", "-s", "steps=2", "-s", "batch=1", "-s", "rank=2")
    done = dsrbench(*asked, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "1 pairs; of the prompts 1 have winners and losers, 0 only winners, 1 only losers" in done.stderr
    run = place / "run"
    (pair,) = read_pairs(run / "pairs.jsonl")
    assert (pair.prompt_id, pair.winner.seed, pair.loser.seed) == ("a", 0, 1)
    assert (run / "adapter/pytorch_lora_weights.safetensors").is_file()
    assert len((run / "training/log.jsonl").read_text().splitlines()) == 2
    base, aligned = Run.open(run / "base"), Run.open(run / "aligned")
    assert base.manifest["generator"]["fingerprint"]["adapter"] is None
    assert len(aligned.manifest["generator"]["fingerprint"]["adapter"]) == 64
    assert "Accuracy@0.7" in done.stdout
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.suffix in (".mp4", ".safetensors")}
    again = dsrbench(*asked, cwd=place)
    assert again.returncode == 0, again.stderr
    changed = {p.name for p, t in before.items() if p.stat().st_mtime_ns != t}
    assert changed <= {"pytorch_lora_weights.safetensors"}
    other = dsrbench(*BASE, "--out", "run", "--only", "train", "-s", "steps=3", "-s", "batch=1", cwd=place)
    assert "holds a training with other settings" in error_line(other, 6)


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("-s", "bta=3"), 3, "no setting 'bta'; did you mean 'beta'"),
        (("-s", "beta=much"), 3, "setting 'beta': expected float, got 'much'"),
        (("--preset", "paper"), 3, "no preset 'paper'. Known: spatialalign"),
    ],
)
def test_bad_settings_are_one_line(place, more, code, words):
    done = dsrbench(*BASE, "--out", "other", "--only", "train", *more, cwd=place)
    assert words in error_line(done, code)


def test_bad_settings_are_said_before_anything_is_sampled(place):
    done = dsrbench(*BASE, "--out", "nothing", "-s", "beta=0", cwd=place)
    assert "beta must be above 0, got 0.0" in error_line(done, 3)
    assert not (place / "nothing").exists()


def test_no_prompt_with_both(place):
    lines = [line(f"{id}_seed{seed}.mp4", obeys=False) for id in "ab" for seed in range(2)]
    (place / "static.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = dsrbench(
        *BASE,
        "-o",
        "detector.boxes=static.jsonl",
        "--out",
        "static",
        "--only",
        "candidates",
        "--only",
        "pairs",
        cwd=place,
    )
    assert "no pairs to train on: 0 pairs; of the prompts 0 have winners and losers" in error_line(done, 3)


def test_a_bare_install_says_what_to_install(tmp_path):
    done = dsrbench("align", "--out", "x", cwd=tmp_path, before="import sys; sys.modules['peft'] = None\n")
    assert "pip install 'dsrbench[align]'" in error_line(done, 5)
