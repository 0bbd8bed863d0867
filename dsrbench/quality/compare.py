"""The quality figures of two models on the same prompts and seeds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from dsrbench.analysis.statistics import PairedDifference, paired_difference
from dsrbench.quality.clip import FIGURES
from dsrbench.store import SampleKey

Measured = Mapping[SampleKey, Mapping[str, float]]


@dataclasses.dataclass(frozen=True)
class QualityDifference:
    """One figure of two models, over the pairs in which both clips have it.

    Attributes:
        n_pairs: Such pairs.
        a: Mean of the first model.
        b: Mean of the second.
        difference: b - a, with interval and p-value (clustered by prompt).
    """

    n_pairs: int
    a: float
    b: float
    difference: PairedDifference


def compare_quality(a: Measured, b: Measured, *, seed: int = 0) -> dict[str, QualityDifference]:
    """The figures that both sides have, by key in the order of `FIGURES`; pairs are of equal prompt and seed.

    A figure of the subject exists only where it was found, so read it beside the coverage.

    Args:
        a: Figures of the first model's samples, as `measure_run` gives them.
        b: Figures of the second run.
        seed: Random seed of bootstrap and permutation.
    """
    partners = {key[1:]: figures for key, figures in b.items()}
    pairs = [(key[1], figures, partners[key[1:]]) for key, figures in sorted(a.items()) if key[1:] in partners]
    found = {}
    for name in FIGURES:
        rows = [(prompt, x.get(name, math.nan), y.get(name, math.nan)) for prompt, x, y in pairs]
        rows = [row for row in rows if math.isfinite(row[1] + row[2])]
        if rows:
            prompts, left, right = zip(*rows, strict=True)
            change = paired_difference(left, right, prompts, seed=seed)
            n = len(rows)
            found[name] = QualityDifference(n, sum(left) / n, sum(right) / n, change)
    return found
