"""Submissions by pull request: whoever has an account on the Hub opens one, and the board takes it in.

The Hub itself says whose a pull request is, so that this way needs no page to log in to.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tempfile
import threading
from pathlib import Path

from dsrbench.board.intake import Intake, Receipt
from dsrbench.errors import DSRBenchError, InputError
from dsrbench.hub import HubPath
from dsrbench.hub.commits import propose_files
from dsrbench.hub.proposals import answer_proposal, fetch_proposed, list_proposals
from dsrbench.submission import SubmissionError
from dsrbench.submission import boxes as boxes_file
from dsrbench.submission import entry as entry_file

FILES = (entry_file.FILE, boxes_file.FILE)

GONE = "deleted"
"""What the Hub's client calls an account that is no more."""

INCOMING = re.compile(r"incoming/([A-Za-z0-9][A-Za-z0-9._-]{0,95})/(entry\.json|boxes\.parquet)", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Answered:
    """A pull request that was taken in.

    Attributes:
        number: Of the pull request.
        account: Whose it is.
        receipt: What became of it.
    """

    number: int
    account: str
    receipt: Receipt


def propose_entry(folder: Path, name: str, board: str) -> str:
    """Open a pull request with an entry at a board on the Hub.

    Args:
        folder: Of the entry.
        name: Of the entry.
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
        intake: Of the board.
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


def watch_proposals(intake: Intake, id: str, stop: threading.Event, *, every: float = 60.0) -> None:
    """Take in pull requests as they come, until told to stop; while the Hub is down they wait.

    Args:
        intake: Of the board.
        id: OWNER/NAME of the dataset of submissions.
        stop: Set to end, within `every` seconds and what is at work.
        every: Seconds between two looks.
    """
    while not stop.is_set():
        with contextlib.suppress(DSRBenchError):
            take_proposals(intake, id)
        stop.wait(every)


def _take(intake: Intake, id: str, number: int, account: str, folder: Path) -> Receipt:
    try:
        if account == GONE:
            raise InputError("the account that opened this is no more")
        fetch_proposed(id, number, INCOMING, folder, most_bytes=boxes_file.MOST_BYTES)
        return intake.submit(folder, account)
    except SubmissionError as error:
        return Receipt("", "", error.problems)
    except InputError as error:
        return Receipt("", "", (str(error),))


def _item(problem: str) -> str:
    """A line of a list; what it quotes stands as it is, and is no markup."""
    return f"- `{problem.replace('`', chr(39))}`"
