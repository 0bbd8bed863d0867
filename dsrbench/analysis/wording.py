"""The effect of the wording of prompts, their meaning the same, on a model's score."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from dsrbench.analysis.statistics import PairedDifference, paired_difference
from dsrbench.prompts.wordings import WORDINGS
from dsrbench.store import Sample
from dsrbench.types import DEFAULT_WORDING

Key = tuple[str, str, int]
"""Model, prompt without wording, and seed: what samples of several wordings share."""


@dataclasses.dataclass(frozen=True)
class WordingSpread:
    """The effect of the wording on the accuracy.

    Attributes:
        spread: Highest accuracy of a wording minus the lowest; chance alone makes it larger than 0.
        changed: Share of (model, prompt, seed) with several wordings that pass in some and fail in others; NaN without
            any with several wordings.
    """

    spread: float
    changed: float


def compare_wordings(
    samples: Sequence[Sample], *, threshold: float, seed: int = 0
) -> dict[str, PairedDifference | None]:
    """Compare each wording with the default one, paired by model, prompt and seed.

    Args:
        samples: Samples of one run.
        threshold: Threshold of the accuracy.
        seed: Random seed of bootstrap and permutation, which draw and flip prompts, their wordings together.

    Returns:
        By wording, in the order of `WORDINGS`, the difference of accuracy (wording - default), or None without samples
        in the default wording. Empty where the run has one wording alone.
    """
    passed = _passed(samples, threshold)
    if len(passed) < 2:
        return {}
    default = passed.get(DEFAULT_WORDING, {})
    differences: dict[str, PairedDifference | None] = {}
    for name, own in passed.items():
        shared = sorted(own.keys() & default.keys())
        difference = paired_difference(
            [default[key] for key in shared], [own[key] for key in shared], [key[1] for key in shared], seed=seed
        )
        differences[name] = difference if shared else None
    return differences


def measure_spread(samples: Sequence[Sample], *, threshold: float) -> WordingSpread | None:
    """Measure how far wordings move the accuracy, and how often they change the outcome.

    Args:
        samples: Samples of one run.
        threshold: Threshold of the accuracy.

    Returns:
        The effect; None where the run has one wording alone.
    """
    passed = _passed(samples, threshold)
    if len(passed) < 2:
        return None
    shares = [sum(own.values()) / len(own) for own in passed.values()]
    outcomes: dict[Key, list[bool]] = {}
    for own in passed.values():
        for key, passes in own.items():
            outcomes.setdefault(key, []).append(passes)
    several = [o for o in outcomes.values() if len(o) > 1]
    changed = sum(len(set(o)) > 1 for o in several) / len(several) if several else float("nan")
    return WordingSpread(max(shares) - min(shares), changed)


def _passed(samples: Sequence[Sample], threshold: float) -> dict[str, dict[Key, bool]]:
    """Tell whether each sample passes, by wording in their order; a sample without one is of the default wording."""
    passed: dict[str, dict[Key, bool]] = {}
    for sample in samples:
        key = (sample.model, sample.prompt.source_id, sample.seed)
        passed.setdefault(sample.prompt.wording or DEFAULT_WORDING, {})[key] = sample.score.passes(threshold)
    order = {name: number for number, name in enumerate(WORDINGS)}
    return dict(sorted(passed.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))
