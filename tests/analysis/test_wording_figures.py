"""What a run in several wordings says of them: paired with the default, clustered by the prompt they share."""

from __future__ import annotations

import dataclasses
import io

import pytest
from factories.runs import MANIFEST
from factories.samples import make_sample
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dsrbench.analysis import summarize
from dsrbench.analysis.statistics import share_interval
from dsrbench.report import print_summary
from dsrbench.store import RunManifest

GOOD, BAD = 0.9, 0.1


def figures(samples):
    return summarize(samples).to_json()


def worded(score, wording, *, prompt="p", seed=0, model="m"):
    sample = make_sample(score, prompt=prompt, seed=seed, model=model)
    id = prompt if wording == "default" else f"{prompt}~{wording}"
    return dataclasses.replace(
        sample, prompt=dataclasses.replace(sample.prompt, id=id, tags=("easy", f"wording:{wording}"))
    )


def run_of(**scores):
    """Samples of prompts p0, p1, ... with a score each, by wording."""
    return [worded(s, name, prompt=f"p{i}") for name, values in scores.items() for i, s in enumerate(values)]


CASES = [
    # what, scores by wording, difference and p of `pronoun`, spread, changed
    ("all alike", {"default": [GOOD, BAD], "pronoun": [GOOD, BAD]}, (0.0, 1.0), 0.0, 0.0),
    ("all worse", {"default": [GOOD] * 8, "pronoun": [BAD] * 8}, (-1.0, 2 / 2**8), 1.0, 1.0),
    ("as good, of other prompts", {"default": [GOOD, BAD], "pronoun": [BAD, GOOD]}, (0.0, 1.0), 0.0, 1.0),
    ("invalid is a failure", {"default": [GOOD, GOOD], "pronoun": [GOOD, "invalid"]}, (-0.5, 1.0), 0.5, 0.5),
    ("paired where both are", {"default": [GOOD], "pronoun": [GOOD, BAD]}, (0.0, 1.0), 0.5, 0.0),
]


@pytest.mark.parametrize(("what", "scores", "pronoun", "spread", "changed"), CASES, ids=[c[0] for c in CASES])
def test_against_the_default(what, scores, pronoun, spread, changed):
    summary = figures(run_of(**scores))
    found = summary["by_wording"]["pronoun"]["difference"]
    assert (found["difference"], found["p_value"]) == pytest.approx(pronoun)
    assert summary["wording_spread"] == {"spread": spread, "changed": changed}
    assert summary["by_wording"]["default"]["difference"]["difference"] == 0


def test_intervals_are_clustered_by_the_prompt_without_its_wording():
    samples = run_of(default=[GOOD, BAD, BAD], pronoun=[GOOD, BAD, BAD], sides=[GOOD, BAD, GOOD])
    summary = figures(samples)
    assert (summary["n_samples"], summary["n_prompts"]) == (9, 3)
    passed = [sample.score.passes() for sample in samples]
    meant = share_interval(passed, ["p0", "p1", "p2"] * 3)
    assert summary["accuracy"]["0.7"] == {"value": meant.value, "low": meant.low, "high": meant.high}
    assert summary["by_wording"]["sides"]["difference"]["n_clusters"] == 3


def test_one_wording_or_none_is_not_compared():
    for samples in ([], [make_sample(GOOD)], run_of(pronoun=[GOOD, BAD])):
        summary = figures(samples)
        assert (summary["by_wording"], summary["wording_spread"]) == ({}, {})


def test_without_the_default_there_is_no_difference():
    summary = figures(run_of(pronoun=[GOOD, BAD], sides=[BAD, BAD]))
    assert [row["difference"] for row in summary["by_wording"].values()] == [None, None]
    assert summary["wording_spread"]["spread"] == 0.5


@given(st.permutations(run_of(default=[GOOD, BAD, GOOD], pronoun=[BAD, BAD, GOOD], states=[BAD, "failed", GOOD])))
def test_the_order_of_samples_does_not_matter(samples):
    summary = figures(samples)
    assert list(summary["by_wording"]) == ["default", "pronoun", "states"]
    assert summary == figures(sorted(samples, key=lambda sample: sample.id))


def test_models_are_not_paired_with_each_other():
    samples = [worded(GOOD, "default", model="a"), worded(BAD, "default", model="b")]
    samples += [worded(GOOD, "sides", model="a"), worded(BAD, "sides", model="b")]
    assert figures(samples)["wording_spread"] == {"spread": 0, "changed": 0}


def test_the_table():
    console = Console(file=io.StringIO(), width=80)
    print_summary(summarize(run_of(default=[GOOD] * 4, sides=[BAD] * 4)), RunManifest.from_json(MANIFEST), console)
    shown = console.file.getvalue()
    assert "Wording" in shown
    assert "-100.0 (-100.0 – -100.0)" in shown
    assert "Accuracy moves by 100.0 points with wording; 100.0 % of videos pass" in shown
    assert max(map(len, shown.splitlines())) <= 80
