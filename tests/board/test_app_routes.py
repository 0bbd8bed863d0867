"""The addresses beside the page, without a browser."""

from __future__ import annotations

import json

import pytest
from factories.boards import EVIL, make_board
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dsrbench.board import Board
from dsrbench.board.app import Site
from dsrbench.board.app.columns import COLUMNS, DEFAULTS, read_columns
from dsrbench.board.app.routes import make_routes, view_html
from dsrbench.board.app.tabs import VIEWS
from dsrbench.board.entries import MAX_TEXTS
from dsrbench.board.rules import find_version
from dsrbench.submission import check_entry

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    make_board(folder, text=EVIL)
    return folder


@pytest.fixture
def site(folder):
    return Site.open(folder, account="lab")


@pytest.fixture
def client(site):
    return TestClient(Starlette(routes=make_routes(site)))


@pytest.mark.parametrize("tab", VIEWS)
def test_what_a_tab_shows_has_an_address(client, tab):
    answer = client.get(f"/view/{tab}", params={"a": "base", "b": "aligned", "suite": EVIL, "text": ""})
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "dsr" in answer.text
    assert "<script" not in answer.text
    assert "<img" not in answer.text


def test_filters_stand_in_the_address(client):
    assert "1 of 3 entries" in client.get("/view/board?text=align").text
    assert "3 of 3 entries" in client.get("/view/board?size=all&tier=").text
    assert "No entry fits" in client.get("/view/board?suite=none").text
    assert client.get("/view/nothing").status_code == 404


@pytest.mark.parametrize(
    ("given", "columns"),
    [
        ({}, list(DEFAULTS)),
        ({"columns": "nonsense"}, list(DEFAULTS)),
        ({"columns": "tier,tie,nonsense"}, ["tie", "entry", "tier"]),
        ({"columns": ""}, ["entry"]),
        ({"columns": []}, ["entry"]),
        ({"columns": [*COLUMNS]}, list(COLUMNS)),
    ],
)
def test_columns_chosen(given, columns):
    assert read_columns(given) == columns


def test_an_entry_can_be_fetched_and_scored_again(client, folder, site, tmp_path):
    for name in ("entry.json", "boxes.parquet"):
        answer = client.get(f"/entries/aligned/{name}")
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        (tmp_path / name).write_bytes(answer.content)
        assert answer.content == (folder / "given" / "aligned" / name).read_bytes()
    assert check_entry(tmp_path, find_version).summary == site.board.view().get("aligned").record.figures


@pytest.mark.parametrize(
    "path", ["nobody/entry.json", "aligned/summary.json", "paper/entry.json", "aligned/..%2F..%2Fboard.json", "..%2F/x"]
)
def test_files_there_are_none_of(client, path):
    assert client.get(f"/entries/{path}").status_code == 404


def test_a_store_that_is_down(site, client, folder):
    assert client.get("/view/board").status_code == 200
    results = folder / "results"
    results.rename(folder / "away")
    try:
        site.board.view(fresh=0)
        assert "read-only" in client.get("/view/board").text
        assert "3 of 3 entries" in client.get("/view/board").text
        assert len(client.get("/board.json").json()["entries"]) == 3
        assert client.get("/entries/aligned/entry.json").status_code == 503
        never = Site(Board(site.board.results))
        assert "The board cannot be shown" in view_html(never, "board", {})
        assert TestClient(Starlette(routes=make_routes(never))).get("/board.csv").status_code == 503
    finally:
        (folder / "away").rename(results)
    site.board.view(fresh=0)
    assert "read-only" not in client.get("/view/board").text


def test_a_text_is_made_once_for_each_state(site):
    view, made = site.board.view(), []
    for name in ("a", "b", "a"):
        assert view.cached(name, lambda: made.append(1) or json.dumps(len(made))) in ("1", "2")
    assert len(made) == 2
    for n in range(3 * MAX_TEXTS):
        view.cached(str(n), str)
    assert len(view.texts) <= MAX_TEXTS
    assert site.board.view(fresh=0) is view
