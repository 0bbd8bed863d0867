"""`dsrbench align` as a user runs it: every stage on a tiny model, and what it refuses."""

from __future__ import annotations

import json

import pytest
from clips import dsrbench, error_line

pytest.importorskip("peft")
pytest.importorskip("accelerate")

from factories.alignment import write_five, write_line, write_place

from dsrbench import cli
from dsrbench.dataset import read_pairs
from dsrbench.errors import DSRBenchError
from dsrbench.store import Run
from dsrbench.video import sha256_file

SHORT = ("-s", "max_steps=2", "-s", "batch_size=1", "-s", "lora_rank=2")
"""Settings of a short training."""

QUICK = ("-o", "generator.steps=1", "-o", "generator.enlarge=1")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model, and a detector plug-in-free reward: the boxes of every candidate are known from a file."""
    folder = tmp_path_factory.mktemp("place")
    write_place(folder)
    return folder


BASE = (
    *("align", "--model", "model", "--suite", "train.jsonl", "--held-out", "held.jsonl", "--candidates", "0..1"),
    *("--seeds", "0..1", "--detector", "scripted", "-o", "detector.boxes=boxes.jsonl", *QUICK),
)


def test_all_stages_and_again(place):
    asked = (*BASE, "--out", "run", *SHORT)
    done = dsrbench(*asked, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "1 pairs; of the prompts 1 have winners and losers, 0 only winners, 1 only losers" in done.stderr
    run = place / "run"
    home = run / "round-1"
    (pair,) = read_pairs(home / "pairs.jsonl")
    assert (pair.prompt_id, pair.winner.seed, pair.loser.seed) == ("a", 0, 1)
    assert (home / "adapter/pytorch_lora_weights.safetensors").is_file()
    assert len((home / "training/log.jsonl").read_text().splitlines()) == 2
    assert not (home / "training/validation.jsonl").exists(), "no suite to validate on"
    base, aligned = Run.open(run / "base"), Run.open(home / "aligned")
    assert base.manifest.generator.fingerprint["adapter"] is None
    assert len(aligned.manifest.generator.fingerprint["adapter"]) == 64
    assert "Accuracy@0.7" in done.stdout
    assert "Frames with duplicates" in done.stdout
    compared = json.loads((home / "comparison-scripted.json").read_text())
    assert compared["scores"]["n_pairs"] == compared["quality"]["sharpness"]["n_pairs"] == 2
    card = (home / "adapter/README.md").read_text()
    assert "1 pairs of 1 prompts" in card
    assert "| `lora_rank` | `2` |" in card
    assert "| `scripted` | 0.000 | 0.000 | +0.000" in card
    assert "were not validated" in card
    assert str(place) not in card
    assert list((home / "training/dsrbench").glob("events.*"))
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.suffix in (".mp4", ".safetensors")}
    again = dsrbench(*asked, cwd=place)
    assert again.returncode == 0, again.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before
    other = dsrbench(*BASE, "--out", "run", "--only", "train", "-s", "max_steps=3", "-s", "batch_size=1", cwd=place)
    assert "holds a training with other settings" in error_line(other, 6)
    # pairs of another run are taken where their latents are asked for
    taken = (*BASE, "--out", "taken", "--pairs", "run/round-1/pairs.jsonl")
    for stage in ("latents", "train"):
        done = dsrbench(*taken, "--only", stage, *SHORT, cwd=place)
        assert done.returncode == 0, done.stderr
    name = "adapter/pytorch_lora_weights.safetensors"
    assert (place / "taken/round-1" / name).read_bytes() == (home / name).read_bytes()


@pytest.mark.slow
def test_training_from_pairs_and_from_a_dataset(place):
    from safetensors.numpy import load_file

    done = dsrbench(*BASE, "--out", "first", "--only", "candidates", cwd=place)
    assert done.returncode == 0, done.stderr
    run = "first/round-1/candidates"
    for arguments in (
        ("pairs", run, "--out", "given/pairs.jsonl"),
        ("dataset", "build", run, "--out", "data", "--near-duplicates", "-1", "--validation", "0", "--test", "0"),
    ):
        done = dsrbench(*arguments, cwd=place)
        assert done.returncode == 0, done.stderr
    quick = ("--only", "pairs", "--only", "latents", "--only", "train", "-s", "max_steps=2", "-s", "batch_size=1")
    weights = []
    for out, more in (("own", ()), ("of-file", ("--pairs", "given/pairs.jsonl")), ("of-data", ("--pairs", "data"))):
        if not more:
            more = ("--only", "candidates")
        done = dsrbench(*BASE, "--out", out, *quick, *more, cwd=place)
        assert done.returncode == 0, done.stderr
        assert (place / out / "round-1/candidates").exists() == (out == "own")
        weights.append(load_file(place / out / "round-1/adapter/pytorch_lora_weights.safetensors"))
    for other in weights[1:]:
        assert all((other[name] == value).all() for name, value in weights[0].items())
    assert "1 pairs of 1 prompts" in (place / "of-data/round-1/adapter/README.md").read_text()
    assert "from `data`" in (place / "of-data/round-1/adapter/README.md").read_text()
    refused = dsrbench(*BASE, "--out", "x", "--pairs", "data", "--rounds", "2", cwd=place)
    assert refused.returncode == 2
    assert "--pairs goes with one round" in refused.stderr


@pytest.mark.slow
def test_rounds_and_validation(place):
    lines = [write_line(f"{id}_seed{seed}.mp4", obeys=seed % 2 == 0) for id in "abc" for seed in range(4)]
    (place / "turns.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked = (*BASE, "-o", "detector.boxes=turns.jsonl", "--out", "rounds", "--validation", "held.jsonl")
    asked += (*SHORT, "-s", "save_steps=1", "-s", "save_total_limit=1", "-s", "validation_seeds=2", "--rounds", "2")
    done = dsrbench(*asked, cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("step 1: Accuracy@0.7 0.500, coverage 1.000") == 2
    one, two = place / "rounds/round-1", place / "rounds/round-2"
    rows = [json.loads(line) for line in (two / "training/validation.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert "| 2 | 0.5 | 1 |" in (two / "adapter/README.md").read_text()
    best = max(rows[1:], key=lambda row: (row["accuracy"], row["mean_score_low"], -row["step"]))["step"]
    name = "pytorch_lora_weights.safetensors"
    chosen = two / f"training/checkpoint-{best:06d}" / name
    assert (two / "adapter" / name).read_bytes() == chosen.read_bytes()
    assert Run.open(one / "candidates").manifest.seeds == (0, 1)
    later = Run.open(two / "candidates").manifest
    assert later.seeds == (2, 3)
    assert later.generator.fingerprint["adapter"] == sha256_file(one / "adapter" / name)
    assert len(list((two / "training/validation/step-000002/videos").glob("*.mp4"))) == 2
    before = {p: p.stat().st_mtime_ns for p in (place / "rounds").rglob("*") if p.suffix in (".mp4", ".safetensors")}
    again = dsrbench(*asked, cwd=place)
    assert again.returncode == 0, again.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_an_objective_on_clips_with_rewards(place):
    lines = [write_line(f"{id}_seed{seed}.mp4", obeys=seed == 0 or id == "b") for id in "abc" for seed in range(8)]
    (place / "easy.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked = (*BASE, "-o", "detector.boxes=easy.jsonl", "--out", "nft", *SHORT, "--rounds", "2", "-s", "objective=nft")
    asked += ("-s", "sampler_ema=0.5", "--candidates", "0..2")
    done = dsrbench(*asked, cwd=place)
    assert "no clips to train on: 0 clips with rewards of 0 prompts" in error_line(done, 3)
    assert "3 clips with rewards of 1 prompts; left out are 1 prompts whose clips all score the same" in done.stderr
    assert (
        "1 of 2 prompts are settled: all of their last candidates passed, or none; 6 new candidates, 2 to 4 a prompt"
    ) in done.stderr
    one, two = place / "nft/round-1", place / "nft/round-2"
    settings = json.loads((one / "training/settings.json").read_text())
    assert (settings["objective"], settings["reg_weight"], settings["nft_beta"]) == ("nft", 0.0, 0.3)
    assert (one / "sampler/pytorch_lora_weights.safetensors").is_file()
    assert not (one / "pairs.jsonl").exists()
    assert "3 clips with rewards of 1 prompts, from 6 candidates" in (one / "adapter/README.md").read_text()
    assert Run.open(two / "candidates").manifest.n_samples == 6
    evaluated = dsrbench(*asked, "--rounds", "1", "--only", "evaluate", cwd=place)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "Accuracy@0.7" in evaluated.stdout


@pytest.fixture
def refused(place, monkeypatch):
    """Run in this process, which has what every command must import; the error's exit code and line."""
    monkeypatch.chdir(place)

    def run(*args):
        with pytest.raises(DSRBenchError) as caught:
            cli.group(list(args), standalone_mode=False)
        assert "\n" not in str(caught.value)
        return caught.value.exit_code, str(caught.value)

    return run


