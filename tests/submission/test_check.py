from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from factories.entries import SUITE, failed, make_rows, write_entry
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrbench.analysis import Summary, summarize
from dsrbench.prompts import read_suite
from dsrbench.submission import SubmissionError, check_entry, check_figures, write_boxes
from dsrbench.submission.check import TOLERANCE, compare_claim
from dsrbench.types import Certainty, Status


@pytest.fixture(scope="module")
def rows():
    return make_rows()


def check(folder):
    return check_entry(folder, lambda name, version: read_suite(SUITE))


def problems_of(folder):
    with pytest.raises(SubmissionError) as caught:
        check(folder)
    return caught.value.problems


def test_the_figures_are_those_of_the_boxes(rows, tmp_path):
    checked = check(write_entry(tmp_path, rows=rows))
    assert checked.summary == summarize(checked.samples)
    assert 0 < checked.summary.headline.value < 1
    assert [(s.prompt.id, s.seed) for s in checked.samples] == sorted((r.prompt_id, r.seed) for r in rows)


def test_claimed_certainties_widen_the_interval_and_change_no_other_figure(rows, tmp_path):
    before = check(write_entry(tmp_path / "a", rows=rows))
    scored = [row.status is Status.SCORED for row in rows]
    unsure = [
        dataclasses.replace(row, certainty=Certainty(0.6, 0.4, 0.9)) if is_scored else row
        for row, is_scored in zip(rows, scored, strict=True)
    ]
    checked = check(write_entry(tmp_path / "b", rows=unsure))
    assert checked.samples[scored.index(True)].score.certainty == Certainty(0.6, 0.4, 0.9)
    assert (checked.summary.n_certain, checked.summary.n_uncertain) == (0, sum(scored))
    assert checked.summary.headline.value == before.summary.headline.value
    assert checked.summary.headline.low < before.summary.headline.low
    assert checked.summary.headline.high > before.summary.headline.high
    assert checked.summary.accuracy["0.5"] == before.summary.accuracy["0.5"]


def test_a_claim_without_the_certainties_of_its_rows_is_accepted(rows, tmp_path):
    """As one of a version before certainties, or the other way round: intervals are computed anew."""
    write_entry(tmp_path, rows=rows)
    scored = next(n for n, row in enumerate(rows) if row.status is Status.SCORED)
    unsure = [*rows]
    unsure[scored] = dataclasses.replace(rows[scored], certainty=Certainty(0.6, 0.4, 0.9))
    assert check(other_rows(tmp_path, unsure)).summary.n_uncertain == 1


def test_the_order_of_the_rows_is_of_no_importance(rows, tmp_path):
    mixed = [rows[n] for n in np.random.default_rng(0).permutation(len(rows))]
    usual = check(write_entry(tmp_path, rows=rows)).summary
    assert check(other_rows(tmp_path, mixed)).summary == usual


def test_missing_samples_are_listed(rows, tmp_path):
    first = problems_of(write_entry(tmp_path / "a", rows=rows[2:]))
    assert first == (
        "2 of 120 samples are missing",
        f"sample {rows[0].prompt_id}, seed 0 is missing",
        f"sample {rows[0].prompt_id}, seed 1 is missing",
    )
    many = problems_of(write_entry(tmp_path / "b", rows=rows[:20]))
    assert (many[0], many[-1], len(many)) == ("100 of 120 samples are missing", "and 80 more", 22)


def test_a_sample_too_many(rows, tmp_path):
    twice = [*rows[:-1], rows[0]]
    assert problems_of(write_entry(tmp_path / "a", rows=twice)) == (
        f"sample {rows[0].prompt_id}, seed 0 is there twice",
    )
    alien = [*rows[:-1], dataclasses.replace(rows[-1], prompt_id="9999_LR")]
    (problem,) = problems_of(write_entry(tmp_path / "b", rows=rows) and other_rows(tmp_path / "b", alien))
    assert problem == "sample 9999_LR, seed 4 is not one of suite dsr-core-mini and the entry's seeds"


def other_rows(folder, rows):
    write_boxes(folder, rows)
    return folder


def test_a_score_that_its_boxes_do_not_give(rows, tmp_path):
    write_entry(tmp_path, rows=rows)
    low = [n for n, row in enumerate(rows) if row.score < 0.9][:2]
    forged = [dataclasses.replace(row, score=1.0) if n in low else row for n, row in enumerate(rows)]
    problems = problems_of(other_rows(tmp_path, forged))
    assert problems[0] == "the boxes give other scores than claimed, for 2 of 120 samples"
    assert "claims 1.000000, its boxes give" in problems[1]


@pytest.mark.parametrize("change", ["no boxes", "no anchor", "few frames"])
def test_a_score_without_what_gives_one(rows, tmp_path, change):
    write_entry(tmp_path, rows=rows)
    tracks = rows[0].tracks
    if change == "few frames":
        empty = np.full_like(tracks.subject, np.nan)
        tracks = dataclasses.replace(tracks, subject=empty, subject_state=np.zeros(len(tracks), np.uint8))
    given = {"no boxes": {"tracks": None}, "no anchor": {"anchored": False}, "few frames": {"tracks": tracks}}[change]
    problems = problems_of(other_rows(tmp_path, [dataclasses.replace(rows[0], **given), *rows[1:]]))
    assert problems[1].endswith("its boxes give invalid")


