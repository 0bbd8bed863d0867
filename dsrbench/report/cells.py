"""Figures as the cells of a table, and an empty table in the common style."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dsrbench.analysis.statistics import Interval

if TYPE_CHECKING:
    from rich.table import Table


def percent(share: float) -> str:
    """Return a share as a percentage, a dash for NaN.

    >>> percent(0.675), percent(math.nan)
    ('67.5 %', '–')
    """
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"


def interval_text(figure: Interval) -> str:
    """Return a share with its interval.

    >>> interval_text(Interval(0.5, 0.42, 0.58)), interval_text(Interval(1, math.nan, math.nan))
    ('50.0 % (42.0 – 58.0)', '100.0 %')
    """
    ends = "" if math.isnan(figure.low) else f" ({100 * figure.low:.1f} – {100 * figure.high:.1f})"
    return percent(figure.value) + ends


def decimal(value: float) -> str:
    """Return a score to three places, a dash for NaN.

    >>> decimal(0.5), decimal(math.nan)
    ('0.500', '–')
    """
    return "–" if math.isnan(value) else f"{value:.3f}"


def plain_table(*headers: str, title: str = "") -> Table:
    """Return an empty table in the common style: the first column is text, the others are figures."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title or None, title_justify="left", title_style="bold")
    for i, header in enumerate(headers):
        table.add_column(header, justify="right" if i else "left", no_wrap=bool(i), overflow="fold")
    return table
