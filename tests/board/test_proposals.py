from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from factories.board_stores import make_store
from factories.entries import write_entry
from fakes.hub import Proposal

from dsrbench.board import Board, Intake, open_stores
from dsrbench.board.proposals import propose_entry, take_proposals, taking_proposals
from dsrbench.errors import DownloadError, HubError, OptionError

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
BOARD, INBOX = "hf://datasets/lab/board", "lab/board-submissions"


@pytest.fixture
def intake(hub, request):
    return Intake(make_store("hub", request, "board"), make_store("hub", request, "board-submissions"))


def propose(hub, monkeypatch, folder, account, name="wan"):
    hub.tokens[account] = {account}
    monkeypatch.setenv("HF_TOKEN", account)
    address = propose_entry(folder, name, BOARD)
    monkeypatch.setenv("HF_TOKEN", "secret")
    return address


def test_a_pull_request_is_taken_in_and_answered(hub, intake, tmp_path, monkeypatch):
    good = write_entry(tmp_path / "good")
    address = propose(hub, monkeypatch, good, "ann")
    assert address == f"{hub.url}/datasets/{INBOX}/discussions/1"
    assert list(hub.repos[INBOX].files) == [".gitattributes"]
    (done,) = take_proposals(intake, INBOX)
    assert (done.number, done.account, done.receipt.is_accepted) == (1, "ann", True)
    assert [(p.name, p.record.account) for p in Board(intake.results).view().entries] == [("wan", "ann")]
    assert hub.repos[INBOX].proposals[0].answer == "Accepted."
    assert take_proposals(intake, INBOX) == []


def test_what_is_not_accepted_is_answered_with_every_reason(hub, intake, tmp_path, monkeypatch):
    def change(row):
        row["claim"]["coverage"], row["claim"]["n_failed"] = 0.1, 7

    bad = write_entry(tmp_path / "bad", change=change)
    propose(hub, monkeypatch, bad, "bob")
    many = {f"incoming/{n}/entry.json": b"{}" for n in "ab"}
    huge = {"incoming/a/entry.json": b"[" * 300_000, "incoming/a/boxes.parquet": b""}
    for files in ({"incoming/x/evil.sh": b"rm"}, many, huge):
        hub.repos[INBOX].proposals.append(Proposal("eve", files))
    assert [done.receipt.is_accepted for done in take_proposals(intake, INBOX)] == [False] * 4
    answers = [proposal.answer for proposal in hub.repos[INBOX].proposals]
    assert answers[0].splitlines() == [
        "Not accepted:",
        "- `n_failed is claimed to be 7, the boxes give 0`",
        "- `coverage is claimed to be 0.1, the boxes give 1.0`",
    ]
    assert "brings 0 entries" in answers[1]
    assert "brings 2 entries" in answers[2]
    assert "larger than the 262,144 bytes" in answers[3]
    assert Board(intake.results).view().entries == ()


def test_an_answer_that_was_lost_is_given_again(hub, intake, tmp_path, monkeypatch):
    propose(hub, monkeypatch, write_entry(tmp_path / "good"), "ann")
    hub.faults = [(f"POST /api/datasets/{INBOX}/discussions", "503")] * 8
    with pytest.raises(DownloadError, match="gave up"):
        take_proposals(intake, INBOX)
    hub.faults = []
    (done,) = take_proposals(intake, INBOX)
    assert (done.receipt.is_accepted, done.receipt.is_repeated) == (True, True)


def test_who_is_not_logged_in_proposes_nothing(hub, intake, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "unknown")
    good = write_entry(tmp_path / "good")
    with pytest.raises(HubError, match="no permission"):
        propose_entry(good, "wan", BOARD)
    monkeypatch.setenv("HF_TOKEN", "secret")
    with pytest.raises(HubError, match="no such dataset"):
        propose_entry(good, "wan", "hf://datasets/lab/none")
    with pytest.raises(OptionError):
        propose_entry(good, "../wan", BOARD)


def wait_until(is_so):
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_one_that_cannot_be_read_keeps_no_other_waiting(hub, intake, tmp_path, monkeypatch):
    hub.repos[INBOX].proposals.append(Proposal("eve", {"incoming/x/entry.json": b"{}"}))
    hub.faults = [(f"GET /api/datasets/{INBOX}/tree/refs/pr/1", "404")]
    propose(hub, monkeypatch, write_entry(tmp_path / "good"), "ann")
    assert [done.receipt.is_accepted for done in take_proposals(intake, INBOX)] == [False, True]


def test_they_are_taken_in_as_they_come(hub, intake, tmp_path, monkeypatch, caplog):
    """The Hub is down at first, then a bad one comes, then a good one: the board that is served shows it."""
    board = Board(intake.results, fresh=0.0)
    propose(hub, monkeypatch, write_entry(tmp_path / "good"), "ann")
    good = hub.repos[INBOX].proposals.pop()
    hub.faults = [(f"GET /api/datasets/{INBOX}", "503")] * 10
    with taking_proposals(intake, every=0.05):
        wait_until(lambda: len(hub.faults) < 2)
        hub.repos[INBOX].proposals.append(Proposal("eve", {"incoming/x/evil.sh": b"rm"}))
        assert board.view().entries == ()
        hub.repos[INBOX].proposals.append(good)
        wait_until(lambda: all(proposal.answer for proposal in hub.repos[INBOX].proposals))
        assert [(p.name, p.record.account) for p in board.view().entries] == [("wan", "ann")]
    assert len(caplog.messages) == 1
    assert "pull requests are not taken in" in caplog.messages[0]
    asked = len(hub.requests)
    time.sleep(0.2)
    assert len(hub.requests) == asked


def test_a_token_that_may_not_write_is_told_once(hub, intake, monkeypatch, caplog):
    hub.tokens["reader"] = {"reader"}
    monkeypatch.setenv("HF_TOKEN", "reader")
    with taking_proposals(intake, every=0.01):
        wait_until(lambda: hub.requests.count(f"GET /api/datasets/{INBOX}/auth-check/write") > 2)
    (said,) = caplog.messages
    assert said.startswith("pull requests are not taken in: hf://datasets/lab/board-submissions: no permission")


def test_nothing_is_watched_for_a_folder_or_a_closed_board(tmp_path):
    before = threading.active_count()
    for closed in (None, Intake(*open_stores(tmp_path / "board"))):
        with taking_proposals(closed):
            assert threading.active_count() == before


COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the tests without it
from dsrbench.cli import main
main()
"""


@pytest.mark.slow
def test_the_command_takes_them_in(hub, intake, tmp_path, monkeypatch):
    propose(hub, monkeypatch, write_entry(tmp_path / "good"), "ann")
    given = {**os.environ, **hub.environment(HF_TOKEN="secret"), "HF_HOME": str(tmp_path / "cache")}
    child = subprocess.Popen([sys.executable, "-X", "faulthandler", "-c", COMMAND, "leaderboard", BOARD], env=given)
    try:
        wait_until(lambda: hub.repos[INBOX].proposals[0].answer == "Accepted.")
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=120) == 0
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGABRT)  # the handler of faults prints where every thread is
        child.wait(timeout=10)
        raise
    finally:
        child.kill()
        child.wait()
