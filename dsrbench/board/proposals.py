"""Submissions by pull request to the dataset of submissions on the Hub.

The Hub knows the account of a pull request, so that this way needs no login at the board.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import re
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from dsrbench.board.intake import Intake, Receipt
from dsrbench.board.storage import HubStorage
from dsrbench.errors import HubError, InputError, first_line
from dsrbench.hub import HubPath
from dsrbench.hub.commits import propose_files
from dsrbench.hub.proposals import answer_proposal, check_may_write, fetch_proposed, list_proposals
from dsrbench.submission import boxes as boxes_file
from dsrbench.submission import entry as entry_file

LOG = logging.getLogger(__name__)

INTERVAL = 60.0
"""Time between two lists of open pull requests, in seconds."""

MAX_INTERVAL = 1800.0
"""Maximum of that time after failures, in seconds."""

MAX_SHUTDOWN = 5.0
"""Maximum time to wait for a submission in progress at the end, in seconds."""

FILES = (entry_file.FILE, boxes_file.FILE)
"""Names of the files of an entry."""

DELETED = "deleted"
"""Name that the Hub's client gives an account that was deleted."""

INCOMING = re.compile(r"incoming/([A-Za-z0-9][A-Za-z0-9._-]{0,95})/(entry\.json|boxes\.parquet)", re.ASCII)
"""Pattern of the files that a pull request may add."""


@dataclasses.dataclass(frozen=True)
class Answered:
    """A pull request that was answered and closed.

    Attributes:
        number: Number of the pull request.
        account: Account that opened it.
        receipt: Outcome of the submission.
    """

    number: int
    account: str
    receipt: Receipt


def propose_entry(folder: Path, name: str, board: str) -> str:
    """Open a pull request that adds an entry to a board on the Hub.

    Args:
        folder: Folder of the entry.
        name: Name of the entry.
        board: Address of the results, `hf://datasets/OWNER/NAME`.

    Returns:
        The address of the pull request, to the dataset of submissions.

    Raises:
        HubError: The dataset does not exist, or nobody is logged in.
        DownloadError: There is no network.
    """
    entry_file.check_name(name)
    changes = {f"incoming/{name}/{file}": folder / file for file in FILES}
    return propose_files(f"{HubPath.parse(board).id}-submissions", changes, message=f"Entry {name}")


def take_proposals(intake: Intake, id: str) -> list[Answered]:
    """Submit the entry of every open pull request, and close the request with the outcome; none is merged.

    Args:
        intake: Intake of the board.
        id: OWNER/NAME of the dataset of submissions.

    Raises:
        DSRBenchError: The Hub or a store is down; open requests stay open, and another try is safe.
    """
    answers = []
    for number, account in list_proposals(id):
        with tempfile.TemporaryDirectory(prefix="dsrbench-proposal-") as folder:
            receipt = _take(intake, id, number, account, Path(folder))
        text = "Accepted." if receipt.is_accepted else "\n".join(["Not accepted:", *map(_item, receipt.problems)])
        answer_proposal(id, number, text)
        answers.append(Answered(number, account, receipt))
    return answers


def watch_proposals(intake: Intake, id: str, stop: threading.Event, *, every: float = INTERVAL) -> None:
    """Answer pull requests until `stop` is set; a failure is logged, and the next try is later.

    Args:
        intake: Intake of the board.
        id: OWNER/NAME of the dataset of submissions.
        stop: Event that ends the loop after the request in progress.
        every: Time between two lists of open requests, in seconds; doubled after every failure, up to `MAX_INTERVAL`.
    """
    wait, logged = every, ""
    while not stop.is_set():
        try:
            check_may_write(id)
            take_proposals(intake, id)
            wait, problem = every, ""
        except Exception as error:  # no content of a pull request may stop the board
            wait, problem = min(2 * wait, MAX_INTERVAL), first_line(error)
        if problem not in ("", logged):
            LOG.warning("pull requests are not taken in: %s", problem)
        logged = problem
        stop.wait(wait)


@contextlib.contextmanager
def taking_proposals(intake: Intake | None, *, every: float = INTERVAL) -> Iterator[None]:
    """Answer pull requests in a thread while the context lasts; a board in a folder has none.

    Args:
        intake: Intake of the board; None where it takes no submissions.
        every: Time between two lists of open requests, in seconds.
    """
    if intake is None or not isinstance(intake.submissions, HubStorage):
        yield
        return
    stop = threading.Event()
    watching = functools.partial(watch_proposals, intake, intake.submissions.id, stop, every=every)
    watch = threading.Thread(target=watching, daemon=True)
    watch.start()
    try:
        yield
    finally:
        stop.set()
        watch.join(timeout=MAX_SHUTDOWN)


def _take(intake: Intake, id: str, number: int, account: str, folder: Path) -> Receipt:
    try:
        if account == DELETED:
            raise InputError("the account that opened this is no more")
        fetch_proposed(id, number, INCOMING, folder, most_bytes=boxes_file.MAX_BYTES)
    except (InputError, HubError) as error:  # an unreadable request must not block the others
        return Receipt("", "", (str(error),))
    try:
        return intake.submit(folder, account)
    except InputError as error:
        return Receipt("", "", (str(error),))


def _item(problem: str) -> str:
    """Return an item of a Markdown list, with the text as code, so that nothing in it is markup."""
    return f"- `{problem.replace('`', chr(39))}`"
