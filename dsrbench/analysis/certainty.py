"""The certainty of the decisions of a run: how many are certain, which samples to look at, and their variance."""

from __future__ import annotations

from collections.abc import Sequence

from dsrbench.store import Sample
from dsrbench.types import CERTAIN, Certainty, Status

N_LEAST = 5
"""Number of samples that are listed to look at."""


def certainty_of(sample: Sample) -> Certainty | None:
    """Return the certainty of a scored sample; None where it is not scored, or its certainty is not known."""
    return sample.score.certainty if sample.score.status is Status.SCORED else None


def decision_certainty(sample: Sample) -> float | None:
    """Return the probability that a sample's decision is right, in 0..1; None where it is not known."""
    return sample.score.decision_certainty if sample.score.status is Status.SCORED else None


def is_uncertain(sample: Sample) -> bool:
    """Tell whether the certainty of a sample's decision is known and below `CERTAIN`."""
    certainty = decision_certainty(sample)
    return certainty is not None and certainty < CERTAIN


def count_decisions(samples: Sequence[Sample]) -> tuple[int | None, int | None]:
    """Return the number of certain and of uncertain decisions; None for both where no certainty is known."""
    certain = [certainty >= CERTAIN for certainty in map(decision_certainty, samples) if certainty is not None]
    return (sum(certain), len(certain) - sum(certain)) if certain else (None, None)


def least_certain(samples: Sequence[Sample], n: int = N_LEAST) -> list[Sample]:
    """Return the samples to look at: those whose decision is uncertain, the least certain first, equal ones by id.

    Args:
        samples: Samples of a run, in any order.
        n: Maximum number of samples.
    """
    uncertain = [(decision_certainty(sample), sample.id, sample) for sample in samples if is_uncertain(sample)]
    return [sample for _, _, sample in sorted(uncertain, key=lambda row: row[:2])[:n]]


def decision_variances(samples: Sequence[Sample]) -> list[float]:
    """Return the variance of each decision: p (1 - p) for a probability p of passing, 0 where it is unknown."""
    certainties = map(certainty_of, samples)
    return [0.0 if certainty is None else certainty.p_pass * (1 - certainty.p_pass) for certainty in certainties]
