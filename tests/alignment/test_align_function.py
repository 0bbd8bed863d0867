"""`dsrbench.align`: what the command does, for programs."""

from __future__ import annotations

import json
import math
import sys

import pytest

pytest.importorskip("peft")
pytest.importorskip("accelerate")

from factories.alignment import write_place

import dsrbench
from dsrbench import AlignConfig, AlignmentResult
from dsrbench.alignment.comparison import read_comparisons
from dsrbench.alignment.settings import LoraSettings, OptimizerSettings, TrainingSettings
from dsrbench.errors import DownloadError, InputError, MissingExtraError, OptionError

SHORT = {"max_steps": 2, "batch_size": 1, "lora_rank": 2}


@pytest.fixture
def place(tmp_path, monkeypatch):
    write_place(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def configure(**values):
    options = {"detector": {"boxes": "boxes.jsonl"}, "generator": {"steps": 1, "enlarge": 1}}
    quick = {"model": "model", "suite": "train.jsonl", "held_out": "held.jsonl", "detector": "scripted"}
    quick |= {"candidate_seeds": [0, 1], "seeds": [0, 1], "dinov2": "none", "clip_iqa": "none", "log_with": ()}
    return AlignConfig(**{"out": "run", "options": options, "training": SHORT, **quick, **values})


def test_an_alignment_from_a_program(place):
    notes, steps = [], []
    config = configure()
    result = dsrbench.align(config, on_progress=lambda *news: steps.append(news), on_note=notes.append)
    assert isinstance(result, AlignmentResult)
    assert notes[0] == "by default: validation none"
    assert notes[1].startswith("1 pairs; of the prompts 1 have winners and losers")
    assert {news[0] for news in steps} == {"generating", "scoring", "encoding", "training"}
    assert (result.adapter / "pytorch_lora_weights.safetensors").samefile(
        "run/round-1/adapter/pytorch_lora_weights.safetensors"
    )
    comparison = result.comparison
    assert (comparison.detector, comparison.scores.n_pairs, comparison.notes) == ("scripted", 2, ())
    assert comparison.quality["sharpness"].n_pairs == 2
    assert math.isnan(comparison.scores.difference.low), "one prompt says nothing of the spread"
    assert result.second is None
    assert [run.manifest.suite.name for run in (result.base, result.aligned)] == ["held", "held"]
    written = json.loads((place / "run/round-1/comparison-scripted.json").read_text())
    assert list(written) == ["scores", "quality"]
    assert written == comparison.to_json()
    (read,) = read_comparisons(place / "run/round-1")
    assert read.to_json() == written
    assert type(read.scores) is type(comparison.scores)
    assert read.scores.prompts == comparison.scores.prompts
    settings = json.loads((place / "run/round-1/training/settings.json").read_text())
    assert (settings["lora_rank"], settings["learning_rate"]) == (2, 4e-3), "what is left out suits the model"
    assert result.report().samefile("run/round-1/aligned/report/index.html")
    assert (place / "run/base/report/index.html").is_file()
    again = dsrbench.align(config)
    assert again.comparison.to_json() == written


def test_the_samples_of_both_runs_as_a_table(place):
    pytest.importorskip("pandas")
    table = dsrbench.align(configure(seeds=[0])).to_pandas()
    assert table["model"].tolist() == ["base", "aligned"]


def test_stages_alone_and_settings_as_a_value(place):
    training = TrainingSettings(
        lora=LoraSettings(lora_rank=3), optimizer=OptimizerSettings(max_steps=1, batch_size=1, learning_rate=1e-3)
    )
    stages = ("candidates", "pairs", "latents", "train")
    result = dsrbench.align(configure(stages=stages, training=training))
    settings = json.loads((place / "run/round-1/training/settings.json").read_text())
    assert settings == training.record()
    assert (result.base, result.aligned, result.comparison) == (None, None, None)
    for use in (result.report, result.to_pandas):
        with pytest.raises(InputError, match="were not evaluated: add the stage evaluate"):
            use()
    # a card that is made anew reads the settings that an earlier version wrote
    path = place / "run/round-1/training/settings.json"
    path.write_text(json.dumps({"objective": "dpo", "rank": 3, "weight": 15.0}))
    dsrbench.align(configure(stages=["evaluate"], training=training, seeds=[0]))
    card = (result.adapter / "README.md").read_text()
    assert "| `lora_rank` | `3` |" in card
    assert "| `scripted` | 0.000 | 0.000 |" in card


def test_what_cannot_be_done_is_said_before_anything_is_made(place, monkeypatch):
    with pytest.raises(OptionError, match=r"beta must be above 0, got 0\.0"):
        dsrbench.align(configure(training={"beta": 0}))
    with pytest.raises(DownloadError, match="offline, and not on this machine: picodet"):
        dsrbench.align(configure(detector="picodet", options={}, offline=True))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(OptionError, match="several processes train together"):
        dsrbench.align(configure())
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dsrbench\[align\]'"):
        dsrbench.align(configure())
    assert not (place / "run").exists()


def test_the_name_is_the_functions():
    import dsrbench.alignment.rounds

    assert callable(dsrbench.align)
    assert dsrbench.align.__name__ == "align"
