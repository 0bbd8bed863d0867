"""The Space as it is: `leaderboard/app.py` in its own process, local servers as the Hub and its login, a browser."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from factories.entries import write_entry, write_whole_run
from factories.served_board import SERVED
from fakes.hub import FakeHub, Repo
from fakes.login import FakeLogin, TLSProxy

pytest.importorskip("gradio")
pytest.importorskip("authlib")

pytestmark = [pytest.mark.browser, pytest.mark.slow, *SERVED]

ROOT = Path(__file__).parents[2]
RULES = {"suites": {"dsr-core-mini": [0, 1, 2, 3, 4]}, "quota": 2}
BOARD, INBOX = "lab/board", "lab/board-submissions"


@pytest.fixture(scope="module")
def hub():
    with FakeHub() as hub:
        hub.tokens = {"secret": {"lab"}, "of-eve": {"eve"}}
        for id in (BOARD, INBOX):
            hub.repos[id] = Repo()
            hub.repos[id].commit({".gitattributes": b""})
        hub.repos[BOARD].commit({"board.json": json.dumps(RULES).encode()})
        yield hub


@pytest.fixture(scope="module")
def login():
    with FakeLogin() as login:
        yield login


@pytest.fixture(scope="module")
def proposed(hub, tmp_path_factory):
    """A pull request of eve's, open before the Space starts."""
    folder = tmp_path_factory.mktemp("eve")
    run = write_whole_run(folder / "run").folder
    args = ["submit", str(run), "--name", "eves", "--model-id", "eve/model", "--to", f"hf://datasets/{BOARD}"]
    given = {**os.environ, **hub.environment(HF_TOKEN="of-eve"), "HF_HOME": str(folder / "cache")}
    done = subprocess.run([sys.executable, "-m", "dsrbench", *args], env=given, capture_output=True, text=True)
    assert f"Submitted: {hub.url}" in done.stdout, done.stderr


@pytest.fixture(scope="module")
def space(hub, login, proposed, tmp_path_factory):
    """Its address, as visitors have it."""
    folder = tmp_path_factory.mktemp("space")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TLSProxy(folder, port) as proxy, open(folder / "log", "w+") as log:
        given = {**os.environ, **hub.environment(HF_TOKEN="secret"), **login.environment(proxy.host)}
        given |= {"HF_HOME": str(folder / "cache"), "GRADIO_TEMP_DIR": str(folder / "uploads")}
        given |= {"DSRBENCH_BOARD": f"hf://datasets/{BOARD}", "GRADIO_SERVER_PORT": str(port), "GRADIO_HOT_RELOAD": ""}
        child = subprocess.Popen([sys.executable, ROOT / "leaderboard" / "app.py"], env=given, stdout=log, stderr=log)
        wait_until(lambda: child.poll() is not None or is_up(f"http://127.0.0.1:{port}/robots.txt"))
        yield proxy.url
        child.terminate()
        child.wait()
        log.seek(0)
        assert "pull requests are not taken in" not in log.read()


def is_up(address):
    try:
        return httpx.get(address).status_code == 200
    except httpx.HTTPError:
        return False


def wait_until(is_so, seconds=90):
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture
def visit(visit_site, space, login):
    def visit_(query="?tab=submit", **options):
        return visit_site(space, f"/{query}", also=(login.url,), ignore_https_errors=True, **options)

    return visit_


def log_in(page, login, account):
    login.account = account
    page.get_by_role("button", name="Sign in with Hugging Face").click()
    page.get_by_role("button", name=f"Logout ({account})").wait_for()


def submit(page, folder):
    """Upload an entry and press the button; what the board says."""
    page.locator("#entry-files input[type=file]").set_input_files(
        [str(folder / "entry.json"), str(folder / "boxes.parquet")]
    )
    page.locator("#entry-files").get_by_text(".json").first.wait_for()
    page.get_by_role("button", name="Submit", exact=True).click()
    result = page.locator("#submit-result .dsr")
    result.wait_for()
    return result.inner_text()


def withdraw(page, name):
    page.get_by_role("button", name="Withdraw an entry of yours").click()
    page.get_by_label("Name of the entry").fill(name)
    page.get_by_role("button", name="Withdraw", exact=True).click()
    result = page.locator("#submit-result .dsr")
    result.wait_for()
    return result.inner_text()


def test_log_in_submit_log_out(visit, login, hub, tmp_path):
    page = visit()
    mine = write_entry(tmp_path / "mine", name="anns", luck=2)
    assert "Log in with your Hugging Face account first" in submit(page, mine)
    log_in(page, login, "ann")
    assert page.url.endswith("/?tab=submit")
    assert "Accepted: anns" in submit(page, mine)
    summary = json.loads(hub.repos[BOARD].files["entries/anns/summary.json"])
    assert summary["account"] == "ann"
    page.locator("#tab-board-button").click()
    page.locator("#board tbody th", has_text="anns").wait_for()
    page.locator("#tab-submit-button").click()
    page.get_by_role("button", name="Logout").click()
    page.get_by_role("button", name="Sign in with Hugging Face").wait_for()
    assert "Log in with" in withdraw(page, "anns")
    other = visit()
    log_in(other, login, "bob")
    assert "is not of account bob" in withdraw(other, "anns")


def test_a_pull_request_of_before_the_start_is_on_the_board(visit, hub):
    wait_until(lambda: hub.repos[INBOX].proposals[0].answer)
    assert hub.repos[INBOX].proposals[0].answer == "Accepted."
    page = visit("?tab=board")
    page.locator("#board tbody th", has_text="eves").wait_for()


def test_a_login_that_is_refused_leads_back(visit, login):
    page, login.fault = visit(expect=("status of 403",)), "refused"
    page.get_by_role("button", name="Sign in with Hugging Face").click()
    page.get_by_text("You are not logged in: the login was refused.").wait_for()
    login.fault = ""
    page.get_by_role("link", name="Back to the board").click()
    page.get_by_role("button", name="Sign in with Hugging Face").wait_for()


def test_it_says_in_a_line_why_it_cannot_start(tmp_path):
    given = {name: value for name, value in os.environ.items() if name not in ("SYSTEM", "DSRBENCH_BOARD")}
    for more, said in (({}, "DSRBENCH_BOARD"), ({"DSRBENCH_BOARD": str(tmp_path / "board")}, "hf_oauth: true")):
        app = [sys.executable, ROOT / "leaderboard" / "app.py"]
        done = subprocess.run(app, env={**given, **more}, capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: ")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
