"""The columns of the board: titles, values of an entry for downloads, and cells of the page."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from dsrbench.analysis.statistics import Interval
from dsrbench.board.app.filters import Values, describe_facets
from dsrbench.board.app.fragments import entry_link, link, share, tier_badge
from dsrbench.board.ties import Placed
from dsrbench.report.words import KINDS
from dsrbench.types import Kind

RELATIONS = "relations"
"""Id that stands for one column per relation type."""

KIND_COLUMNS = "kinds"
"""Id that stands for one column per kind of claim, where an entry has several."""

Value = str | float | int | None
"""A cell of a download."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the board.

    Attributes:
        id: Name in links and downloads.
        title: Title in the head of the table.
        value: Function from an entry to its cell in a download.
        show: Function from an entry to its cell in the page, as HTML.
        is_number: Whether cells are aligned to the right.
        is_stated: Whether the value is stated by the submitter and cannot be checked.
    """

    id: str
    title: str
    value: Callable[[Placed], Value]
    show: Callable[[Placed], str]
    is_number: bool = False
    is_stated: bool = False


def optional(value: float) -> float | None:
    """Return a figure; None where it is unknown.

    >>> optional(0.5), optional(math.nan)
    (0.5, None)
    """
    return None if math.isnan(value) else value


def ends(figure: Interval | None) -> tuple[float | None, float | None, float | None]:
    """Return value, low and high of a figure with an interval; None for what is unknown."""
    if figure is None:
        return None, None, None
    return optional(figure.value), optional(figure.low), optional(figure.high)


def accuracy_of(placed: Placed) -> tuple[float | None, float | None, float | None]:
    """Return Accuracy@0.7 of an entry with its interval."""
    return ends(placed.record.figures.headline)


def relation_types(entries: Sequence[Placed]) -> list[str]:
    """Return the relation types that any of the entries has figures for, short ones first."""
    types = {type for placed in entries for type in placed.record.figures.by_relation}
    return sorted(types, key=lambda type: (len(type), type))


def kinds_of_claims(entries: Sequence[Placed]) -> list[Kind]:
    """Return the kinds of claims that any of the entries has figures for, in the order of the enumeration."""
    kinds = {kind for placed in entries for kind in placed.record.figures.by_kind}
    return [kind for kind in Kind if kind.value in kinds]


def relation_value(placed: Placed, type: str) -> float | None:
    """Return Accuracy@0.7 of an entry over the samples of one relation type."""
    group = placed.record.figures.by_relation.get(type)
    return ends(group.accuracy if group is not None else None)[0]


def format_size(parameters: int | None) -> str:
    """Return a number of weights with a unit.

    >>> format_size(1_300_000_000), format_size(4_200_000), format_size(None)
    ('1.3 B', '4.2 M', '–')
    """
    if parameters is None:
        return "–"
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if parameters >= unit:
            return f"{parameters / unit:.3g} {name}"
    return str(parameters)


def _show_accuracy(placed: Placed) -> str:
    value, low, high = accuracy_of(placed)
    if value is None:
        return "–"
    if low is None or high is None:
        return f"<b>{share(value)}</b>"
    bar = f'<i style="--l:{100 * low:.1f}%;--h:{100 * high:.1f}%;--v:{100 * value:.1f}%"></i>'
    return f"<b>{share(value)}</b> <small>{share(low)}–{share(high)}</small>{bar}"


def _show_entry(placed: Placed) -> str:
    model = placed.record.entry.model
    name, id = entry_link(placed.name), escape(model.id)
    if url := placed.record.source or model.url:
        id = f'<a href="{escape(url)}" rel="noopener nofollow" target="_blank">{id or escape(url)}</a>'
    if not placed.record.boxes_sha256:
        name = escape(placed.name)
    return f"{name}<br><small>{id}</small>"


def _show_gain(placed: Placed) -> str:
    if placed.gain is None:
        pairs = ", ".join(link(name, tab="compare", a=placed.name, b=name) for name in placed.aligned)
        return f"<small>aligned: {pairs}</small>" if pairs else ""
    gain = placed.gain
    ends = "" if math.isnan(gain.low) else f" <small>({100 * gain.low:+.1f} to {100 * gain.high:+.1f})</small>"
    base = link(placed.base, tab="compare", a=placed.base, b=placed.name)
    return f"<b>{100 * gain.difference:+.1f}</b>{ends}<br><small>over {base}</small>"


def _text(get: Callable[[Placed], object]) -> dict[str, Any]:
    """Return the functions of a text column."""
    return {"value": lambda placed: str(get(placed) or ""), "show": lambda placed: escape(str(get(placed) or "–"))}


def _share(get: Callable[[Placed], float | None]) -> dict[str, Any]:
    """Return the functions of a column of shares, and its alignment."""
    return {"value": get, "show": lambda placed: share(get(placed)), "is_number": True}


def _mean(placed: Placed) -> str:
    value = optional(placed.record.figures.mean_score)
    return "–" if value is None else f"{value:.3f}"


COLUMNS: Mapping[str, Column] = {
    column.id: column
    for column in (
        Column("tie", "Tie group", lambda p: p.tie, lambda p: "–" if p.tie is None else str(p.tie), True),
        Column("entry", "Entry", lambda p: p.name, _show_entry),
        Column("accuracy", "Accuracy@0.7, %", lambda p: accuracy_of(p)[0], _show_accuracy, True),
        Column("coverage", "Coverage, %", **_share(lambda p: optional(p.record.figures.coverage))),
        Column("mean_score", "Mean score", lambda p: optional(p.record.figures.mean_score), _mean, True),
        Column(KIND_COLUMNS, "By kind of claim", lambda p: None, lambda p: ""),
        Column(RELATIONS, "By relation type", lambda p: None, lambda p: ""),
        Column("gain", "Gain by alignment", lambda p: p.gain.difference if p.gain else None, _show_gain, True),
        Column("tier", "Tier", lambda p: p.record.tier, lambda p: tier_badge(p.record.tier)),
        Column(
            "size",
            "Weights",
            lambda p: p.record.entry.model.parameters,
            lambda p: format_size(p.record.entry.model.parameters),
            is_number=True,
            is_stated=True,
        ),
        Column("licence", "Licence", **_text(lambda p: p.record.entry.model.license), is_stated=True),
        Column("access", "Open or closed", **_text(lambda p: describe_facets(p)["access"]), is_stated=True),
        Column("protocol", "Protocol", **_text(lambda p: p.record.entry.protocol)),
        Column("suite", "Suite", **_text(lambda p: p.record.entry.suite.name)),
        Column("detector", "Detector", **_text(lambda p: p.record.entry.detector.name), is_stated=True),
        Column("tracker", "Tracker", **_text(lambda p: p.record.entry.tracker.name), is_stated=True),
        Column("account", "Submitted by", **_text(lambda p: p.record.account)),
        Column("submitted", "Date", **_text(lambda p: p.record.submitted[:10])),
    )
}
"""All columns by id, in the order of the board."""

DEFAULTS = ("tie", "entry", "accuracy", "coverage", "mean_score", KIND_COLUMNS, RELATIONS, "gain", "tier")
"""Ids of the columns shown unless the reader chooses."""

ALWAYS = ("entry",)
"""Ids of the columns shown in any case."""


def read_columns(values: Values) -> list[str]:
    """Return the ids of the selected columns, in order; the default ones where a link names none that exists."""
    value = values.get("columns")
    selected = value.split(",") if isinstance(value, str) else DEFAULTS if value is None else value
    if value and not any(id in COLUMNS for id in selected):
        return list(DEFAULTS)
    return [id for id in COLUMNS if id in selected or id in ALWAYS]


def choose_columns(ids: Sequence[str], entries: Sequence[Placed]) -> list[Column]:
    """Return the columns with some ids, in order.

    In place of `kinds` there is one column per kind of claim, in place of `relations` one per relation type.
    """
    selected = {*ids, *ALWAYS}
    columns: list[Column] = []
    for column in COLUMNS.values():
        if column.id not in selected:
            continue
        if column.id == RELATIONS:
            columns += [_relation(type) for type in relation_types(entries)]
        elif column.id == KIND_COLUMNS:
            columns += [_kind(kind) for kind in kinds_of_claims(entries)]
        else:
            columns.append(column)
    return columns


def _relation(type: str) -> Column:
    return Column(f"accuracy_{type}", type, **_share(lambda placed: relation_value(placed, type)))


def _kind(kind: Kind) -> Column:
    def value(placed: Placed) -> float | None:
        group = placed.record.figures.by_kind.get(kind.value)
        return ends(group.accuracy if group is not None else None)[0]

    return Column(f"accuracy_{kind.value}", KINDS[kind], **_share(value))
