"""How much a model's score moves with the wording of the prompts, their meaning the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dsrbench.analysis.statistics import paired_difference
from dsrbench.prompts.wordings import WORDINGS
from dsrbench.store import Sample
from dsrbench.types import DEFAULT_WORDING

Key = tuple[str, str, int]
"""Model, prompt without wording, and seed: what samples of several wordings share."""


def compare_wordings(samples: Sequence[Sample], *, threshold: float, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Each wording against the default one, paired by model, prompt and seed.

    Args:
        samples: Samples of one run.
        threshold: Threshold of the accuracy.
        seed: Random seed of bootstrap and permutation, which draw and flip prompts, their wordings together.

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
        samples: Samples of one run.
        threshold: Threshold of the accuracy.

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


def _passed(samples: Sequence[Sample], threshold: float) -> dict[str, dict[Key, bool]]:
    """Whether each sample passes, by wording in their order; a sample without one is of the default wording."""
    passed: dict[str, dict[Key, bool]] = {}
    for sample in samples:
        key = (sample.model, sample.prompt.source_id, sample.seed)
        passed.setdefault(sample.prompt.wording or DEFAULT_WORDING, {})[key] = sample.score.passes(threshold)
    order = {name: number for number, name in enumerate(WORDINGS)}
    return dict(sorted(passed.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))
