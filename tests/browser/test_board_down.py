"""The store goes away while the board is shown, and comes back: the last good state, read-only, and so it says."""

from __future__ import annotations

import pytest
from factories.board_stores import KINDS, logged_in_hub, make_store
from factories.boards import make_board
from factories.entries import write_entry
from factories.served_board import SERVED

from dsrbench.board import Board, Intake, open_stores

pytest.importorskip("gradio")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    *SERVED,
]

NOTICE = "The store of the board cannot be read; this is the last good state, read-only"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with logged_in_hub(monkeypatch, tmp_path / "hub-cache") as server:
        yield server


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    make_board(folder)
    return open_stores(folder)[0].look()


def names(page):
    return page.locator("#board tbody th").evaluate_all("rows => rows.map(row => row.innerText.split('\\n')[0])")


def open_tab(page, id, selector):
    page.locator(f"#tab-{id}-button").click()
    page.locator(selector).first.wait_for()


def send(page, folder):
    """Upload an entry and submit it; what the page says."""
    page.locator("#tab-submit-button").click()
    page.locator("#entry-files input[type=file]").set_input_files(
        [str(folder / name) for name in ("entry.json", "boxes.parquet")]
    )
    page.locator("#entry-files").get_by_text(".json").first.wait_for()
    page.get_by_role("button", name="Submit", exact=True).click()
    result = page.locator("#submit-result .dsr")
    result.wait_for()
    return result.inner_text()


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_good_state_is_shown_read_only(kind, made, serve, visit_site, tmp_path, request):
    from dsrbench.board.app import Site

    results, submissions = (make_store(kind, request, name) for name in ("results", "submissions"))
    results.change(lambda _: {name: made.read(name) for name in made.list("entries/")}, message="copy")
    mine = write_entry(tmp_path / "mine", name="mine", luck=8)
    address = serve(Site(Board(results, fresh=0), Intake(results, submissions), account="lab"))
    page = visit_site(address)
    page.locator("#board tbody tr").nth(2).wait_for()
    before = names(page)
    open_tab(page, "samples", "#sample article")
    assert page.get_by_text(NOTICE).count() == 0

    if kind == "hub":
        request.getfixturevalue("hub").faults = [("", "503")] * 10_000
    else:
        (tmp_path / "results").rename(tmp_path / "away")
    open_tab(page, "board", f"#board .notice:has-text('{NOTICE}')")
    assert names(page) == before
    open_tab(page, "relations", "#relations .notice")
    assert page.locator("#relations .heat tbody tr").count() == 2
    open_tab(page, "samples", "#sample .notice")
    page.locator("#sample article").wait_for()
    said = send(page, mine)
    assert said.startswith("Not possible now")
    assert len(said.splitlines()) == 2
    page = visit_site(address, "?tab=board&text=align")
    page.locator("#board .notice").wait_for()
    assert names(page) == ["aligned"]
    assert page.locator("h1").inner_text() == "dsrbench leaderboard"
    if kind == "folder":  # the Hub's own client would first try for half a minute
        page = visit_site(address, "?tab=samples&entry=base")
        page.locator("#sample .notice", has_text="Its samples cannot be shown").wait_for()

    page = visit_site(address, "?tab=submit")
    page.locator("#submit-how .dsr").wait_for()
    if kind == "hub":
        request.getfixturevalue("hub").faults = []
    else:
        (tmp_path / "away").rename(tmp_path / "results")
    assert "Accepted: mine" in send(page, mine)
    open_tab(page, "board", "#board tbody th:has-text('mine')")
    assert page.locator("#board .notice").count() == 0
    open_tab(page, "samples", "#sample article")


def test_down_from_the_start_is_said(serve, visit_site, tmp_path):
    from dsrbench.board.app import Site

    site = Site.open(tmp_path / "board", account="lab")
    (tmp_path / "board" / "results").rmdir()
    page = visit_site(serve(site))
    page.locator("#board .notice", has_text="The board cannot be shown").wait_for()
    assert page.locator("h1").inner_text() == "dsrbench leaderboard"


def test_no_answer_is_said(serve, visit_site, tmp_path):
    """The application itself goes away: what was shown stays, under a notice."""
    from dsrbench.board.app import Site

    make_board(tmp_path / "board")
    page = visit_site(serve(Site.open(tmp_path / "board", account="lab")), expect=("ERR_FAILED",))
    page.locator("#board tbody tr").nth(2).wait_for()
    page.route("**/view/**", lambda route: route.abort())
    page.get_by_label("Search").fill("aligned")
    page.locator("#board .notice", has_text="does not answer").wait_for()
    assert len(names(page)) == 3
    page.unroute("**/view/**")
    page.get_by_label("Search").fill("base")
    page.locator("#board tbody tr").nth(1).wait_for(state="detached")
    assert names(page) == ["base"]
    assert page.locator("#board .notice").count() == 0
