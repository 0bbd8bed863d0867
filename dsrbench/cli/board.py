"""`dsrbench board`: the maintainers' commands of a leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsrbench.errors import StoreError

if TYPE_CHECKING:
    from dsrbench.board import Intake

ACCOUNT = click.option("--account", default="local", show_default=True, help="Account of the maintainer.")


@click.group("board", short_help="Check a leaderboard; raise or withdraw its entries.")
def command() -> None:
    """Check a leaderboard, raise an entry to the tier re-detected, or withdraw one.

    BOARD is a folder, or hf://datasets/OWNER/NAME. Its board.json names the maintainers; an entry may also be withdrawn
    by the account that submitted it.

    \b
    dsrbench board check lab-board
    dsrbench board redetect lab-board wan-2.1-1.3b runs/wan-again --account keeper
    dsrbench board withdraw lab-board wan-2.1-1.3b --account keeper
    """


@command.command("check")
@click.argument("board")
def check(board: str) -> None:
    """Check that every entry can be read, and that no line of the audit trail was changed or taken out.

    \b
    dsrbench board check lab-board
    """
    from dsrbench.board import Board
    from dsrbench.board.audit import check_trail, read_events

    intake = _open(board)
    view, submissions = Board(intake.results).view(), intake.submissions.look()
    problems = [*view.damaged, *check_trail(submissions)]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise StoreError(f"{intake.results.shown}: {len(problems)} problems; put the files back from its history")
    n_events = len(read_events(submissions))
    click.echo(f"{len(view.entries)} entries, {len(view.withdrawn)} withdrawn, {n_events} events: all whole")


@command.command("redetect")
@click.argument("board")
@click.argument("entry")
@click.argument("run", type=click.Path(path_type=Path))
@ACCOUNT
def redetect(board: str, entry: str, run: Path, account: str) -> None:
    """Raise ENTRY to the tier re-detected by RUN, a finished run that a maintainer made over the same videos.

    \b
    dsrbench board redetect lab-board wan-2.1-1.3b runs/wan-again --account keeper
    """
    from dsrbench.store import Run

    agreement = _open(board).redetect(entry, Run.open(run), account)
    click.echo(f"{entry}: re-detected; {agreement:.1%} of the samples pass or fail alike")


@command.command("withdraw")
@click.argument("board")
@click.argument("entry")
@ACCOUNT
def withdraw(board: str, entry: str, account: str) -> None:
    """Take ENTRY off the board for good; its name stays taken.

    \b
    dsrbench board withdraw lab-board wan-2.1-1.3b --account keeper
    """
    _open(board).withdraw(entry, account)
    click.echo(f"{entry}: withdrawn")


def _open(board: str) -> Intake:
    """Open the board at a place.

    Raises:
        StoreError: The folder is no board.
    """
    from dsrbench.board import Intake, open_stores
    from dsrbench.hub import is_hub_path

    if not is_hub_path(board) and not (Path(board) / "results").is_dir():
        raise StoreError(f"{board} is no board: it has no folder results; dsrbench leaderboard {board} makes one")
    return Intake(*open_stores(board))
