"""The two SSR curves of a video as SVG, without a script."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.types import Floats

WIDTH, HEIGHT = 720, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 30, 12, 8, 24


def curves_svg(
    initial: Floats, final: Floats, *, window: int, marks: Sequence[int] = (), has_windows: bool = True
) -> str:
    """Draw the SSR scores of both relations, or of the only one, over the frames.

    Args:
        initial: Scores of the initial relation, float64 `[T]` in [-1, 1], NaN where a frame is not scored.
        final: Scores of the final relation, likewise; empty where there is none.
        window: Number of scored frames averaged at either end; both windows are shaded.
        marks: Indices of frames to mark with a line.
        has_windows: Whether the windows count, so that they are shaded.

    Returns:
        An `<svg>` element; curves have the class `initial` or `final`, shaded windows also `window`.

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
    for name, frames in (("initial", scored[:window]), ("final", scored[-window:])):
        if len(frames) and has_windows:
            x = _x(int(frames[0]), n) - 3
            width = round(_x(int(frames[-1]), n) + 3 - x, 1)
            height = HEIGHT - _TOP - _BOTTOM
            parts.append(f'<rect class="window {name}" x="{x}" y="{_TOP}" width="{width}" height="{height}"/>')
    parts += [
        f'<line class="playhead" x1="{_x(i, n)}" x2="{_x(i, n)}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}" opacity=".35"/>'
        f'<text x="{_x(i, n)}" y="{HEIGHT - 8}" text-anchor="middle">{i + 1}</text>'
        for i in marks
    ]
    for name, values in (("initial", initial), ("final", final)):
        parts += [f'<polyline class="{name}" points="{points}"/>' for points in _runs(values)]
    label = _describe_curves(initial, final, scored)
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _describe_curves(initial: Floats, final: Floats, scored: NDArray[np.int64]) -> str:
    """Return the first and the last score of each curve, in words."""
    if not len(scored):
        return "No frame is scored"
    ends = [html.escape(f"{values[scored[k]]:.2f}") for values in (initial, final) if len(values) for k in (0, -1)]
    if len(ends) == 2:
        return f"Scores from {ends[0]} to {ends[1]}"
    return "SSR scores of the initial relation from {} to {}, of the final one from {} to {}".format(*ends)


def _x(frame: int, n: int) -> float:
    return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (frame / (n - 1) if n > 1 else 0.5), 1)


def _y(value: float) -> float:
    return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value) / 2, 1)


def _runs(values: Floats) -> list[str]:
    """Return the points of each unbroken part of a curve; a single frame is a dot."""
    n, frames = len(values), np.flatnonzero(~np.isnan(values))
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    texts = []
    for run in runs:
        points = [f"{_x(int(i), n)},{_y(float(values[i]))}" for i in run]
        if points:
            texts.append(" ".join(points * (2 if len(points) == 1 else 1)))
    return texts
