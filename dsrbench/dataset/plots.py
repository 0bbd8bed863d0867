"""Stacked bars as an SVG image without scripts and style sheets, which the pages of the Hub can show."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 720, 260
"""Width and height of a plot, pixels."""
COLOURS = ("#2f6f8f", "#d98c3f", "#7a9e4b", "#b5524a", "#8a6db0", "#c9a93c", "#6b7a85", "#4fa3a0")
"""Fill colours of the parts, in order."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 150, 34, 26


def stacked_bars(title: str, bars: Mapping[str, Mapping[str, int]], parts: Sequence[str]) -> str:
    """Draw counts as bars, each a stack of parts.

    Args:
        title: Title above the plot, which is also the label for screen readers.
        bars: Counts of the parts of each bar, by the bar's name.
        parts: Names of the parts from bottom to top; parts without a count are left out of the legend.

    Returns:
        An `<svg>` document.

    >>> stacked_bars("t", {"a": {"x": 1}}, ["x"]).count("<rect")
    3
    """
    shown = [part for part in parts if any(bar.get(part) for bar in bars.values())]
    tallest = max([sum(bar.values()) for bar in bars.values()] or [0]) or 1
    high, wide = HEIGHT - _TOP - _BOTTOM, (WIDTH - _LEFT - _RIGHT) / max(len(bars), 1)
    floor = HEIGHT - _BOTTOM
    body = [_text(_LEFT, 20, title, size=14, anchor="start")]
    for share in (0, 0.5, 1):
        y = round(floor - high * share, 1)
        body.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#d5d9dc"/>')
        body.append(_text(_LEFT - 6, y + 4, f"{tallest * share:g}", anchor="end"))
    for number, (name, bar) in enumerate(bars.items()):
        x, y = round(_LEFT + wide * (number + 0.12), 1), float(floor)
        for colour, part in zip(_colours(shown), shown, strict=True):
            tall = high * bar.get(part, 0) / tallest
            y -= tall
            if tall:
                body.append(_rect(x, y, wide * 0.76, tall, colour))
        body.append(_text(round(x + wide * 0.38, 1), HEIGHT - 8, name))
    for number, (colour, part) in enumerate(zip(_colours(shown), shown, strict=True)):
        y = _TOP + 18 * number
        body.append(_rect(WIDTH - _RIGHT + 14, y, 12, 12, colour))
        body.append(_text(WIDTH - _RIGHT + 32, y + 10, part, anchor="start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" role="img" aria-label="{html.escape(title)}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>{"".join(body)}</svg>\n'
    )


def _colours(parts: Sequence[str]) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(len(parts))]


def _rect(x: float, y: float, wide: float, tall: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" fill="{colour}"/>'


def _text(x: float, y: float, text: str, *, size: int = 11, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="#30363b" text-anchor="{anchor}">{html.escape(text)}</text>'
