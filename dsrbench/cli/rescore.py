"""`dsrbench rescore`: the figures of an entry, computed again from its boxes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dsrbench.submission import CheckedEntry


@click.command("rescore", short_help="Compute the figures of a leaderboard's entry again from its boxes.")
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Check the entry in FOLDER as a board does, and compute its figures again: entry.json and boxes.parquet.

    Every entry of a board can be fetched: under Samples, or from the dataset of its results. It ends with an error
    where a score or a figure is not the one that the boxes give.

    \b
    dsrbench rescore downloads/wan-2.1-1.3b
    """
    from dsrbench.board.rules import find_version
    from dsrbench.errors import InputError
    from dsrbench.submission import check_entry

    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder with an entry's two files, entry.json and boxes.parquet")
    show_checked(check_entry(folder, find_version))


def show_checked(checked: CheckedEntry) -> None:
    """Print a line on an entry whose arithmetic holds, and a note for every video that several seeds have."""
    from dsrbench.submission import find_repeated_videos

    figures = checked.summary
    share = figures.headline.value
    click.echo(
        f"{checked.entry.name}: {figures.n_samples} samples of {checked.entry.suite.name}, Accuracy@0.7 "
        f"{share:.1%}, coverage {figures.coverage:.1%}; computed again from the boxes, as claimed"
    )
    for line in find_repeated_videos(checked.samples):
        click.echo(f"note: {line}", err=True)
