"""The tabs' contents, as text: without gradio, without a browser."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import subprocess
import sys

import pytest
from factories.boards import EVIL, make_board

from dsrbench.board import Board, open_stores
from dsrbench.board.app import Site
from dsrbench.board.app.columns import COLUMNS, DEFAULTS
from dsrbench.board.app.filters import UNKNOWN, Filters, list_choices, select
from dsrbench.board.app.fragments import problems_html
from dsrbench.board.app.tabs.about import about_html
from dsrbench.board.app.tabs.board import board_csv, board_html, board_json
from dsrbench.board.app.tabs.compare import compare_html
from dsrbench.board.app.tabs.curves import curves_html
from dsrbench.board.app.tabs.relations import heat_html
from dsrbench.board.app.tabs.samples import ANY, find_sample, list_samples, sample_html
from dsrbench.errors import InputError
from dsrbench.types import Certainty, Status


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    make_board(folder, text=EVIL)
    return Board(open_stores(folder)[0])


def test_every_text_is_escaped(board):
    view = board.view()
    entries = view.entries
    shown = [
        board_html(entries, list(COLUMNS), total=3),
        curves_html(entries),
        heat_html(entries),
        compare_html(board, "base", EVIL),
        about_html(view),
        problems_html([EVIL], head=EVIL),
    ]
    for text in shown:
        assert "<script" not in text
        assert "<img" not in text
        assert "\"'" not in text.replace("&#x27;", "")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["aligned", "base", "paper"]),
        ({"text": "LAB alig"}, ["aligned"]),
        ({"size": "1 to 5 B"}, ["aligned", "base"]),
        ({"size": UNKNOWN}, ["paper"]),
        ({"access": "closed"}, ["paper"]),
        ({"tier": "re-scored,published"}, ["aligned", "base", "paper"]),
        ({"licence": "apache-2.0"}, ["aligned", "base"]),
        ({"suite": "none"}, []),
    ],
)
def test_filters(board, query, names):
    filters = Filters.read(query)
    assert [placed.name for placed in select(board.view().entries, filters)] == names
    assert filters.link() == query


def test_choices_are_those_there_are(board):
    choices = list_choices(board.view().entries)
    assert choices["size"] == ["1 to 5 B", UNKNOWN]
    assert choices["suite"] == ["dsr-core-mini"]
    assert list_choices([])["tier"] == []


def test_published_figures_stand_apart(board):
    html = board_html(board.view().entries, DEFAULTS, total=3)
    ranked, published = html.split("Published, not re-scored", 1)
    assert ">aligned<" in ranked
    assert "30.7" in published
    assert "Tie group" not in published


def test_no_cell_is_a_formula(board):
    rows = list(csv.reader(io.StringIO(board_csv(board.view().entries, list(COLUMNS)))))
    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "\t"))]
    assert rows[3][rows[0].index("account")] == f"'=1+1{EVIL}"


def test_json_has_no_nan(board):
    text = board_json(board.view().entries)
    found = json.loads(text, parse_constant=pytest.fail)["entries"]
    assert [(row["name"], row["tie_group"]) for row in found] == [("aligned", 1), ("base", 2), ("paper", None)]
    assert found[0]["gain"]["difference"] > 0.3


def test_two_entries(board):
    assert "aligned was aligned from base" in compare_html(board, "base", "aligned")
    assert "needs its boxes" in compare_html(board, "base", "paper")
    assert "no entry" in compare_html(board, "base", "nobody")
    assert "Choose two" in compare_html(board, "base", "base")


def test_samples_worst_first(board):
    opened = board.open("aligned")
    listed = list_samples(opened, ANY)
    assert len(listed) == 120
    assert listed[0][0].startswith("– · Failed")
    scores = [float(label.split(" ")[0]) for label, _ in listed[1:]]
    assert scores == sorted(scores)
    assert len(list_samples(opened, "failed")) == 1
    html = sample_html(opened, find_sample(opened, listed[0][1]), lambda sha256: "")
    assert "There are no boxes" in html
    html = sample_html(opened, find_sample(opened, listed[-1][1]), lambda sha256: f"videos/{sha256}.mp4")
    assert "<video" in html
    assert 'class="chart"' in html
    assert find_sample(opened, "nothing/0") is None


def test_a_sample_says_its_certainty_as_submitted(board):
    opened = board.open("base")
    index = next(n for n, sample in enumerate(opened.samples) if sample.score.status is Status.SCORED)
    assert "The decision is" not in sample_html(opened, index, lambda sha256: "")
    score = dataclasses.replace(opened.samples[index].score, certainty=Certainty(0.625, 0.5, 0.875))
    samples = [*opened.samples]
    samples[index] = dataclasses.replace(samples[index], score=score)
    html = sample_html(dataclasses.replace(opened, samples=samples), index, lambda sha256: "")
    assert "The decision is uncertain: the probability that the video passes 0.7 is 62 %" in html
    assert "the score is between 0.50 and 0.88" in html
    assert "As submitted; boxes alone cannot confirm it." in html


def test_videos_by_their_hash(tmp_path, rendered_run):
    videos = next(path.parent for path in rendered_run.folder.rglob("*.mp4"))
    site = Site.open(tmp_path / "board", account="lab", videos=videos)
    sha256 = next(iter(site.videos))
    assert site.video_address(sha256) == f"videos/{sha256}.mp4"
    assert site.video_address("0" * 64) == ""
    with pytest.raises(InputError, match="expected a folder"):
        Site.open(tmp_path / "board", videos=tmp_path / "none")


def test_the_tabs_need_no_gradio():
    code = "import sys, dsrbench.board.app.tabs; assert 'gradio' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
