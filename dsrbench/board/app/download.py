"""The board as CSV and JSON, with cells that a spreadsheet would run made harmless."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from dsrbench.board.app.columns import Value, accuracy_of, choose_columns
from dsrbench.board.records import describe_entry
from dsrbench.board.ties import Placed
from dsrbench.records import to_json

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def board_csv(entries: Sequence[Placed], column_ids: Sequence[str]) -> str:
    """A row an entry, a column each column chosen; Accuracy@0.7 with the ends of its interval."""
    columns = choose_columns(column_ids, entries)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    head: list[str] = []
    for column in columns:
        head += [column.id, "accuracy_low", "accuracy_high"] if column.id == "accuracy" else [column.id]
    writer.writerow(head)
    for placed in entries:
        row: list[Value] = []
        for column in columns:
            row += accuracy_of(placed) if column.id == "accuracy" else [column.value(placed)]
        writer.writerow([defuse(value) for value in row])
    return out.getvalue()


def board_json(entries: Sequence[Placed]) -> str:
    """Everything the board knows of each entry but which samples pass, as JSON."""
    rows = [
        {
            "name": placed.name,
            "tier": placed.record.tier,
            "tie_group": placed.tie,
            "comparable": placed.key,
            "base": placed.base,
            "gain": placed.gain,
            "account": placed.record.account,
            "submitted": placed.record.submitted,
            "source": placed.record.source,
            "entry": describe_entry(placed.record.entry),
            "figures": placed.record.figures.to_json(),
        }
        for placed in entries
    ]
    return json.dumps({"schema": 1, "entries": to_json(rows)}, indent=1, allow_nan=False, ensure_ascii=False)


def defuse(value: Value) -> Value:
    """A cell no spreadsheet takes for a formula; numbers stay numbers.

    >>> defuse("=1+1"), defuse("a=1"), defuse(-0.5), defuse(None)
    ("'=1+1", 'a=1', -0.5, '')
    """
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA) else value
