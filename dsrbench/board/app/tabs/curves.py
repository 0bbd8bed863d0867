"""The thresholds tab: Accuracy@t of several entries over the threshold t, as SVG and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dsrbench.board.app.columns import ends
from dsrbench.board.app.filters import Values
from dsrbench.board.app.fragments import number_heads, share, wide_table
from dsrbench.board.app.layout import Updates, ViewPage, update_menu
from dsrbench.board.app.site import Site
from dsrbench.board.entries import View
from dsrbench.board.ties import Placed
from dsrbench.types import THRESHOLDS

MAX_CURVES = 8
"""Maximum number of entries drawn at once; more cannot be told apart."""

WIDTH, HEIGHT = 760, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 12, 40

_DASHES = ("", "7 4", "2 3", "10 3 2 3")


class CurvesPage(ViewPage):
    """Tab with the threshold curves."""

    id = "curves"
    title = "Thresholds"

    def _build(self) -> None:
        import gradio as gr

        self.controls["entries"] = gr.Dropdown(
            [], value=[], multiselect=True, max_choices=MAX_CURVES, label=f"Entries, at most {MAX_CURVES}"
        )
        super()._build()

    def show(self, values: Values) -> Updates:
        """Return the updates of the menu of entries."""
        view = self.site.board.view()
        return {self.controls["entries"]: update_menu(view.names(), read_entries(view, values))}

    @staticmethod
    def render(site: Site, view: View, values: Values) -> str:
        """Return the curves of the selected entries, or of the first few."""
        return curves_html([view.get(name) for name in read_entries(view, values)])


def read_entries(view: View, values: Values) -> list[str]:
    """Return the names of the selected entries; of the first few where none is selected."""
    names, value = view.names(), values.get("entries")
    selected = value.split(",") if isinstance(value, str) else value or []
    return [name for name in selected if name in names][:MAX_CURVES] or names[:4]


def curves_html(entries: Sequence[Placed]) -> str:
    """Return the curves of some entries with 95 % bands, and the same figures as a table."""
    drawn = [placed for placed in entries if _points(placed)][:MAX_CURVES]
    if not drawn:
        return '<div class="dsr"><p>Choose entries to see their Accuracy@t at every threshold t.</p></div>'
    bands = "".join(_band(placed, i) for i, placed in enumerate(drawn))
    lines = "".join(_line(placed, i) for i, placed in enumerate(drawn))
    keys = "".join(
        f'<li><svg viewBox="0 0 28 8" aria-hidden="true"><line class="c{i}" x1="0" x2="28" y1="4" y2="4" '
        f'stroke-dasharray="{_DASHES[i % 4]}"/></svg>{escape(placed.name)}</li>'
        for i, placed in enumerate(drawn)
    )
    label = (
        "Accuracy at each threshold of " + ", ".join(placed.name for placed in drawn) + "; the table below has it too"
    )
    return (
        f'<div class="dsr"><ul class="keys">{keys}</ul>'
        f'<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{_axes()}{bands}{lines}</svg><details><summary>The same as a table</summary>{_table(drawn)}</details></div>"
    )


def _points(placed: Placed) -> list[tuple[float, float, float, float]]:
    """Return threshold, value, low and high of each known figure; without an interval both ends are the value."""
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
    head = number_heads(f"{threshold:.1f}" for threshold in THRESHOLDS)
    rows = []
    for placed in entries:
        values = {threshold: value for threshold, value, _, _ in _points(placed)}
        cells = "".join(f'<td class="n">{share(values.get(threshold))}</td>' for threshold in THRESHOLDS)
        rows.append(f'<tr><th scope="row">{escape(placed.name)}</th>{cells}</tr>')
    return wide_table(f'<th scope="col">Entry</th>{head}', rows, caption="Accuracy@t, %")
