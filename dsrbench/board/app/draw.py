"""Pictures of several entries: threshold curves as SVG, relations as a table of tinted cells; no script, no image."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dsrbench.board.app.columns import ends, link, relation_types, relation_value, share
from dsrbench.board.ties import Placed
from dsrbench.types import THRESHOLDS

MOST_CURVES = 8
"""Entries drawn at once; more cannot be told apart."""

WIDTH, HEIGHT = 760, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 12, 40

_DASHES = ("", "7 4", "2 3", "10 3 2 3")


def curves_html(entries: Sequence[Placed]) -> str:
    """Accuracy@t of some entries over the threshold t, with 95 % bands, and the same figures as a table."""
    drawn = [placed for placed in entries if _points(placed)][:MOST_CURVES]
    if not drawn:
        return '<div class="dsr"><p>Choose entries to see their Accuracy@t at every threshold t.</p></div>'
    bands = "".join(_band(placed, i) for i, placed in enumerate(drawn))
    lines = "".join(_line(placed, i) for i, placed in enumerate(drawn))
    keys = "".join(
        f'<li><svg viewBox="0 0 28 8" aria-hidden="true"><line class="c{i}" x1="0" x2="28" y1="4" y2="4" '
        f'stroke-dasharray="{_DASHES[i % 4]}"/></svg>{escape(placed.name)}</li>'
        for i, placed in enumerate(drawn)
    )
    says = (
        "Accuracy at each threshold of " + ", ".join(placed.name for placed in drawn) + "; the table below has it too"
    )
    return (
        f'<div class="dsr"><ul class="keys">{keys}</ul>'
        f'<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(says)}">'
        f"{_axes()}{bands}{lines}</svg><details><summary>The same as a table</summary>{_table(drawn)}</details></div>"
    )


def _points(placed: Placed) -> list[tuple[float, float, float, float]]:
    """Threshold, value, low, high; low and high are the value where there is no interval."""
    points = []
    for threshold in THRESHOLDS:
        value, low, high = ends(placed.record.figures.accuracy.get(f"{threshold:.1f}"))
        if value is not None:
            points.append((threshold, value, value if low is None else low, value if high is None else high))
    return points


def _x(threshold: float) -> float:
    return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * threshold / THRESHOLDS[-1], 1)


def _y(value: float) -> float:
    return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value), 1)


def _axes() -> str:
    parts = []
    for value in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{_y(value)}" y2="{_y(value)}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{_y(value) + 4}" text-anchor="end">{100 * value:.0f} %</text>')
    for threshold in THRESHOLDS:
        kind = "grid at" if threshold == 0.7 else "grid"
        parts.append(f'<line class="{kind}" x1="{_x(threshold)}" x2="{_x(threshold)}" y1="{_TOP}" y2="{_y(0)}"/>')
        parts.append(f'<text x="{_x(threshold)}" y="{_y(0) + 18}" text-anchor="middle">{threshold:.1f}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 4}" text-anchor="middle">threshold t</text>')
    return "".join(parts)


def _band(placed: Placed, i: int) -> str:
    points = _points(placed)
    edge = [f"{_x(t)},{_y(high)}" for t, _, _, high in points] + [f"{_x(t)},{_y(low)}" for t, _, low, _ in points[::-1]]
    return f'<polygon class="c{i}" points="{" ".join(edge)}"/>' if len(points) > 1 else ""


def _line(placed: Placed, i: int) -> str:
    points = _points(placed)
    if len(points) == 1:
        return f'<circle class="c{i}" cx="{_x(points[0][0])}" cy="{_y(points[0][1])}" r="4"/>'
    path = " ".join(f"{_x(t)},{_y(value)}" for t, value, _, _ in points)
    return f'<polyline class="c{i}" points="{path}" stroke-dasharray="{_DASHES[i % 4]}"/>'


def _table(entries: Sequence[Placed]) -> str:
    head = "".join(f'<th scope="col" class="n">{threshold:.1f}</th>' for threshold in THRESHOLDS)
    rows = []
    for placed in entries:
        values = {threshold: value for threshold, value, _, _ in _points(placed)}
        cells = "".join(f'<td class="n">{share(values.get(threshold))}</td>' for threshold in THRESHOLDS)
        rows.append(f'<tr><th scope="row">{escape(placed.name)}</th>{cells}</tr>')
    return (
        f'<div class="wide"><table><caption>Accuracy@t, %</caption><thead><tr><th scope="col">Entry</th>{head}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def heat_html(entries: Sequence[Placed]) -> str:
    """Accuracy@0.7 of each entry for each relation type, a cell tinted by its value."""
    entries = [placed for placed in entries if placed.record.figures.by_relation]
    if not entries:
        return '<div class="dsr"><p>No entry that fits has figures by relation type.</p></div>'
    types = relation_types(entries)
    head = "".join(f'<th scope="col" class="n">{escape(type)}</th>' for type in types)
    rows = []
    for placed in entries:
        cells = "".join(_cell(relation_value(placed, type)) for type in types)
        rows.append(f'<tr><th scope="row">{link(placed.name, tab="samples", entry=placed.name)}</th>{cells}</tr>')
    return (
        '<div class="dsr"><p class="quiet">Accuracy@0.7 in percent by relation type; LR asks for "from left to right". '
        "The stronger the colour, the better; a dash means the suite has no such prompts.</p>"
        '<div class="wide" tabindex="0" role="region" aria-label="Relation heat map">'
        f'<table class="heat"><thead><tr><th scope="col">Entry</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></div>"
    )


def _cell(value: float | None) -> str:
    if value is None:
        return '<td class="n">–</td>'
    return f'<td class="n" style="--v:{100 * value:.0f}%">{share(value)}</td>'
