"""A small board of entries that were never detected, and a figure nobody can score again."""

from __future__ import annotations

import dataclasses
import math

from factories.entries import failed, make_rows, write_entry

from dsrbench.analysis import Summary
from dsrbench.analysis.statistics import Interval
from dsrbench.analysis.summary import GroupFigures
from dsrbench.board import PUBLISHED, Intake, Record, open_stores
from dsrbench.store import BackendRecord
from dsrbench.submission import Entry, ModelFacts

DETECTOR = BackendRecord("picodet", "1")

ENTRIES = {
    "base": (1, 0.3, {}),
    "aligned": (2, 0.9, {"base": "base"}),
    "near": (3, 0.3, {}),
    "elsewhere": (4, 0.5, {"detector": DETECTOR, "protocol": "fast", "stride": 4}),
}
"""Luck, share of samples that pass, and facts of every entry there can be."""

FAILED = 3
"""Index of the one sample of every entry that failed."""

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'{{constructor}}${alert(3)}"
"""Text that would run if it were not escaped."""


def make_board(folder, *names, text=""):
    """A base, its aligned model and the entries named, by account `lab`, and the published figure `paper`.

    Args:
        folder: Of the board.
        names: Keys of `ENTRIES`.
        text: Stands in every text of the published figure; maintainers may write anything.

    Returns:
        Its intake.
    """
    intake = Intake(*open_stores(folder))
    for name in ("base", "aligned", *names):
        luck, share, entry = ENTRIES[name]
        rows = make_rows(share=share, luck=luck)
        rows[FAILED] = failed(rows[FAILED])
        given = write_entry(folder / "given" / name, name=name, rows=rows, entry=entry)
        assert intake.submit(given, "lab").is_accepted
    model = ModelFacts(text, text, None, text, False, text)
    entry = Entry(text or "paper", model, notes=text, protocol=f"={text}" if text else "")
    figures = Summary(accuracy={"0.7": Interval(0.307, math.nan, math.nan)})
    row = Record("paper", "", PUBLISHED, "", "2026-02-26T00:00:00Z", entry, figures)
    if text:
        unknown = GroupFigures(0, math.nan, Interval(math.nan, math.nan, math.nan), math.nan)
        figures = dataclasses.replace(figures, by_relation={text: unknown})
        row = dataclasses.replace(row, account=f"=1+1{text}", submitted=text, figures=figures)
    intake.results.change(lambda _: {"entries/paper/summary.json": row.to_json()}, message="published")
    return intake
