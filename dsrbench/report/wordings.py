"""How much a model's score moves with the wording of the prompts, their meaning the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dsrbench.metric.statistics import paired_difference
from dsrbench.prompts.wordings import WORDINGS
from dsrbench.store import Sample
from dsrbench.types import DEFAULT_WORDING

if TYPE_CHECKING:
    from rich.table import Table

Key = tuple[str, str, int]
"""Model, prompt without wording, and seed: what samples of several wordings share."""


def compare_wordings(samples: Sequence[Sample], *, threshold: float, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Each wording against the default one, paired by model, prompt and seed.

    Args:
        samples: Of one run.
        threshold: Of the accuracy.
        seed: Of bootstrap and permutation, which draw and flip prompts, their wordings together.

    Returns:
        By wording, in the order of `WORDINGS`: `difference`, a `PairedDifference` of accuracy (wording - default), or
        None without samples in the default wording. Empty where the run has one wording alone.
    """
    passed = _passed(samples, threshold)
    if len(passed) < 2:
        return {}
    default = passed.get(DEFAULT_WORDING, {})
    found: dict[str, dict[str, Any]] = {}
    for name, own in passed.items():
        shared = sorted(own.keys() & default.keys())
        difference = paired_difference(
            [default[key] for key in shared], [own[key] for key in shared], [key[1] for key in shared], seed=seed
        )
        found[name] = {"difference": difference if shared else None}
    return found


def measure_spread(samples: Sequence[Sample], *, threshold: float) -> dict[str, float]:
    """How far wordings move the accuracy, and how often they change the outcome.

    Args:
        samples: Of one run.
        threshold: Of the accuracy.

    Returns:
        `spread`, the highest accuracy of a wording minus the lowest, which chance alone makes larger than 0; and
        `changed`, the share of (model, prompt, seed) with several wordings that pass in some and fail in others. Empty
        where the run has one wording alone.
    """
    passed = _passed(samples, threshold)
    if len(passed) < 2:
        return {}
    shares = [sum(own.values()) / len(own) for own in passed.values()]
    outcomes: dict[Key, list[bool]] = {}
    for own in passed.values():
        for key, passes in own.items():
            outcomes.setdefault(key, []).append(passes)
    several = [o for o in outcomes.values() if len(o) > 1]
    changed = sum(len(set(o)) > 1 for o in several) / len(several) if several else float("nan")
    return {"spread": max(shares) - min(shares), "changed": changed}


def wordings_table(figures: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a wording: coverage, accuracy, and its difference to the default one, in points."""
    from rich.text import Text

    from dsrbench.report.table import interval_text, percent, plain_table

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
    from dsrbench.report.table import percent

    points = f"{100 * (spread['spread'] or 0):.1f}"
    changed = f"{percent(spread['changed'])} of videos pass in some wordings and fail in others"
    return f"Accuracy moves by {points} points with wording; {changed}."


def _passed(samples: Sequence[Sample], threshold: float) -> dict[str, dict[Key, bool]]:
    """Whether each sample passes, by wording in their order; a sample without one is of the default wording."""
    passed: dict[str, dict[Key, bool]] = {}
    for sample in samples:
        key = (sample.model, sample.prompt.source_id, sample.seed)
        passed.setdefault(sample.prompt.wording or DEFAULT_WORDING, {})[key] = sample.score.passes(threshold)
    order = {name: number for number, name in enumerate(WORDINGS)}
    return dict(sorted(passed.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def _points(difference: Mapping[str, Any]) -> str:
    value, low, high = (difference[name] for name in ("difference", "low", "high"))
    ends = "" if low is None else f" ({100 * low:+.1f} – {100 * high:+.1f})"
    return f"{100 * value:+.1f}{ends}"
