"""`dsrbench eval --estimate`: figures that are measured, published or assumed, each said to be so; nothing is done."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from clips import write_clips, write_suite

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from dsrbench.backends.generators.footprint import Footprint, count_parameters
from dsrbench.backends.generators.recipe import read_recipe
from dsrbench.cli import group
from dsrbench.errors import WeightsError
from dsrbench.evaluation.estimate import _time

TINY = ("height=64", "width=64", "frames=9", "steps=1", "dtype=float32")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def estimate(*args, options=()):
    given = [word for option in options for word in ("-o", f"generator.{option}")]
    detector = [] if "--estimate" in args else ["--detector", "sprites-template"]  # none is needed to estimate
    done = CliRunner().invoke(group, ["eval", *map(str, args), *given, *detector])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_a_clip_that_was_timed_here_is_said_to_be():
    footprint = Footprint(10, 10, "measured", 100, {"A100": 90.0}, True, timed=12.5)
    (line,) = _time("making", "video", 8, [], footprint)
    assert line == (
        "time    making: 1.67 min for 8 at 12.5 s a video (from one and two blocks with random weights, timed here)"
    )
    (measured,) = _time("making", "video", 8, [20.0], footprint)
    assert "(measured here, median of 1)" in measured


def test_a_model_that_is_not_fetched_is_reckoned(tmp_path):
    out = tmp_path / "run"
    asked = ("--model", "cogvideox", "--suite", "sprites", "--seeds", "0..4", "--out", out, "--estimate")
    said, _ = estimate(*asked)
    assert said.startswith(f"300 samples of 60 prompts: 0 videos made, 0 scored so far in {out}\n")
    assert (
        "making: 15 h on one A100 (180 s), 7.5 h on one H100 (90 s) for 300 (its authors' figures); here unknown"
        in said
    )
    billions = sum(read_recipe("cogvideox-5b").parameters.values())
    assert f"memory  {2 * billions:.3g} GB of weights at once (reckoned)" in said
    assert "to be fetched (reckoned)" in said
    each = 720 * 480 * 49 * 0.05 / 8
    assert f"videos: {300 * each / 1e6:.3g} MB to come, {each / 1e6:.3g} MB each (assumed: 0.05 bits a pixel)" in said
    assert not out.exists()
    few, notes = estimate(*asked, options=("frames=16", "offload=model", "dtype=float32"))
    assert "cogvideox-5b makes 8n+1 frames: 17 in place of 16" in notes
    assert "(its authors' figures, with their own size, frames and steps)" in few
    assert f"memory  {4 * read_recipe('cogvideox-5b').parameters['transformer']:.3g} GB of weights at once" in few
    least, _ = estimate(*asked, options=("offload=sequential",))
    assert "a layer of the weights at a time" in least


def test_what_has_no_recipe_and_is_not_there_cannot_be_reckoned():
    with pytest.raises(WeightsError, match="me/mine is not in the Hub's cache"):
        estimate("--model", "me/mine", "--suite", "sprites", "--estimate")


def test_a_model_that_is_there_is_measured_and_then_so_is_the_run(pipeline_folder, tmp_path):
    folder, out = pipeline_folder("wan2.1-1.3b"), tmp_path / "run"
    asked = ("--model", folder, "--suite", "sprites-val", "--seeds", "0", "--out", out)
    before, _ = estimate(*asked, "--limit", "4", "--estimate", options=TINY)
    assert not out.exists()
    import torch
    from safetensors.torch import load_file

    files = list(folder.rglob("*.safetensors"))
    numbers = {file: sum(t.numel() for t in load_file(file).values()) for file in files}
    assert {file: count_parameters(file) for file in files} == numbers
    assert torch.float32.itemsize * sum(numbers.values()) > 100_000
    assert f"memory  {4 * sum(numbers.values()) / 1e6:.3g} MB of weights at once (measured)" in before
    assert f"weights: {sum(file.stat().st_size for file in files) / 1e6:.3g} MB, there (measured)" in before
    assert before.count("unknown; make a few with --limit 3") == 2
    estimate(*asked, "--limit", "2", options=TINY)
    files_before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    after, _ = estimate(*asked, "--limit", "4", "--estimate", options=TINY)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == files_before
    assert "4 samples of 4 prompts: 2 videos made, 2 scored so far" in after
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    for event, verb, thing in (("generated", "making", "video"), ("evaluated", "scoring", "sample")):
        seconds = [entry["seconds"] for entry in log if entry["event"] == event]
        assert len(seconds) == 2
        (each,) = re.findall(rf"{verb}: .+ for 2 at (\S+) s a {thing} \(measured here, median of 2\)", after)
        assert float(each) == pytest.approx(sum(seconds) / 2, rel=0.01, abs=1e-3)
    assert "each (measured on 2)" in after
    assert "a sample (measured on 2)" in after
    done, _ = estimate(*asked, "--limit", "2", "--estimate", options=TINY)
    assert done.count("nothing left") == 2


def test_videos_that_exist(tmp_path):
    write_clips(tmp_path / "videos", **{"1000_LR": "LR"})
    suite = write_suite(tmp_path / "suite.jsonl", "1000_LR")
    said, _ = estimate("--videos", tmp_path / "videos", "--suite", suite, "--estimate", "--out", tmp_path / "run")
    assert said.startswith("1 samples of 1 prompts: 0 scored so far")
    assert "scoring 1: unknown" in said
    assert "making" not in said
    assert "memory" not in said
    assert not (tmp_path / "run").exists()


def test_a_disk_that_is_too_small(tmp_path, monkeypatch):
    import collections
    import shutil

    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    said, _ = estimate("--model", "wan2.2", "--suite", "sprites", "--estimate", "--out", tmp_path / "run")
    assert "free: 0.001 MB: NOT ENOUGH" in said


@pytest.mark.parametrize("data", [b"", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0[]", b"\x09\0\0\0\0\0\0\0" + b'{"a": {}}'])
def test_files_without_a_header_count_nothing(tmp_path, data):
    (tmp_path / "x.safetensors").write_bytes(data)
    assert count_parameters(tmp_path / "x.safetensors") == 0
