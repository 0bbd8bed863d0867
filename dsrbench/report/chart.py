"""The two SSR curves of a video as an SVG picture, without a script."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from dsrbench.types import Floats

WIDTH, HEIGHT = 720, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 30, 12, 8, 24


def curves_svg(initial: Floats, final: Floats, *, window: int, marks: Sequence[int] = ()) -> str:
    """Draw the SSR scores of both relations over the frames.

    Args:
        initial: Scores of the initial relation, `[T]` in [-1, 1], NaN where a frame is not scored.
        final: Scores of the final relation, likewise.
        window: Scored frames averaged at either end; both windows are shaded.
        marks: Frames to mark with a line.

    Returns:
        An `<svg>` element; curves have the classes `initial` and `final`, windows `window` besides.

    >>> curves_svg(np.empty(0), np.empty(0), window=1)
    ''
    """
    n = len(initial)
    if not n:
        return ""
    parts = [
        f'<line class="{"grid" if v else "grid zero"}" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{_y(v)}" y2="{_y(v)}"/>'
        f'<text x="{_LEFT - 8}" y="{_y(v) + 4}" text-anchor="end">{str(v).replace("-", "−")}</text>'
        for v in (1, 0, -1)
    ]
    scored = np.flatnonzero(~np.isnan(initial))
    for name, at in (("initial", scored[:window]), ("final", scored[-window:])):
        if len(at):
            x = _x(int(at[0]), n) - 3
            wide = round(_x(int(at[-1]), n) + 3 - x, 1)
            tall = HEIGHT - _TOP - _BOTTOM
            parts.append(f'<rect class="window {name}" x="{x}" y="{_TOP}" width="{wide}" height="{tall}"/>')
    parts += [
        f'<line class="playhead" x1="{_x(i, n)}" x2="{_x(i, n)}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}" opacity=".35"/>'
        f'<text x="{_x(i, n)}" y="{HEIGHT - 8}" text-anchor="middle">{i + 1}</text>'
        for i in marks
    ]
    for name, values in (("initial", initial), ("final", final)):
        parts += [f'<polyline class="{name}" points="{points}"/>' for points in _runs(values)]
    ends = (
        [html.escape(f"{values[scored[k]]:.2f}") for values in (initial, final) for k in (0, -1)] if len(scored) else []
    )
    says = (
        "SSR scores of the initial relation from {} to {}, of the final one from {} to {}".format(*ends) if ends else ""
    )
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{says or "No frame is scored"}">{"".join(parts)}</svg>'
    )


def _x(frame: int, n: int) -> float:
    return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (frame / (n - 1) if n > 1 else 0.5), 1)


def _y(value: float) -> float:
    return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value) / 2, 1)


def _runs(values: Floats) -> list[str]:
    """Points of each unbroken stretch of a curve; a lone frame is a dot."""
    n, there = len(values), np.flatnonzero(~np.isnan(values))
    runs = np.split(there, np.flatnonzero(np.diff(there) > 1) + 1)
    texts = []
    for run in runs:
        points = [f"{_x(int(i), n)},{_y(float(values[i]))}" for i in run]
        if points:
            texts.append(" ".join(points * (2 if len(points) == 1 else 1)))
    return texts
