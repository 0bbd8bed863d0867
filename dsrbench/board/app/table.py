"""The board as tables: one for each set of entries that may be compared, and one for published figures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dsrbench.board.app.columns import Column, choose_columns
from dsrbench.board.records import PUBLISHED, TIERS
from dsrbench.board.ties import Placed

LEGEND = (
    "Accuracy@0.7 is the share of all videos whose DSR-Score is 0.7 or more; videos without a score count as failures, "
    "and coverage is the share that has one. Entries of one tie group cannot be told apart from the best of it "
    "(paired sign-flip test over prompts, p &lt; 0.05). Bars are 95 % intervals. "
    "L, R, T, U: left of, right of, on top of, under; LR: from left to right."
)


def board_html(entries: Sequence[Placed], column_ids: Sequence[str], *, total: int) -> str:
    """The tables of some entries.

    Args:
        entries: Those to show, in the order of the board.
        column_ids: Columns chosen.
        total: Entries of the whole board.
    """
    shown = "entry" if total == 1 else "entries"
    parts = [f'<p role="status" class="quiet">{len(entries)} of {total} {shown}</p>']
    for members in split_sets(entries):
        parts.append(table_html(members, choose_columns(column_ids, members), describe_set(members[0])))
    if not entries:
        parts.append("<p>No entry fits. Take a filter away, or be the first to submit one.</p>")
    return f'<div class="dsr board">{"".join(parts)}<p class="quiet">{LEGEND}</p></div>'


def split_sets(entries: Sequence[Placed]) -> list[list[Placed]]:
    """Entries that may be compared with each other, published ones apart, in order of appearance."""
    sets: dict[tuple[str, bool], list[Placed]] = {}
    for placed in entries:
        sets.setdefault((placed.key, placed.record.tier == PUBLISHED), []).append(placed)
    return list(sets.values())


def describe_set(placed: Placed) -> str:
    """What the entries of a set have in common, in words."""
    if placed.record.tier == PUBLISHED:
        return f"{TIERS[PUBLISHED].capitalize()}: never ranked with the others"
    if not placed.key:
        return "Figures without boxes: as submitted, not ranked"
    entry = placed.record.entry
    n_seeds, name = len(entry.seeds), f"{entry.suite.name} {entry.suite.version}".strip()
    counts = "counts scaled to the clip" if entry.counts is None else "fixed counts"
    return (
        f"{name}, {n_seeds} seed{'s' if n_seeds != 1 else ''} a prompt, {entry.detector.name} with "
        f"{entry.tracker.name}, {counts}"
    )


def table_html(entries: Sequence[Placed], columns: Sequence[Column], caption: str) -> str:
    """One table; rows of unlike tie groups are set apart by a line."""
    ranked = any(placed.tie is not None for placed in entries)
    columns = [column for column in columns if ranked or column.id != "tie"]
    head = "".join(f'<th scope="col"{_class(c)}>{escape(c.title)}{_STATED * c.is_stated}</th>' for c in columns)
    rows, before = [], None
    for placed in entries:
        kind = ' class="next"' if before is not None and placed.tie != before else ""
        before = placed.tie
        rows.append(f"<tr{kind}>{''.join(_cell(placed, column) for column in columns)}</tr>")
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


_STATED = ' <small title="As the submitter states it; not checked">(stated)</small>'


def _cell(placed: Placed, column: Column) -> str:
    tag = 'th scope="row"' if column.id == "entry" else "td"
    return f"<{tag}{_class(column)}>{column.show(placed)}</{tag[:2]}>"


def _class(column: Column) -> str:
    return ' class="n"' if column.is_number else ""