def test_a_round_needs_the_one_before(refused):
    code, said = refused(*BASE, "--out", "gap", "--rounds", "2", "--only", "evaluate")
    assert (code, "round-2/adapter" in said) == (5, True)


def test_a_missing_suite_is_named_before_missing_weights(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path))
    code, said = refused("align", "--suite", "NOSUCH", "--out", "x")
    assert (code, "no suite named 'NOSUCH'" in said) == (3, True)


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("-s", "bta=3"), 3, "no setting 'bta'; did you mean 'beta'"),
        (("-s", "beta=much"), 3, "setting 'beta': expected float, got 'much'"),
        (("-s", "beta"), 3, "expected a setting such as beta=30, got 'beta'"),
        (("--dinov2", "nowhere"), 5, "no such folder: nowhere"),
        (("--preset", "paper"), 3, "no preset 'paper'. Known: spatialalign"),
        (("-s", "objective=nft", "--pairs", "x.jsonl"), 3, "objective nft takes all scored candidates, not pairs"),
        (("-s", "objective=rwr", "--per-prompt", "2"), 3, "leave out pairs and per_prompt"),
    ],
)
def test_bad_settings_are_one_line(refused, more, code, words):
    got, said = refused(*BASE, "--out", "other", "--only", "train", *more)
    assert (got, words in said) == (code, True)


