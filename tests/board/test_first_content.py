"""The board that comes with the repository: what it claims is what its boxes give."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dsrbench.board import Board, open_stores
from dsrbench.board.audit import check_trail
from dsrbench.board.rules import find_version
from dsrbench.submission import check_entry

FIRST = Path(__file__).parents[2] / "leaderboard" / "first"


@pytest.fixture
def stores(tmp_path):
    shutil.copytree(FIRST, tmp_path / "board")
    return open_stores(tmp_path / "board")


@pytest.mark.parametrize("name", ["sprites", "sprites-aligned"])
def test_figures_again_from_the_boxes(stores, name):
    checked = check_entry(FIRST / "results" / "entries" / name, find_version)
    assert checked.summary.n_samples == 500
    shown = Board(stores[0]).view().get(name)
    assert shown.accuracy == checked.summary.headline.value


def test_the_aligned_model_is_shown_with_its_base_and_the_published_figures_apart(stores):
    view = Board(stores[0]).view()
    assert view.get("sprites-aligned").base == "sprites"
    assert [placed.name for placed in view.entries if placed.record.is_ranked] == ["sprites-aligned", "sprites"]
    assert sorted(placed.accuracy for placed in view.entries if not placed.record.is_ranked) == [0.307, 0.675]


def test_its_trail_is_whole(stores):
    assert check_trail(stores[1].look()) == []
