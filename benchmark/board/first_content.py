"""The board's first entries: the embedded model base and aligned, and the paper's two published figures.

Run: python benchmark/board/first_content.py BOARD [--base RUN --aligned RUN] [--account NAME]

RUN are finished runs of one suite with the same seeds, as `dsrbench align` leaves them (`base-run` and `aligned-run` of
its folder). A second call adds nothing. The published figures are of the tier "published", which is never ranked.
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

EMBEDDED = {"sprites": "the model that comes with dsrbench", "sprites-aligned": "the same after dsrbench align"}
"""Notes of the entries by name; the second entry was aligned from the first."""

PAPER = {
    "paper-wan-2.1-t2v-1.3b": ("Wan-AI/Wan2.1-T2V-1.3B", 0.307, "as published, before fine-tuning"),
    "paper-wan-2.1-t2v-1.3b-aligned": ("SpatialAlign", 0.675, "as published, after the paper's fine-tuning"),
}
"""Model, Accuracy@0.7 and note of the published figures, by the name of the entry."""


def main() -> None:
    """Write the published figures, and submit the runs named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("board", help="folder of the board, or hf://datasets/OWNER/NAME")
    parser.add_argument("--base", type=Path, help="run of the embedded model")
    parser.add_argument("--aligned", type=Path, help="run of the aligned one")
    parser.add_argument("--account", default="dsrbench")
    arguments = parser.parse_args()
    try:
        results, submissions = open_stores(arguments.board)
        publish_figures(results)
        base, aligned = EMBEDDED
        for name, run, before in ((base, arguments.base, ""), (aligned, arguments.aligned, base)):
            if run is not None:
                receipt = submit_run(Intake(results, submissions), run, name, before, arguments.account)
                print(f"{name}: {'was there already' if receipt.is_repeated else 'accepted'}")
    except DSRBenchError as error:
        sys.exit(f"{error}")


def submit_run(intake: Intake, run: Path, name: str, base: str, account: str) -> Receipt:
    """Pack a run of the embedded model and submit it like any other.

    Raises:
        SubmissionError: The entry is not accepted.
    """
    model = ModelFacts(name, license="apache-2.0")
    with tempfile.TemporaryDirectory() as folder:
        pack_entry(Run.open(run), Path(folder), name=name, model=model, base=base, notes=EMBEDDED[name])
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
