"""The board tab: a table for each set of comparable entries, one for published figures, and both as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

from dsrbench.board.app.columns import (
    ALWAYS,
    COLUMNS,
    DEFAULTS,
    Column,
    Value,
    accuracy_of,
    choose_columns,
    read_columns,
)
from dsrbench.board.app.filters import EVERY, Filters, Values, list_choices, select
from dsrbench.board.app.fragments import wide_table
from dsrbench.board.app.layout import Updates, ViewPage, update_menu
from dsrbench.board.app.site import Site
from dsrbench.board.entries import View
from dsrbench.board.records import PUBLISHED, TIERS, describe_entry
from dsrbench.board.ties import Placed
from dsrbench.records import to_json

LABELS = {
    "suite": "Suite",
    "size": "Weights",
    "access": "Open or closed",
    "licence": "Licence",
    "tier": "Tier",
    "protocol": "Protocol",
}
"""Titles of the menus by the filters they set, in the order of the page."""

MULTISELECT = ("licence", "tier", "protocol")
"""Filters that accept several values."""

CSV, JSON = "board.csv", "board.json"
"""Addresses of the entries shown, as files."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a cell that a spreadsheet takes for a formula."""

LEGEND = (
    "Accuracy@0.7 is the share of all videos whose DSR-Score is 0.7 or more; videos without a score count as failures, "
    "and coverage is the share that has one. Entries of one tie group cannot be told apart from the best of it "
    "(paired sign-flip test over prompts, p &lt; 0.05). Bars are 95 % intervals. "
    "L, R, T, U: left of, right of, on top of, under; LR: from left to right."
)


class BoardPage(ViewPage):
    """Tab with all entries, filtered, and the columns that the reader chooses."""

    id = "board"
    title = "Board"

    def _build(self) -> None:
        import gradio as gr

        with gr.Row(elem_classes="filters"):
            self.controls["text"] = gr.Textbox(label="Search", placeholder="name or model", max_lines=1, min_width=160)
            for name, label in LABELS.items():
                several = name in MULTISELECT
                self.controls[name] = gr.Dropdown(
                    [] if several else [EVERY],
                    value=[] if several else EVERY,
                    label=label,
                    multiselect=several,
                    min_width=140,
                )
        with gr.Accordion("Columns", open=False, elem_id="columns"):
            self.controls["columns"] = gr.Dropdown(
                [(column.title, id) for id, column in COLUMNS.items() if id not in ALWAYS],
                value=[id for id in DEFAULTS if id not in ALWAYS],
                multiselect=True,
                show_label=False,
                label="Columns shown",
                container=False,
            )
        super()._build()

    def show(self, values: Values) -> Updates:
        """Return the updates of the filters and of the menu of columns."""
        choices = list_choices(self.site.board.view().entries)
        filters, updates = Filters.read(values), Updates()
        for name in LABELS:
            value = getattr(filters, name)
            if name in MULTISELECT:
                updates[self.controls[name]] = update_menu(list(dict.fromkeys([*choices[name], *value])), list(value))
            else:
                options = [option for option in dict.fromkeys([*choices[name], value]) if option]
                updates[self.controls[name]] = update_menu([EVERY, *options], value or EVERY)
        updates[self.controls["text"]] = filters.text
        updates[self.controls["columns"]] = [id for id in read_columns(values) if id not in ALWAYS]
        return updates

    @staticmethod
    def render(site: Site, view: View, values: Values) -> str:
        """Return the tables of the entries that fit, and links to them as files."""
        filters, columns = Filters.read(values), read_columns(values)
        query = {**filters.link(), **({"columns": ",".join(columns)} if columns != list(DEFAULTS) else {})}
        address = f"?{urlencode(query)}" if query else ""

        def draw() -> str:
            links = " · ".join(f'<a href="{escape(file + address)}" download>{file}</a>' for file in (CSV, JSON))
            tables = board_html(select(view.entries, filters), columns, total=len(view.entries))
            return f'{tables}<p class="dsr">What is shown as a file: {links}</p>'

        return view.cached(f"board{address}", draw)


def board_html(entries: Sequence[Placed], column_ids: Sequence[str], *, total: int) -> str:
    """Return the tables of some entries.

    Args:
        entries: Entries to show, in the order of the board.
        column_ids: Ids of the columns to show.
        total: Number of entries of the whole board.
    """
    noun = "entry" if total == 1 else "entries"
    parts = [f'<p role="status" class="quiet">{len(entries)} of {total} {noun}</p>']
    for members in split_sets(entries):
        parts.append(table_html(members, choose_columns(column_ids, members), describe_set(members[0])))
    if not entries:
        parts.append("<p>No entry fits. Take a filter away, or be the first to submit one.</p>")
    return f'<div class="dsr board">{"".join(parts)}<p class="quiet">{LEGEND}</p></div>'


def split_sets(entries: Sequence[Placed]) -> list[list[Placed]]:
    """Return sets of entries that may be compared with each other, in order of appearance; published ones apart."""
    sets: dict[tuple[str, bool], list[Placed]] = {}
    for placed in entries:
        sets.setdefault((placed.key, placed.record.tier == PUBLISHED), []).append(placed)
    return list(sets.values())


def describe_set(placed: Placed) -> str:
    """Return the caption of a set: what its entries have in common, given one of them."""
    if placed.record.tier == PUBLISHED:
        return f"{TIERS[PUBLISHED].capitalize()}: never ranked with the others"
    if not placed.key:
        return "Figures without boxes: as submitted, not ranked"
    entry = placed.record.entry
    n_seeds, name = len(entry.seeds), f"{entry.suite.name} {entry.suite.version}".strip()
    counts = "counts scaled to the clip" if entry.counts is None else "fixed counts"
    backends = f"{entry.detector.name} with {entry.tracker.name}"
    backends += f" and {entry.depth.name}" if entry.depth is not None else ""
    mixed = "; claims of several kinds, not ranked" if placed.record.is_mixed else ""
    return f"{name}, {n_seeds} seed{'s' if n_seeds != 1 else ''} a prompt, {backends}, {counts}{mixed}"


def table_html(entries: Sequence[Placed], columns: Sequence[Column], caption: str) -> str:
    """Return one table, with a line between rows of different tie groups."""
    ranked = any(placed.tie is not None for placed in entries)
    columns = [column for column in columns if ranked or column.id != "tie"]
    head = "".join(f'<th scope="col"{_class(c)}>{escape(c.title)}{_STATED * c.is_stated}</th>' for c in columns)
    rows, before = [], None
    for placed in entries:
        kind = ' class="next"' if before is not None and placed.tie != before else ""
        before = placed.tie
        rows.append(f"<tr{kind}>{''.join(_cell(placed, column) for column in columns)}</tr>")
    return wide_table(head, rows, caption=caption, label=caption)


_STATED = ' <small title="As the submitter states it; not checked">(stated)</small>'


def _cell(placed: Placed, column: Column) -> str:
    tag = 'th scope="row"' if column.id == "entry" else "td"
    return f"<{tag}{_class(column)}>{column.show(placed)}</{tag[:2]}>"


def _class(column: Column) -> str:
    return ' class="n"' if column.is_number else ""


def board_csv(entries: Sequence[Placed], column_ids: Sequence[str]) -> str:
    """Return the entries as CSV, a row an entry; Accuracy@0.7 with the ends of its interval in two more columns."""
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
    """Return all that the board keeps of the entries as JSON, without the samples that pass."""
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
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers.

    >>> defuse("=1+1"), defuse("a=1"), defuse(-0.5), defuse(None)
    ("'=1+1", 'a=1', -0.5, '')
    """
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA) else value
