"""Tables and sentences on how much a model's score moves with the wording of the prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dsrbench.report.cells import interval_text, percent, plain_table
from dsrbench.types import DEFAULT_WORDING

if TYPE_CHECKING:
    from rich.table import Table


def wordings_table(figures: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a wording: coverage, accuracy, and its difference to the default one, in points."""
    from rich.text import Text

    table = plain_table("Wording", "Coverage", "Accuracy@0.7 (95 %)", "- default (95 %)")
    for name, row in figures.items():
        is_compared = name != DEFAULT_WORDING and row["difference"] is not None
        change = _points(row["difference"]) if is_compared else ""
        table.add_row(Text(name), percent(row["coverage"]), interval_text(row["accuracy_0.7"]), change)
    return table


def explain_spread(spread: Mapping[str, float | None]) -> str:
    """The spread as a sentence.

    >>> explain_spread({"spread": 0.1, "changed": 0.25})
    'Accuracy moves by 10.0 points with wording; 25.0 % of videos pass in some wordings and fail in others.'
    """
    points = f"{100 * (spread['spread'] or 0):.1f}"
    changed = f"{percent(spread['changed'])} of videos pass in some wordings and fail in others"
    return f"Accuracy moves by {points} points with wording; {changed}."


def _points(difference: Mapping[str, Any]) -> str:
    value, low, high = (difference[name] for name in ("difference", "low", "high"))
    ends = "" if low is None else f" ({100 * low:+.1f} – {100 * high:+.1f})"
    return f"{100 * value:+.1f}{ends}"
