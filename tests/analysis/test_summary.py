"""The summary counts every sample, keeps its bounds in order, and never gains from a failure."""

from __future__ import annotations

import io
import json

import pytest
from factories.runs import MANIFEST
from factories.samples import SAMPLES, make_sample
from hypothesis import given, settings
from rich.console import Console

from dsrbench.analysis import summarize
from dsrbench.report import print_summary
from dsrbench.store import RunManifest

CASES = [
    # what, scores, coverage, accuracy@0.7, mean score, its two bounds
    ("nothing", [], None, None, None, None, None),
    ("one correct", [0.9], 1, 1, 0.9, 0.9, 0.9),
    ("0.7 itself passes", [0.7, 0.699999], 1, 0.5, 0.6999995, 0.6999995, 0.6999995),
    ("invalid and failed are failures", [0.8, "invalid", "failed", 0.2], 0.5, 0.25, 0.5, 0.25, 0.75),
    ("a collapsed model: its one clip is no triumph", [1.0] + ["invalid"] * 9, 0.1, 0.1, 1.0, 0.1, 1.0),
    ("none scored", ["failed", "invalid"], 0, 0, None, 0, 1),
]


def figures(samples):
    return summarize(samples).to_json()


@pytest.mark.parametrize(
    ("what", "scores", "coverage", "accuracy", "mean", "low", "high"), CASES, ids=[c[0] for c in CASES]
)
def test_headline(what, scores, coverage, accuracy, mean, low, high):
    summary = figures([make_sample(s, prompt=f"p{i // 5}", seed=i % 5) for i, s in enumerate(scores)])
    found = [summary[k] for k in ("coverage", "mean_score", "mean_score_low", "mean_score_high")]
    assert found == [pytest.approx(v) if v is not None else None for v in (coverage, mean, low, high)]
    assert summary["accuracy"]["0.7"]["value"] == accuracy
    assert (summary["n_samples"], summary["schema"]) == (len(scores), 1)


def test_groups_reasons_and_models():
    summary = figures(
        [
            make_sample(0.9, prompt="a", type="LR", model="x"),
            make_sample(0.2, prompt="b", type="TL", model="x"),
            make_sample("invalid", prompt="b", type="TL", model="y"),
            make_sample("failed", prompt="a", type="LR", model="y", video="x.mp4"),
            make_sample("failed", prompt="c", type="LR", model="y", video="y.mp4"),
        ]
    )
    assert {k: (v["n"], v["coverage"], v["accuracy_0.7"]["value"]) for k, v in summary["by_relation"].items()} == {
        "LR": (3, pytest.approx(1 / 3), pytest.approx(1 / 3)),
        "TL": (2, 0.5, 0),
    }
    assert {k: (v["n"], v["mean_score"]) for k, v in summary["by_model"].items()} == {
        "x": (2, pytest.approx(0.55)),
        "y": (3, None),
    }
    assert summary["by_diagnosis"]["correct"] == summary["by_diagnosis"]["other"] == 1
    assert summary["by_reason"] == {"invalid": {"too few scored frames": 1}, "failed": {"no such file": 2}}
    assert summary["n_prompts"] == 3


def test_one_model_has_no_model_table():
    assert figures([make_sample(0.9)])["by_model"] == {}


def test_a_chain_must_visit_what_lies_between():
    summary = figures([make_sample(0.9, type="LTR", visited=False), make_sample(0.9, type="LTR", visited=True, seed=1)])
    assert summary["accuracy"]["0.0"]["value"] == 0.5
    assert summary["mean_score"] == pytest.approx(0.9)


def test_filled_frames_are_a_share_of_scored_ones():
    summary = figures([make_sample(0.5, n_filled=5), make_sample(0.5, n_filled=0, seed=1)])
    assert (summary["n_filled_frames"], summary["filled_frame_share"]) == (5, 5 / 40)


@given(SAMPLES)
@settings(max_examples=60, deadline=None)
def test_accuracy_falls_with_the_threshold_and_bounds_are_ordered(samples):
    summary = figures(samples)
    values = [summary["accuracy"][f"{i / 10:.1f}"] for i in range(10)]
    assert [v["value"] for v in values] == sorted((v["value"] for v in values), reverse=True)
    for figure in values:
        assert figure["low"] is None or 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert values[0]["value"] <= summary["coverage"]
    mean = summary["mean_score"]
    assert mean is None or summary["mean_score_low"] <= mean + 1e-12
    assert mean is None or mean <= summary["mean_score_high"] + 1e-12
    assert sum(summary["by_diagnosis"].values()) == summary["n_scored"]
    assert sum(sum(r.values()) for r in summary["by_reason"].values()) == summary["n_invalid"] + summary["n_failed"]
    assert sum(f["n"] for f in summary["by_relation"].values()) == summary["n_samples"]
    json.dumps(summary, allow_nan=False)


@given(SAMPLES)
@settings(max_examples=40, deadline=None)
def test_a_failure_never_raises_accuracy_nor_order_anything(samples):
    before = figures(samples)
    after = figures([*samples, make_sample("failed", prompt="z", seed=99)])
    for threshold, figure in before["accuracy"].items():
        assert after["accuracy"][threshold]["value"] <= figure["value"]
    assert after["mean_score"] == before["mean_score"]
    assert after["mean_score_low"] <= before["mean_score_low"]
    unique = list({sample.id: sample for sample in samples}.values())
    assert figures(unique) == figures(unique[::-1])


def printed(samples, manifest=MANIFEST, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_summary(summarize(samples), RunManifest.from_json(manifest), console)
    return console.file.getvalue()


def test_table_fits_80_columns_and_says_both_figures():
    samples = [
        make_sample(s, prompt=f"p{i}", model=m, seed=i)
        for m in ("x", "a-rather-long-model-name-1.3B")
        for i, s in enumerate([0.9, 0.1, "invalid", 1.0])
    ]
    text = printed(samples, {**MANIFEST, "models": ["x", "a-rather-long-model-name-1.3B"]})
    assert max(map(len, text.splitlines())) <= 80
    assert "50.0 % (" in text
    assert "75.0 % = 6 of 8" in text
    assert "0.500 – 0.750" in text
    assert "invalid: too few scored frames" in text


@pytest.mark.parametrize("manifest", [{}, {"models": ["[bold]m[/bold]"]}, {"suite": {"name": "s"}}])
def test_table_of_any_manifest(manifest):
    text = printed([make_sample(0.5)], manifest)
    assert "Accuracy@0.7" in text
    assert all(name in text for name in manifest.get("models", []))


def test_table_of_nothing():
    assert "–" in printed([])
