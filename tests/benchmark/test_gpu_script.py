"""The measurements on a GPU, rehearsed with tiny models."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("peft")

SCRIPT = Path(__file__).parents[2] / "benchmark" / "gpu" / "measure.py"


@pytest.mark.slow
def test_every_part_is_measured(tmp_path):
    command = [sys.executable, SCRIPT, "--small", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "gpu.json").read_text())
    parts = {
        "detect",
        "track",
        "clips",
        "rewards",
        "depth",
        "train",
        "train-cogvideox",
        "train-ltx",
        "generate",
        "commands",
        "tests",
    }
    assert {row["part"] for row in found["rows"]} == parts
    assert not [row for row in found["rows"] if "FAILED" in row["value"] or row["value"] == "failed"]
    assert (tmp_path / "gpu.md").read_text() in done.stdout


def test_the_folders_of_tests_exist(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    commands = importlib.import_module("commands")
    assert [name for name in commands.TESTED if not (commands.TESTS / name).is_dir()] == []
