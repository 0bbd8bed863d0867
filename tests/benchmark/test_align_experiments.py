"""The experiments' tables and picture say what the comparisons hold; alignments share files, not folders."""

from __future__ import annotations

import importlib.util
import itertools
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmark" / "align"


def load(name):
    spec = importlib.util.spec_from_file_location(f"align_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def results():
    def figure(value):
        return {"value": value, "low": value - 0.05, "high": value + 0.05}

    def comparison(a, b):
        scores = {"accuracy_a": figure(a), "accuracy_b": figure(b), "coverage_a": 0.99, "coverage_b": 0.5}
        scores["difference"] = {"difference": b - a, "low": b - a - 0.04, "high": b - a + 0.04}
        return {"scores": scores, "quality": {"sharpness": {"a": 0.1, "b": 0.2}}}

    return [
        {
            "arm": arm,
            "seed": 0,
            "train_seconds": 1,
            "sprites": comparison(0.3, b),
            "sprites-template": comparison(0.2, b),
        }
        for arm, b in (("dpo", 0.6), ("unregularised", 0.1))
    ]


def test_tables(results, capsys):
    load("experiments").print_tables(results)
    text = capsys.readouterr().out
    gain = "+0.300 [+0.260, +0.340]"
    assert f"| dpo | 0 | 0.300 [0.250, 0.350] | 0.600 [0.550, 0.650] | {gain} | 0.990 -> 0.500 |" in text
    assert "| unregularised | 0 | 0.200 [0.150, 0.250] | 0.100 [0.050, 0.150] | -0.100" in text
    assert "| dpo | 0 | 0.100 -> 0.200 |" in text


def test_picture(results):
    root = ET.fromstring(load("plot").draw(results))
    kind = "{http://www.w3.org/2000/svg}"
    bars = [float(bar.get("width")) for bar in root.iter(f"{kind}rect")][1:]
    assert bars == pytest.approx([90, 180, 30, 60, 180, 30])  # base, DPO, unregularised under either detector
    assert "DPO, no regulariser, seed 0" in {text.text for text in root.iter(f"{kind}text")}


def test_every_arm_can_be_drawn():
    experiments, plot = load("experiments"), load("plot")
    assert set(plot.TITLES) == set(experiments.ARMS)
    assert set(plot.COLOURS) == {"base", *experiments.ARMS}


def test_the_settings_of_the_arms_are_understood():
    from dsrbench.alignment.settings import TrainingSettings

    for arm, arguments in load("experiments").ARMS.items():
        given = dict(word.split("=") for flag, word in itertools.pairwise(arguments) if flag == "-s")
        record = TrainingSettings().change(given).record()
        expected = arm.partition("-")[0] if arm.startswith(("nft", "rwr", "sft")) else "dpo"
        assert record["objective"] == expected
        assert set(given) <= set(record)


def test_arms_begin_with_what_they_share(tmp_path, monkeypatch):
    experiments, calls = load("experiments"), []

    def align(out, *arguments):
        calls.append((out.name, [word for flag, word in itertools.pairwise(arguments) if flag == "--only"]))
        names = ("candidates", "latents") if out.name == "shared-clips" else ()
        for name in names:
            (out / "round-1" / name).mkdir(parents=True, exist_ok=True)
        (out / "round-1").mkdir(exist_ok=True)
        if out.name == "shared-clips":
            (out / "round-1/clips.jsonl").write_text("{}\n")
        for name in (experiments.REWARD, experiments.SECOND):
            (out / "round-1" / f"comparison-{name}.json").write_text("{}")
        return 1.0

    monkeypatch.setattr(experiments, "align", align)
    (tmp_path / "shared/round-1/candidates").mkdir(parents=True)
    (tmp_path / "shared/round-1/pairs.jsonl").write_text("{}\n")
    for arm in ("dpo", "nft", "nft-rounds"):
        experiments.run_arm(tmp_path, arm, 0, "sprites-test")
    assert calls == [
        ("dpo-0", ["train"]),
        ("dpo-0", ["evaluate"]),
        ("shared-clips", ["pairs", "latents"]),
        ("nft-0", ["train"]),
        ("nft-0", ["evaluate"]),
        ("nft-rounds-0", ["candidates", "pairs", "latents", "train"]),
        ("nft-rounds-0", ["evaluate"]),
    ]
    assert (tmp_path / "dpo-0/round-1/pairs.jsonl").exists()
    assert (tmp_path / "nft-0/round-1/clips.jsonl").samefile(tmp_path / "shared-clips/round-1/clips.jsonl")
    assert not (tmp_path / "nft-0/round-1/pairs.jsonl").exists()
    assert not (tmp_path / "nft-rounds-0/round-1/candidates").exists()


def test_results_are_kept_beside_those_of_others(results, tmp_path, capsys):
    experiments = load("experiments")
    for result in reversed(results):
        experiments.add_result(tmp_path, result)
    assert experiments.read_results(tmp_path) == results


def test_what_is_shared_is_linked_once(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    (source / "round-1" / "latents").mkdir(parents=True)
    (source / "round-1" / "latents" / "a.bin").write_bytes(b"a")
    (source / "round-1" / "pairs.jsonl").write_text("{}\n")
    for _ in range(2):
        load("experiments").share(source, out, ["round-1/latents", "round-1/pairs.jsonl", "base"])
    assert (out / "round-1" / "latents" / "a.bin").samefile(source / "round-1" / "latents" / "a.bin")
    assert (out / "round-1" / "pairs.jsonl").read_text() == "{}\n"
    assert not (out / "base").exists()
