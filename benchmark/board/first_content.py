"""The board's first entries: the embedded model base and aligned, and the paper's two published figures.

Run: python benchmark/board/first_content.py BOARD [--entry NAME RUN]... [--account NAME]

NAME is one of sprites, sprites-aligned, sprites-nft, sprites-depth, sprites-depth-aligned; RUN is a finished run, as
`dsrbench align` leaves it (`base` and `round-1/aligned` of its folder). An entry that was aligned is submitted after
its base. A second call adds nothing. The published figures are of the tier "published", which is never ranked.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path

from dsrbench.analysis import Summary
from dsrbench.analysis.statistics import Interval
from dsrbench.board import PUBLISHED, Intake, Receipt, Record, Snapshot, Storage, open_stores
from dsrbench.errors import DSRBenchError
from dsrbench.store import Run, SuiteRecord
from dsrbench.submission import Entry, ModelFacts, SubmissionError, pack_entry

SOURCE = "https://arxiv.org/abs/2602.22745"
"""Address of the published figures."""

EMBEDDED = {
    "sprites": ("", "the model that comes with dsrbench"),
    "sprites-aligned": ("sprites", "the same after dsrbench align"),
    "sprites-nft": ("sprites", "the same after three rounds of dsrbench align -s objective=nft"),
    "sprites-depth": ("", "the model that comes with dsrbench for in front of and behind"),
    "sprites-depth-aligned": ("sprites-depth", "the same after dsrbench align"),
}
"""Base and note of each entry, by name; a base stands before what was aligned from it."""

PAPER = {
    "paper-wan-2.1-t2v-1.3b": ("Wan-AI/Wan2.1-T2V-1.3B", 0.307, "as published, before fine-tuning"),
    "paper-wan-2.1-t2v-1.3b-aligned": ("SpatialAlign", 0.675, "as published, after the paper's fine-tuning"),
}
"""Model, Accuracy@0.7 and note of the published figures, by the name of the entry."""


def main() -> None:
    """Write the published figures, and submit the runs named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("board", help="folder of the board, or hf://datasets/OWNER/NAME")
    parser.add_argument("--entry", nargs=2, action="append", default=[], metavar=("NAME", "RUN"), help="an entry")
    parser.add_argument("--account", default="dsrbench")
    arguments = parser.parse_args()
    runs = {name: Path(run) for name, run in arguments.entry}
    if unknown := runs.keys() - EMBEDDED:
        parser.error(f"no entry {', '.join(sorted(unknown))}; the entries are {', '.join(EMBEDDED)}")
    try:
        results, submissions = open_stores(arguments.board)
        publish_figures(results)
        for name in EMBEDDED:
            if name in runs:
                receipt = submit_run(Intake(results, submissions), runs[name], name, arguments.account)
                print(f"{name}: {'was there already' if receipt.is_repeated else 'accepted'}")
    except DSRBenchError as error:
        sys.exit(f"{error}")


def submit_run(intake: Intake, run: Path, name: str, account: str) -> Receipt:
    """Pack a run of the embedded model and submit it like any other.

    Raises:
        SubmissionError: The entry is not accepted.
    """
    base, notes = EMBEDDED[name]
    model = ModelFacts(name, license="apache-2.0")
    with tempfile.TemporaryDirectory() as folder:
        pack_entry(Run.open(run), Path(folder), name=name, model=model, base=base, notes=notes)
        receipt = intake.submit(Path(folder), account)
    if not receipt.is_accepted:
        raise SubmissionError(*receipt.problems)
    return receipt


def publish_figures(results: Storage) -> None:
    """Write the paper's figures to a board that has not got them."""
    files = {}
    for name, (model, accuracy, note) in PAPER.items():
        facts = ModelFacts(model, parameters=1_300_000_000, url=SOURCE)
        entry = Entry(name, facts, SuiteRecord("the paper's prompts"), protocol="spatialalign", notes=note)
        figures = Summary(accuracy={"0.7": Interval(accuracy, math.nan, math.nan)})
        record = Record(name, "", PUBLISHED, "", "", entry, figures, source=SOURCE)
        files[f"entries/{name}/summary.json"] = record.to_json()

    def edit(snapshot: Snapshot) -> dict[str, bytes]:
        return {file: data for file, data in files.items() if not snapshot.exists(file)}

    results.change(edit, message="paper")


if __name__ == "__main__":
    main()
