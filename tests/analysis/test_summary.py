"""The summary counts every sample, keeps its bounds in order, and never gains from a failure."""

from __future__ import annotations

import dataclasses
import io
import json
import math

import pytest
from factories.runs import MANIFEST
from factories.samples import SAMPLES, make_sample
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from dsrbench.analysis import Summary, summarize
from dsrbench.analysis.summary import accuracy
from dsrbench.report import print_summary
from dsrbench.store import RunManifest
from dsrbench.types import Certainty

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
    assert "second detector" not in text
    assert " · second detector picodet\n" in printed(samples, {**MANIFEST, "second_detector": {"name": "picodet"}})


@pytest.mark.parametrize("manifest", [{}, {"models": ["[bold]m[/bold]"]}, {"suite": {"name": "s"}}])
def test_table_of_any_manifest(manifest):
    text = printed([make_sample(0.5)], manifest)
    assert "Accuracy@0.7" in text
    assert all(name in text for name in manifest.get("models", []))


def test_table_of_nothing():
    assert "–" in printed([])


SCORES = [0.9, 0.1, 0.72, "invalid", 0.65, 0.8, "failed", 0.3, 0.75, 0.95]


def samples_of(right=None, certain=0):
    """Ten samples of five prompts in two relation types.

    Their decisions are right with the probability `right`, those of the first `certain` surely.
    """
    samples = []
    for i, score in enumerate(SCORES):
        sure = 1.0 if i < certain else right
        p_pass = sure if sure is None or (isinstance(score, float) and score >= 0.7) else 1 - sure
        relations = "LR" if i < 6 else "TL"
        samples.append(make_sample(score, prompt=f"p{i // 2}", seed=i % 2, type=relations, p_pass=p_pass))
    return samples


def widths(figure):
    return figure["high"] - figure["low"]


def test_uncertain_decisions_widen_the_interval_at_the_headline_threshold_alone():
    before, after = figures(samples_of()), figures(samples_of(0.6))
    assert widths(after["accuracy"]["0.7"]) > widths(before["accuracy"]["0.7"])
    assert after["accuracy"]["0.7"]["value"] == before["accuracy"]["0.7"]["value"]
    for name in ("LR", "TL"):
        ends = [summary["by_relation"][name]["accuracy_0.7"] for summary in (before, after)]
        assert ends[1]["low"] <= ends[0]["low"] <= ends[0]["high"] <= ends[1]["high"]
    for threshold in set(before["accuracy"]) - {"0.7"}:
        assert after["accuracy"][threshold] == before["accuracy"][threshold]


def test_certain_decisions_leave_every_figure():
    counts = ("n_certain", "n_uncertain")
    before, sure = figures(samples_of()), figures(samples_of(1.0))
    assert [before[name] for name in counts] == [None, None]
    assert [sure[name] for name in counts] == [8, 0]
    assert {k: v for k, v in sure.items() if k not in counts} == {k: v for k, v in before.items() if k not in counts}


def test_decisions_are_counted():
    summary = summarize(samples_of(0.6, certain=3))
    assert (summary.n_certain, summary.n_uncertain, summary.certain_share) == (3, 5, 3 / 8)
    assert math.isnan(summarize(samples_of()).certain_share)
    assert math.isnan(Summary().certain_share)
    assert Summary.from_json(summary.to_json()) == summary


def test_a_summary_of_a_version_without_certainties_is_read():
    row = figures(samples_of())
    old = {name: value for name, value in row.items() if name not in ("n_certain", "n_uncertain")}
    assert Summary.from_json(old) == summarize(samples_of())


@given(SAMPLES, st.lists(st.floats(0, 1), min_size=25, max_size=25))
@settings(max_examples=40, deadline=None)
def test_no_certainty_makes_an_interval_narrower(samples, probabilities):
    given_certainty = [with_certainty(sample, p) for sample, p in zip(samples, probabilities, strict=False)]
    before, after = accuracy(samples), accuracy(given_certainty)
    assert after.value == before.value
    assert math.isnan(before.low) == math.isnan(after.low)
    assert math.isnan(before.low) or after.low <= before.low
    assert math.isnan(before.low) or after.high >= before.high


def with_certainty(sample, p_pass):
    score = dataclasses.replace(sample.score, certainty=Certainty(p_pass, 0.0, 1.0))
    return dataclasses.replace(sample, score=score)
