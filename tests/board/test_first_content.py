"""The board that comes with the repository: what it claims is what its boxes give."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
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


@pytest.mark.parametrize("name", ["sprites", "sprites-aligned", "sprites-nft", "sprites-depth"])
def test_figures_again_from_the_boxes(stores, name):
    checked = check_entry(FIRST / "results" / "entries" / name, find_version)
    assert checked.summary.n_samples == 500
    shown = Board(stores[0]).view().get(name)
    assert shown.accuracy == checked.summary.headline.value


def test_aligned_models_are_shown_with_their_base_and_the_published_figures_apart(stores):
    view = Board(stores[0]).view()
    assert view.get("sprites-aligned").base == view.get("sprites-nft").base == "sprites"
    ranked = [placed.name for placed in view.entries if placed.record.is_ranked and placed.name != "sprites-depth"]
    assert ranked == ["sprites-nft", "sprites-aligned", "sprites"]
    assert sorted(placed.accuracy for placed in view.entries if not placed.record.is_ranked) == [0.307, 0.675]


def test_every_sample_has_a_certainty():
    rows = pq.read_table(FIRST / "results/entries/sprites-nft/boxes.parquet", columns=["status", "p_pass"]).to_pylist()
    scored = [row["p_pass"] for row in rows if row["status"] == "scored"]
    assert len(scored) > 400
    assert all(0 <= share <= 1 for share in scored)


def test_depth_is_scored_again_from_what_the_entry_has():
    checked = check_entry(FIRST / "results/entries/sprites-depth", find_version)
    assert checked.entry.depth.name == "sprites"
    assert set(checked.summary.by_relation) >= {"FB", "BF", "LF", "BR"}


def test_its_trail_is_whole(stores):
    assert check_trail(stores[1].look()) == []
