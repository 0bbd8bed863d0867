"""Figures as the cells of a table, and an empty table in the house look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def percent(share: float | None) -> str:
    """A share as a percentage, a dash where there is none.

    >>> percent(0.675), percent(None)
    ('67.5 %', '–')
    """
    return "–" if share is None else f"{100 * share:.1f} %"


def interval_text(figure: Mapping[str, float | None]) -> str:
    """A share with its interval.

    >>> interval_text({"value": 0.5, "low": 0.42, "high": 0.58}), interval_text({"value": 1, "low": None, "high": None})
    ('50.0 % (42.0 – 58.0)', '100.0 %')
    """
    low, high = figure["low"], figure["high"]
    ends = "" if low is None or high is None else f" ({100 * low:.1f} – {100 * high:.1f})"
    return percent(figure["value"]) + ends


def decimal(value: float | None) -> str:
    """A score to three places, a dash where there is none.

    >>> decimal(0.5), decimal(None)
    ('0.500', '–')
    """
    return "–" if value is None else f"{value:.3f}"


def plain_table(*headers: str, title: str = "") -> Table:
    """An empty table in the house look: the first column is text, the others are figures."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title or None, title_justify="left", title_style="bold")
    for i, header in enumerate(headers):
        table.add_column(header, justify="right" if i else "left", no_wrap=bool(i), overflow="fold")
    return table