def test_failed_counts_as_failed_whatever_boxes_there_are(rows, tmp_path):
    good = next(n for n, row in enumerate(rows) if row.score > 0.7)
    lost = dataclasses.replace(rows[good], status=Status.FAILED, reason="lost", score=float("nan"))
    checked = check(write_entry(tmp_path, rows=[*rows[:good], lost, *rows[good + 1 :]]))
    assert checked.summary.n_failed == 1


def test_a_run_in_which_all_failed(rows, tmp_path):
    checked = check(write_entry(tmp_path, rows=[failed(row) for row in rows]))
    assert (checked.summary.coverage, checked.summary.to_json()["mean_score"]) == (0, None)


def forge(path, value):
    def change(row):
        *parents, last = path.split(".") if "accuracy" not in path else ["accuracy", path[-3:], "value"]
        inner = row["claim"]
        for name in parents:
            inner = inner[name]
        inner[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("accuracy.0.7", 0.99), ("accuracy.0.7", None), ("accuracy.0.7", "0.5"), ("accuracy.0.7", True),
        ("accuracy.0.0", 0.1), ("coverage", 0.5), ("coverage", 2), ("mean_score", 0.99), ("mean_score", None),
        ("n_samples", 119), ("n_scored", 0), ("n_failed", 1), ("n_invalid", True), ("n_prompts", 23),
    ],
)  # fmt: skip
def test_a_forged_figure(rows, tmp_path, path, value):
    (problem,) = problems_of(write_entry(tmp_path, rows=rows, change=forge(path, value)))
    name = f"Accuracy@{path[-3:]}" if "accuracy" in path else path
    assert problem.startswith(f"{name} is claimed to be {value}, the boxes give ")


def test_all_forged_figures_are_told(rows, tmp_path):
    def change(row):
        row["claim"] = {"accuracy": {"0.7": 0.9}, "coverage": 1}

    problems = problems_of(write_entry(tmp_path, rows=rows, change=change))
    assert len(problems) >= 15


@given(st.floats(-2, 2).filter(lambda x: abs(x) > 2 * TOLERANCE))
@settings(max_examples=50)
def test_no_other_figure_passes(by):
    found = {**{n: 1 for n in ("n_samples", "n_prompts", "n_scored", "n_invalid", "n_failed")}, "coverage": 1.0}
    found |= {"mean_score": 0.5, "accuracy": {"0.7": {"value": 0.25, "low": None, "high": None}}}
    compare_claim(found, Summary.from_json(found))
    with pytest.raises(SubmissionError):
        compare_claim({**found, "accuracy": {"0.7": {"value": 0.25 + by}}}, Summary.from_json(found))


def test_another_suite_of_the_same_name(rows, tmp_path):
    def change(row):
        row["suite"]["sha256"] = "0" * 64

    (problem,) = problems_of(write_entry(tmp_path, rows=rows, change=change))
    assert "score the videos with the suite as it was published" in problem


def figures_of(folder):
    return check_figures(folder, lambda name, version: read_suite(SUITE))


def test_figures_without_boxes_must_be_possible(rows, tmp_path):
    folder = write_entry(tmp_path, rows=rows)
    (folder / "boxes.parquet").unlink()
    entry, figures = figures_of(folder)
    known = {name for name, value in figures.to_json().items() if value not in (None, {}, 0)}
    assert known - {"schema"} == {"n_samples", "n_scored", "coverage", "accuracy"}
    assert (figures.n_invalid, figures.n_failed) == (0, 0)
    assert figures.headline.value == entry.claim["accuracy"]["0.7"]["value"]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("n_samples", 119, "n_samples must be 120: every prompt with every seed"),
        ("n_samples", None, "must be whole numbers"),
        ("n_scored", 119, "must add up to n_samples"),
        ("n_scored", -1, "must be whole numbers"),
        ("n_failed", "0", "must be whole numbers"),
        ("n_failed", True, "must be whole numbers"),
        ("coverage", 1.1, "coverage must be a number in 0..1, got '1.1'"),
        ("coverage", None, "coverage must be a number in 0..1, got 'None'"),
        ("coverage", 0.01, "nor be above coverage"),
        ("accuracy.0.7", 0.999, "must not rise with t"),
        ("accuracy.0.7", -0.1, "Accuracy@0.7 must be a number in 0..1"),
        ("accuracy.0.7", True, "Accuracy@0.7 must be a number in 0..1"),
        ("accuracy.0.9", "1", "Accuracy@0.9 must be a number in 0..1"),
    ],
)
def test_figures_that_are_not(rows, tmp_path, path, value, problem):
    with pytest.raises(SubmissionError) as caught:
        figures_of(write_entry(tmp_path, rows=rows, change=forge(path, value)))
    assert any(problem in told for told in caught.value.problems), caught.value.problems
