"""Submissions by pull request: whoever has an account on the Hub opens one, and the board takes it in.

The Hub itself says whose a pull request is, so that this way needs no page to log in to.
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

EVERY, LONGEST = 60.0, 1800.0
"""Seconds between two looks at what is open, and while the Hub refuses or does not answer."""

LAST_WAIT = 5.0
"""Seconds that what is at work has at the end."""

FILES = (entry_file.FILE, boxes_file.FILE)

GONE = "deleted"
"""What the Hub's client calls an account that is no more."""

INCOMING = re.compile(r"incoming/([A-Za-z0-9][A-Za-z0-9._-]{0,95})/(entry\.json|boxes\.parquet)", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Answered:
    """A pull request that was taken in.

    Attributes:
        number: Number of the pull request.
        account: Whose it is.
        receipt: What became of it.
    """

    number: int
    account: str
    receipt: Receipt


def propose_entry(folder: Path, name: str, board: str) -> str:
    """Open a pull request with an entry at a board on the Hub.

    Args:
        folder: Folder of the entry.
        name: Name of the entry.
        board: `hf://datasets/OWNER/NAME` of its results.

    Returns:
        The address of the pull request, to the dataset of submissions.

    Raises:
        HubError: No such dataset, or not logged in.
        DownloadError: No network.
    """
    entry_file.check_name(name)
    changes = {f"incoming/{name}/{file}": folder / file for file in FILES}
    return propose_files(f"{HubPath.parse(board).id}-submissions", changes, message=f"Entry {name}")


def take_proposals(intake: Intake, id: str) -> list[Answered]:
    """Take in every open pull request of a dataset of submissions, and close it with the outcome; none is merged.

    Args:
        intake: Intake of the board.
        id: OWNER/NAME of the dataset.

    Raises:
        DSRBenchError: The Hub, or a store, is down; what is open stays so, and asking again is safe.
    """
    done = []
    for number, account in list_proposals(id):
        with tempfile.TemporaryDirectory(prefix="dsrbench-proposal-") as folder:
            receipt = _take(intake, id, number, account, Path(folder))
        said = "Accepted." if receipt.is_accepted else "\n".join(["Not accepted:", *map(_item, receipt.problems)])
        answer_proposal(id, number, said)
        done.append(Answered(number, account, receipt))
    return done


def watch_proposals(intake: Intake, id: str, stop: threading.Event, *, every: float = EVERY) -> None:
    """Take in pull requests as they come, until told to stop; where that fails it is logged, and tried again later.

    Args:
        intake: Intake of the board.
        id: OWNER/NAME of the dataset of submissions.
        stop: Set to end, after what is at work.
        every: Seconds between two looks; twice as many after every failure, up to `LONGEST`.
    """
    wait, said = every, ""
    while not stop.is_set():
        try:
            check_may_write(id)
            take_proposals(intake, id)
            wait, problem = every, ""
        except Exception as error:  # the board is served on, whatever a pull request brings
            wait, problem = min(2 * wait, LONGEST), first_line(error)
        if problem not in ("", said):
            LOG.warning("pull requests are not taken in: %s", problem)
        said = problem
        stop.wait(wait)


@contextlib.contextmanager
def taking_proposals(intake: Intake | None, *, every: float = EVERY) -> Iterator[None]:
    """While it lasts, pull requests to a board on the Hub are taken in, by a thread; to one in a folder come none.

    Args:
        intake: Intake of the board; None where it takes no submissions.
        every: As for `watch_proposals`.
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
        watch.join(timeout=LAST_WAIT)


def _take(intake: Intake, id: str, number: int, account: str, folder: Path) -> Receipt:
    try:
        if account == GONE:
            raise InputError("the account that opened this is no more")
        fetch_proposed(id, number, INCOMING, folder, most_bytes=boxes_file.MOST_BYTES)
    except (InputError, HubError) as error:  # one that cannot be read must not keep the others waiting
        return Receipt("", "", (str(error),))
    try:
        return intake.submit(folder, account)
    except InputError as error:
        return Receipt("", "", (str(error),))


def _item(problem: str) -> str:
    """A line of a list; what it quotes stands as it is, and is no markup."""
    return f"- `{problem.replace('`', chr(39))}`"
