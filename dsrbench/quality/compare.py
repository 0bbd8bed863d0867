"""Comparison of the quality figures of two models on the same prompts and seeds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from dsrbench.analysis.statistics import PairedDifference, paired_difference
from dsrbench.quality.clip import FIGURES
from dsrbench.store import SampleKey

Measured = Mapping[SampleKey, Mapping[str, float]]
"""Quality figures by sample and key."""


@dataclasses.dataclass(frozen=True)
class QualityDifference:
    """One figure of two models, over the pairs in which both clips have it.

    Attributes:
        n_pairs: Number of such pairs.
        a: Mean of the first model.
        b: Mean of the second model.
        difference: Difference b - a with interval and p-value, clustered by prompt.
    """

    n_pairs: int
    a: float
    b: float
    difference: PairedDifference


def compare_quality(a: Measured, b: Measured, *, seed: int = 0) -> dict[str, QualityDifference]:
    """Return the differences of the figures that both sides have, by key, over pairs of equal prompt and seed.

    A figure of the subject exists only where it was detected, so read it beside the coverage.

    Args:
        a: Figures of the first model's samples, as `measure_run` returns them.
        b: Figures of the second model's samples.
        seed: Random seed of bootstrap and permutation.
    """
    partners = {key[1:]: figures for key, figures in b.items()}
    pairs = [(key[1], figures, partners[key[1:]]) for key, figures in sorted(a.items()) if key[1:] in partners]
    differences = {}
    for name in FIGURES:
        rows = [(prompt, x.get(name, math.nan), y.get(name, math.nan)) for prompt, x, y in pairs]
        rows = [row for row in rows if math.isfinite(row[1] + row[2])]
        if rows:
            prompts, left, right = zip(*rows, strict=True)
            change = paired_difference(left, right, prompts, seed=seed)
            n = len(rows)
            differences[name] = QualityDifference(n, sum(left) / n, sum(right) / n, change)
    return differences
