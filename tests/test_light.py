"""The tests that run without the large packages are there, and none of them is skipped for want of a package."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHOSEN = [line for line in (ROOT / "tests/light.txt").read_text().splitlines() if not line.startswith("#")]


def files():
    paths = [ROOT / name for name in CHOSEN]
    return list(itertools.chain(*([path] if path.is_file() else sorted(path.glob("test_*.py")) for path in paths)))


def test_all_that_are_chosen_are_there():
    assert [name for name in CHOSEN if not (ROOT / name).exists()] == []
    assert len(set(files())) == len(files()) > 40


def test_no_package_that_is_absent_makes_them_skip():
    skipping = re.compile(r"importorskip\(|except (?:ImportError|ModuleNotFoundError)")
    found = [path.name for path in files() if skipping.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_ci_runs_them_in_both_environments():
    run, light = ((ROOT / ".ci" / name).read_text(encoding="utf-8") for name in ("run", "light"))
    assert "tests/light.txt" in light
    assert {".ci/light lowest", ".ci/light newest"} <= set(re.findall(r"\.ci/light \w+", run))