def test_old_keys_go_on_with_a_line_that_names_the_new_one(refused, place, capsys):
    old = ("-s", "rank=2", "-s", "every=0", "-s", "beta=7")
    code, said = refused(*BASE, "--out", "old", *old)
    assert (code, said) == (3, "save_steps must be at least 1, got 0")
    lines = [line for line in capsys.readouterr().err.splitlines() if "deprecated" in line]
    assert lines == [
        "deprecated: -s rank= is now -s lora_rank=",
        "deprecated: -s every= is now -s save_steps=",
    ]
    assert not (place / "old").exists()


def test_the_second_detector_and_its_old_name(place):
    asked = (*BASE, "--out", "second", *SHORT, "--dinov2", "none", "--clip-iqa", "none")
    options = ("-o", "second_detector.boxes=boxes.jsonl")
    done = dsrbench(*asked, "--second-detector", "scripted", *options, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    assert done.stdout.count("Detector: scripted\n") == done.stdout.count("Detector: scripted-second\n") == 1
    again = dsrbench(*asked, "--second", "scripted", *options, cwd=place)
    assert again.stdout == done.stdout
    assert "deprecated: --second is now --second-detector\n" in again.stderr


def test_several_processes_only_train(refused, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, said = refused(*BASE, "--out", "two")
    assert (code, "--only train" in said) == (3, True)


def test_bad_settings_are_said_before_anything_is_sampled(refused, place):
    code, said = refused(*BASE, "--out", "nothing", "-s", "beta=0")
    assert (code, "beta must be above 0, got 0.0" in said) == (3, True)
    code, said = refused(*BASE, "--out", "nothing", "-s", "attention=flash_hub")
    assert (code, "attention must be one of flash, " in said) == (3, True)
    assert not (place / "nothing").exists()


def test_no_prompt_with_both(place):
    lines = [write_line(f"{id}_seed{seed}.mp4", obeys=False) for id in "ab" for seed in range(2)]
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


@pytest.mark.slow
def test_a_pipeline_of_diffusers_goes_through_all_stages(place):
    from factories.pipelines import wan21_1_3b

    pytest.importorskip("transformers")
    wan21_1_3b(place / "wan")
    write_five(place)
    size = [f"generator.{name}={value}" for name, value in (("frames", 5), ("height", 32), ("width", 48), ("steps", 2))]
    done = dsrbench(
        *("align", "--model", "wan", "--suite", "train.jsonl", "--held-out", "held.jsonl", "--candidates", "0..1"),
        *("--seeds", "0", "--detector", "scripted", "-o", "detector.boxes=five.jsonl", "-o", "generator.dtype=float32"),
        *(word for option in size for word in ("-o", option)),
        *("-s", "max_steps=2", "-s", "batch_size=2", "-s", "warmup_steps=0", "-s", "learning_rate=1"),
        *("--out", "wan-run"),
        cwd=place,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    home = place / "wan-run/round-1"
    assert len(read_pairs(home / "pairs.jsonl")) == 2
    assert Run.open(home / "aligned").manifest.generator.fingerprint["adapter"] == sha256_file(
        home / "adapter/pytorch_lora_weights.safetensors"
    )
    assert "A LoRA for wan" in (home / "adapter/README.md").read_text()
