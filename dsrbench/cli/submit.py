"""`dsrbench submit`: a finished run as an entry of a leaderboard."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsrbench.cli.rescore import show_checked

if TYPE_CHECKING:
    from dsrbench.submission import CheckedEntry, Entry

UNITS = {"": 1, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


@click.command("submit", short_help="Pack a run as an entry of a leaderboard; check it, submit it.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Name of the entry: letters, digits and . _ -")
@click.option("--model-id", required=True, metavar="ID", help="The model: OWNER/NAME on the Hub, or a name.")
@click.option("--revision", default="", help="Commit or version of the model.")
@click.option("--parameters", metavar="N", help="Weights the model has, such as 1.3B or 350M.")
@click.option("--license", "licence", default="", help="License of the model's weights, such as apache-2.0.")
@click.option("--closed", is_flag=True, help="The weights cannot be had.")
@click.option("--url", default="", help="Where to read more of the model; https.")
@click.option("--base", default="", metavar="ENTRY", help="The entry this model was aligned from; shown as a pair.")
@click.option("--notes", default="", help="For readers; at most 500 characters.")
@click.option("--model", metavar="NAME", help="Which model of RUN, where it has several.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Where to pack. [default: RUN/submission/NAME]"
)
@click.option("--to", metavar="BOARD", help="Submit it: the folder of a board, or hf://datasets/OWNER/NAME.")
@click.option("--account", default="local", show_default=True, help="Who submits, to a board in a folder.")
@click.option("--check-only", is_flag=True, help="Say whether it would be accepted, and write nothing.")
@click.option(
    "--to-model-card",
    "card",
    metavar="FILE_OR_REPO",
    help="Also write the figures into a model card: README.md, or a pull request to OWNER/NAME on the Hub.",
)
def command(
    run: Path,
    name: str,
    model_id: str,
    revision: str,
    parameters: str | None,
    licence: str,
    closed: bool,
    url: str,
    base: str,
    notes: str,
    model: str | None,
    out: Path | None,
    to: str | None,
    account: str,
    check_only: bool,
    card: str | None,
) -> None:
    """Pack RUN, a finished run folder, as an entry of a leaderboard, check it as the board does, and submit it.

    An entry is two files: entry.json, with what was run and its figures, and boxes.parquet, with the boxes of every
    frame, status, video hash and certainty of every sample. The board computes the figures again from the boxes; the
    certainty is taken as submitted.

    \b
    dsrbench submit runs/wan --name wan-2.1-1.3b --model-id Wan-AI/Wan2.1-T2V-1.3B --check-only
    dsrbench submit runs/aligned --name aligned --model-id me/aligned --base wan-2.1-1.3b --to my-board
    """
    from dsrbench.errors import InputError
    from dsrbench.store import Run
    from dsrbench.submission import ModelFacts, pack_entry

    if check_only and (to_write := [o for o, v in (("--out", out), ("--to-model-card", card)) if v]):
        raise click.UsageError(f"--check-only writes nothing; leave out {' and '.join(to_write)}")
    weights = None if parameters is None else read_count(parameters)
    facts = ModelFacts(model_id, revision, weights, licence, not closed, url)
    opened = Run.open(run)
    with tempfile.TemporaryDirectory(prefix="dsrbench-submit-") as temporary:
        packed, folder = Path(temporary), out or opened.folder / "submission" / name
        entry = pack_entry(opened, packed, name=name, model=facts, base=base, notes=notes, model_in_run=model)
        checked = _check(packed, entry, to)
        show_checked(checked)
        if check_only:
            click.echo("Accepted as it is; nothing was written.")
            return
        _keep(packed, folder)
    click.echo(f"Packed: {folder}")
    if to is not None:
        _submit(folder, name, to, account)
    if card is not None:
        if card.startswith("hf://"):
            raise InputError(f"expected a README.md or OWNER/NAME, got {card!r}")
        _write_card(card, checked, to)


def read_count(text: str) -> int:
    """Read a number of weights such as "1.3B".

    Raises:
        click.BadParameter: Another form.

    >>> read_count("1.3B"), read_count("350M"), read_count("12000")
    (1300000000, 350000000, 12000)
    """
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)([KMBT]?)", text.strip().upper())
    count = round(float(match[1]) * UNITS[match[2]]) if match else 0
    if count < 1:
        raise click.BadParameter(f"expected a number such as 1.3B or 350M, got {text!r}", param_hint="--parameters")
    return count


def _keep(packed: Path, folder: Path) -> None:
    """Copy an entry to where it is asked for; one that is half there has no entry.json."""
    from dsrbench.store import LocalDisk
    from dsrbench.submission import boxes, entry

    disk = LocalDisk(folder)
    disk.remove(entry.FILE)
    for name in (boxes.FILE, entry.FILE):
        with (packed / name).open("rb") as source, disk.writing(name) as target:
            shutil.copyfileobj(source, target)


def _check(folder: Path, entry: Entry, to: str | None) -> CheckedEntry:
    """Check an entry by the rules of the board it is for."""
    from dsrbench.board import Rules
    from dsrbench.board.rules import read_rules
    from dsrbench.board.storage import open_stores
    from dsrbench.submission import check_entry

    rules = Rules() if to is None else read_rules(open_stores(to)[0].look())
    checked = check_entry(folder, rules.find_suite)
    rules.check_seeds(entry.suite.name, entry.seeds)
    return checked


def _submit(folder: Path, name: str, to: str, account: str) -> None:
    from dsrbench.board import Intake
    from dsrbench.board.proposals import propose_entry
    from dsrbench.board.storage import open_stores
    from dsrbench.hub import is_hub_path
    from dsrbench.submission import SubmissionError

    if is_hub_path(to):
        click.echo(f"Submitted: {propose_entry(folder, name, to)}")
        return
    receipt = Intake(*open_stores(to)).submit(folder, account)
    if not receipt.is_accepted:
        raise SubmissionError(*receipt.problems)
    click.echo(f"{'Was there already' if receipt.is_repeated else 'Accepted'}: {name} on the board in {to}")


def _write_card(card: str, checked: CheckedEntry, to: str | None) -> None:
    from dsrbench.hub import HubPath, is_hub_path
    from dsrbench.hub.commits import fetch_text, propose_files
    from dsrbench.store import LocalDisk
    from dsrbench.submission.modelcard import add_to_card

    path = Path(card)
    path = path / "README.md" if path.is_dir() else path
    is_file = path.suffix.lower() == ".md"
    if is_file and path.exists():
        text = path.read_text(encoding="utf-8")
    else:
        text = "" if is_file else fetch_text(card, "README.md", kind="model")
    dataset = HubPath.parse(to).id if to is not None and is_hub_path(to) else ""
    files = add_to_card(text, checked.entry, checked.summary, dataset=dataset)
    named = {path.name if is_file else "README.md": files.card}
    if files.results:
        named[f".eval_results/dsrbench-{checked.entry.suite.name}.yaml"] = files.results
    if is_file:
        for name, content in named.items():
            LocalDisk(path.parent).write_atomic(name, content.encode())
        click.echo(f"Model card: {path}")
        return
    changes = {name: content.encode() for name, content in named.items()}
    address = propose_files(card, changes, message=f"dsrbench: {checked.entry.suite.name}", kind="model")
    click.echo(f"Model card: {address}")
