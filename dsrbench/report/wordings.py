"""The effect of the prompts' wording on a model's score, as a table and a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dsrbench.analysis.statistics import PairedDifference
from dsrbench.analysis.summary import WordingFigures
from dsrbench.analysis.wording import WordingSpread
from dsrbench.report.cells import interval_text, percent, plain_table
from dsrbench.types import DEFAULT_WORDING

if TYPE_CHECKING:
    from rich.table import Table


def wordings_table(figures: Mapping[str, WordingFigures]) -> Table:
    """Return a table with a row a wording: coverage, accuracy, and its difference from the default, in points."""
    from rich.text import Text

    table = plain_table("Wording", "Coverage", "Accuracy@0.7 (95 %)", "- default (95 %)")
    for name, row in figures.items():
        change = _points(row.difference) if name != DEFAULT_WORDING and row.difference is not None else ""
        table.add_row(Text(name), percent(row.coverage), interval_text(row.accuracy), change)
    return table


def explain_spread(effect: WordingSpread) -> str:
    """Return the effect of the wording as a sentence.

    >>> explain_spread(WordingSpread(0.1, 0.25))
    'Accuracy moves by 10.0 points with wording; 25.0 % of videos pass in some wordings and fail in others.'
    """
    flips = f"{percent(effect.changed)} of videos pass in some wordings and fail in others"
    return f"Accuracy moves by {100 * effect.spread:.1f} points with wording; {flips}."


def _points(change: PairedDifference) -> str:
    ends = "" if math.isnan(change.low) else f" ({100 * change.low:+.1f} – {100 * change.high:+.1f})"
    return f"{100 * change.difference:+.1f}{ends}"
