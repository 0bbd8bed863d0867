"""`dsrbench board`: what maintainers do, on a board in a folder."""

from __future__ import annotations

import json

import pytest
from clips import dsrbench, error_line
from factories.entries import write_entry, write_whole_run

from dsrbench.board import Board, Intake, open_stores


@pytest.fixture
def board(tmp_path):
    """A board with the entry `wan` of account `lab`, and the maintainer `keeper`."""
    intake = Intake(*open_stores(tmp_path / "board"))
    intake.results.change(lambda _: {"board.json": json.dumps({"maintainers": ["keeper"]}).encode()}, message="rules")
    assert intake.submit(write_entry(tmp_path / "entry"), "lab").is_accepted
    return intake


def test_a_whole_board_and_a_forged_trail(board, tmp_path):
    done = dsrbench("board", "check", "board", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "1 entries, 0 withdrawn, 2 events: all whole\n"), done.stderr
    (trail,) = (tmp_path / "board").glob("submissions/audit/*.jsonl")
    trail.write_text(trail.read_text().replace('"lab"', '"bob"', 1))
    (tmp_path / "board/results/entries/wan/summary.json").write_text("{")
    done = dsrbench("board", "check", "board", cwd=tmp_path)
    assert done.returncode == 6
    assert "line 2: what stands before it was changed or taken out" in done.stderr
    assert "entries/wan" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("2 problems; put the files back from its history")


def test_detected_again_and_withdrawn(board, tmp_path):
    write_whole_run(tmp_path / "run")
    words = ("board", "redetect", "board", "wan", "run", "--account")
    assert "lab is no maintainer" in error_line(dsrbench(*words, "lab", cwd=tmp_path), 3)
    done = dsrbench(*words, "keeper", cwd=tmp_path)
    assert done.stdout == "wan: re-detected; 100.0% of the samples pass or fail alike\n", done.stderr
    assert Board(board.results).view().get("wan").record.tier == "re-detected"
    done = dsrbench("board", "withdraw", "board", "wan", "--account", "keeper", cwd=tmp_path)
    assert done.stdout == "wan: withdrawn\n", done.stderr
    assert not Board(board.results).view().entries
    assert "1 withdrawn" in dsrbench("board", "check", "board", cwd=tmp_path).stdout


def test_a_folder_that_is_no_board(tmp_path):
    done = dsrbench("board", "check", "nowhere", cwd=tmp_path)
    assert "nowhere is no board" in error_line(done, 6)
    assert not (tmp_path / "nowhere").exists()
