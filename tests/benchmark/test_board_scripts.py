"""The board's scripts, run small: the first entries, and the load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from factories.entries import make_rows, write_whole_run

from dsrbench.board import PUBLISHED, Board, open_stores

FOLDER = Path(__file__).parents[2] / "benchmark" / "board"


def run(script, *args):
    command = [sys.executable, str(FOLDER / script), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_first_content_twice(tmp_path):
    base = write_whole_run(tmp_path / "base", rows=make_rows(share=0.3)).folder
    aligned = write_whole_run(tmp_path / "aligned", rows=make_rows(share=0.8, luck=1)).folder
    board = tmp_path / "board"
    entries = ("--entry", "sprites-aligned", aligned, "--entry", "sprites", base)
    first = run("first_content.py", board, *entries)
    assert (first.returncode, first.stdout) == (0, "sprites: accepted\nsprites-aligned: accepted\n"), first.stderr
    again = run("first_content.py", board, *entries)
    assert again.stdout == "sprites: was there already\nsprites-aligned: was there already\n"
    placed = Board(open_stores(board)[0]).view().entries
    assert [(p.name, p.base, p.tie) for p in placed] == [
        ("sprites-aligned", "sprites", 1),
        ("sprites", "", 2),
        ("paper-wan-2.1-t2v-1.3b-aligned", "", None),
        ("paper-wan-2.1-t2v-1.3b", "", None),
    ]
    assert [(p.record.tier, p.accuracy, p.record.source) for p in placed[2:]] == [
        (PUBLISHED, 0.675, "https://arxiv.org/abs/2602.22745"),
        (PUBLISHED, 0.307, "https://arxiv.org/abs/2602.22745"),
    ]
    short = write_whole_run(tmp_path / "short", rows=make_rows(seeds=(0,))).folder
    refused = run("first_content.py", tmp_path / "other", "--entry", "sprites", short)
    assert refused.returncode == 1
    assert "have the seeds 0, 1, 2, 3, 4 here" in refused.stderr


def test_load_loses_nothing(tmp_path):
    done = run("load.py", tmp_path, "--readers", 10, "--submitters", 4, "--each", 2)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["entries"], found["lost"], found["doubled"], found["trail"]) == (8, 0, 0, "whole")
    assert found["reads"] > 10
