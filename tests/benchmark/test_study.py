"""The protocol of a study: its table is the command's, and its formulas are what the package measures."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "how-to" / "study.md"


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("study", ROOT / "benchmark" / "agreement" / "study.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["study"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["study"]


def read_table(path, start, end):
    text = path.read_text("utf-8").partition(start)[2].partition(end)[0]
    return [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| *[\d.]", line)]


def test_both_files_have_the_same_table(study):
    tables = [read_table(path, study.MARK, "<!-- end") for path in study.FILES]
    assert tables[0] == tables[1]
    held = {50: [], 400: []}
    for row in tables[0]:
        held.setdefault(int(row[0]), []).append(float(row[-1].removesuffix(" %")))
    assert 80 < np.mean(held[50]) < np.mean(held[400]) < 99
    settings = [(int(clips), int(people)) for clips, people, *_ in tables[0]]
    assert settings == [(clips, people) for clips in study.CLIPS for people in study.ANNOTATORS]


def test_measured_half_widths_are_those_of_the_formulas(study):
    for row in read_table(GUIDE, study.MARK, "<!-- end"):
        n_clips, n_annotators = int(row[0]), int(row[1])
        formulas = study.by_formula(n_clips, n_annotators)
        for cell, formula in zip(row[3:6], formulas, strict=True):
            if cell == "–":
                assert math.isnan(formula)
                continue
            measured, stated = map(float, re.fullmatch(r"± ([\d.]+) \(([\d.]+)\)", cell).groups())
            assert stated == pytest.approx(formula, abs=6e-4)
            assert measured == pytest.approx(formula, rel=0.25)


def test_a_simulated_study(study):
    samples, labels = study.simulate(60, 3, 0)
    assert (len(samples), len(labels.clips), len(labels.annotators)) == (60, 180, 3)
    row, held = study.measure(60, 3, 2)
    assert row[:3] == ["60", "3", "180"]
    assert len(held) == 8
    assert "| 40 | 1 | 40 | – |" in study.make_table(1, (40,), (1,))


def test_numbers_of_the_guide(study):
    rows = read_table(GUIDE, "| share $p$", "The AUC")
    for p, *counts in rows:
        for count, half in zip(counts, (0.10, 0.05, 0.03), strict=True):
            assert int(count) == math.ceil(study.Z**2 * float(p) * (1 - float(p)) / half**2)
    rows = read_table(GUIDE, "| error $e$", "More clips")
    for row in rows:
        error, alpha, *others = map(float, row)
        wrong = [study.majority_error(k, error) for k in (1, 3, 5)]
        seen = [0.95 * (1 - 2 * w) + w for w in wrong]
        assert alpha == pytest.approx(1 - 4 * error * (1 - error), abs=5e-3)
        assert others == pytest.approx([*wrong, *seen], abs=6e-4)
        assert (1 - math.sqrt(alpha)) / 2 == pytest.approx(error, abs=5e-3)


def test_the_error_of_most_annotators(study):
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 4, 5):
        wrong = (rng.random((200_000, n)) < study.ERROR).sum(axis=1)
        decided = wrong[2 * wrong != n]
        assert np.mean(2 * decided > n) == pytest.approx(study.majority_error(n), abs=2e-3)
        assert np.mean(2 * wrong == n) == pytest.approx(study.tie_share(n), abs=2e-3)
