"""The examples, run in this process as a user runs them: by path, with arguments, in a folder of the user's."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from dsrbench.backends.registry import detectors

FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(tmp_path, monkeypatch, capsys):
    """A function from a name and arguments to what the example prints; a name it registers is gone afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(detectors, "_registered", {})
    monkeypatch.setenv("DSRBENCH_OFFLINE", "1")

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(FOLDER / name), run_name="__main__")
        return capsys.readouterr().out

    return run
