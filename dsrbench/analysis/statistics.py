"""The uncertainty of figures: intervals and differences over samples that come several to a prompt.

Samples of one prompt resemble each other, so prompts, not samples, are what is drawn again (a cluster bootstrap; Field
and Welsh, "Bootstrapping clustered data", JRSS B 69, 2007) and what has its sign flipped (a permutation test by
clusters). Every function takes a seed and gives the same answer for the same rows in any order.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsrbench.errors import InputError
from dsrbench.types import Floats

MAX_EXACT_CLUSTERS = 12
"""Up to this many clusters, all 2^n sign flips are enumerated."""

_BLOCK = 2_000_000
"""Random numbers drawn at a time, which bounds the memory."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval.

    Attributes:
        value: The figure itself; NaN when there were no rows.
        low: Lower end; NaN with fewer than two clusters, when nothing can be said about the spread.
        high: Upper end, likewise.
    """

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """The mean of b - a over pairs.

    Attributes:
        difference: Mean of b - a; NaN without pairs.
        low: Lower end of its interval; NaN with fewer than two clusters.
        high: Upper end, likewise.
        p_value: Two-sided, of "swapping a and b within a cluster changes nothing"; NaN without pairs.
        n_pairs: Pairs.
        n_clusters: Clusters (prompts) the pairs came from.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n_pairs: int
    n_clusters: int


def bootstrap_interval(
    values: ArrayLike,
    clusters: Sequence[str] | Sequence[int] | NDArray[np.int64],
    *,
    variances: ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the mean of `values` with a percentile interval, clusters drawn with replacement.

    Where all clusters have one mean (say, no sample is correct) the interval has no width: a bootstrap knows only what
    it has seen.

    Values that are themselves uncertain make the interval wider: each resampled mean gets a normal error with the
    variance of the drawn clusters. The interval contains the one without such errors.

    Args:
        values: Finite numbers `[N]`; truth values count as 0 and 1.
        clusters: A label for each value `[N]`, such as its prompt id.
        variances: Variance of the error of each value `[N]`, 0 or larger; None for exact values.
        confidence: Share of intervals that should hold the true mean, in (0, 1).
        n_resamples: Draws; the ends are good to about the spread divided by the square root of this.
        seed: Same seed, same interval.

    Raises:
        InputError: Not `[N]` finite numbers with a label each, a variance below 0, or a confidence outside (0, 1).

    >>> bootstrap_interval([1, 1, 0, 0], ["a", "a", "b", "b"])
    Interval(value=0.5, low=0.0, high=1.0)
    >>> bootstrap_interval([1, 0], ["a", "a"])
    Interval(value=0.5, low=nan, high=nan)
    """
    sums, counts = _cluster_sums(values, clusters)
    if not 0 < confidence < 1 or n_resamples < 1:
        raise InputError(
            f"expected a confidence in (0, 1) and at least one resample, got {confidence} and {n_resamples}"
        )
    errors = _cluster_variances(variances, clusters)
    if not len(sums):
        return Interval(math.nan, math.nan, math.nan)
    value = float(sums.sum() / counts.sum())
    if len(sums) < 2:
        return Interval(value, math.nan, math.nan)
    means, spreads = _resampled_means(sums, counts, errors, n_resamples, np.random.default_rng([seed, 0]))
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    if spreads is not None:
        noisy = means + spreads * np.random.default_rng([seed, 2]).standard_normal(n_resamples)
        ends = np.quantile(noisy, [tail, 1 - tail])
        low, high = min(low, ends[0]), max(high, ends[1])
    return Interval(value, min(float(low), value), max(float(high), value))


def share_interval(
    passed: ArrayLike,
    clusters: Sequence[str] | Sequence[int] | NDArray[np.int64],
    *,
    variances: ArrayLike | None = None,
    seed: int = 0,
) -> Interval:
    """Return a share of samples with its 95 % interval: the bootstrap's, or Wilson's where all samples are alike.

    Where every cluster has the same share (say, no sample passes) the bootstrap's interval has no width, which would
    claim certainty. There the score interval of Wilson (JASA 22, 1927) is used, with the clusters as its trials.

    Truth values that are themselves uncertain make either interval wider, never narrower: the bootstrap's by
    `bootstrap_interval`, Wilson's by the errors' 95 % interval, whose half width is added in squares.

    Args:
        passed: Truth values `[N]`.
        clusters: A label for each, such as its prompt id.
        variances: Variance of each truth value `[N]`, which is p (1 - p) for one that holds with probability p; None
            for exact ones.
        seed: Random seed of the bootstrap.

    Raises:
        InputError: Not `[N]` truth values with a label each, or a variance below 0.

    >>> share_interval([True] * 10, range(10)).low.__round__(3)
    0.722
    >>> share_interval([True] * 10, range(10), variances=[0.25] * 10).low.__round__(3)
    0.584
    """
    interval = bootstrap_interval(passed, clusters, seed=seed)
    errors = _cluster_variances(variances, clusters)
    if not math.isclose(interval.low, interval.high, abs_tol=1e-12):
        if errors is None or math.isnan(interval.low):
            return interval
        wider = bootstrap_interval(passed, clusters, variances=variances, seed=seed)
        return Interval(wider.value, max(0.0, wider.low), min(1.0, wider.high))
    n, p, z = len(set(clusters)), interval.value, 1.959963984540054
    z2 = z**2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low, high = min(middle - half, p), max(middle + half, p)
    if errors is not None:
        error = z * math.sqrt(errors.sum()) / np.size(passed)
        low, high = p - math.hypot(p - low, error), p + math.hypot(high - p, error)
    return Interval(p, max(0.0, low), min(1.0, high))


def bootstrap_figure(
    figure: Callable[[NDArray[np.int64]], float],
    clusters: Sequence[str],
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return a figure of rows with a 95 % percentile interval, clusters drawn with replacement.

    Args:
        figure: Function of row numbers, in which a row may come several times; NaN where it has no value.
        clusters: A label for each row, such as its prompt id.
        n_resamples: Draws; those whose figure is NaN are left out.
        seed: Same seed, same interval.

    Returns:
        The figure of all rows; the ends are NaN with fewer than three clusters.
    """
    value = figure(np.arange(len(clusters)))
    groups: dict[str, list[int]] = {}
    for row, cluster in enumerate(clusters):
        groups.setdefault(cluster, []).append(row)
    if len(groups) < 3 or math.isnan(value):
        return Interval(value, math.nan, math.nan)
    rows, rng = [np.array(group) for group in groups.values()], np.random.default_rng(seed)
    drawn = [
        figure(np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])) for _ in range(n_resamples)
    ]
    finite = [one for one in drawn if not math.isnan(one)]
    if not finite:
        return Interval(value, math.nan, math.nan)
    low, high = (float(end) for end in np.quantile(finite, [0.025, 0.975]))
    return Interval(value, min(low, value), max(high, value))


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    clusters: Sequence[str] | Sequence[int] | NDArray[np.int64],
    *,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> PairedDifference:
    """Measure how much larger b is than a, pair by pair.

    Args:
        a: Finite numbers `[N]`.
        b: Their partners `[N]`.
        clusters: A label for each pair `[N]`, such as its prompt id.
        confidence: Confidence level of the interval, in (0, 1).
        n_resamples: Draws of the bootstrap.
        n_permutations: Sign flips, where there are more than `MAX_EXACT_CLUSTERS` clusters.
        seed: Same seed, same interval and p-value.

    Returns:
        The mean of b - a with its cluster bootstrap interval, and the p-value of a sign-flip test over cluster sums:
        exact up to `MAX_EXACT_CLUSTERS` clusters, else (1 + hits) / (1 + flips) (Phipson and Smyth, 2010).

    Raises:
        InputError: Lengths differ, or values are not finite.

    >>> paired_difference([0, 0, 0, 1], [1, 1, 0, 1], ["p", "q", "r", "s"]).p_value
    0.5
    """
    before, after = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if before.shape != after.shape or before.ndim != 1:
        raise InputError(f"expected as many values in a as in b, [N] each; got {before.shape} and {after.shape}")
    change = after - before
    interval = bootstrap_interval(change, clusters, confidence=confidence, n_resamples=n_resamples, seed=seed)
    sums, _ = _cluster_sums(change, clusters)
    p_value = float(sign_flip_p_values(sums[None], n_permutations=n_permutations, seed=seed)[0])
    return PairedDifference(interval.value, interval.low, interval.high, p_value, len(change), len(sums))


def _cluster_sums(values: ArrayLike, clusters: ArrayLike) -> tuple[Floats, Floats]:
    """Sum and count a cluster, in the order of the labels; the order of the rows leaves no trace, not even rounding."""
    numbers = np.asarray(values, np.float64)
    labels = np.asarray(clusters)
    if numbers.ndim != 1 or labels.shape != numbers.shape:
        raise InputError(f"expected values [N] and one cluster label each, got {numbers.shape} and {labels.shape}")
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers)))
        raise InputError(f"value {row} is {numbers[row]}; give every row a finite value (a failure counts as 0)")
    if not len(numbers):
        return np.empty(0), np.empty(0)
    names, codes = np.unique(labels, return_inverse=True)
    order = np.lexsort((numbers, codes))
    sums = np.bincount(codes[order], weights=numbers[order], minlength=len(names)).astype(np.float64)
    return sums, np.bincount(codes, minlength=len(names)).astype(np.float64)


def _cluster_variances(variances: ArrayLike | None, clusters: ArrayLike) -> Floats | None:
    """Sum the variances of each cluster; None where all are 0, as if none were given."""
    if variances is None:
        return None
    sums, _ = _cluster_sums(variances, clusters)
    if np.size(variances) and np.min(variances) < 0:
        raise InputError(f"a variance is {np.min(variances)}; expected 0 or more")
    return sums if sums.any() else None


def _resampled_means(
    sums: Floats, counts: Floats, variances: Floats | None, n_resamples: int, rng: np.random.Generator
) -> tuple[Floats, Floats | None]:
    """Draw clusters, and return the mean of each draw with the standard deviation of its error; None without errors."""
    n = len(sums)
    step = max(1, _BLOCK // n)
    means, spreads = [], []
    for start in range(0, n_resamples, step):
        drawn = rng.integers(0, n, size=(min(step, n_resamples - start), n))
        size = counts[drawn].sum(axis=1)
        means.append(sums[drawn].sum(axis=1) / size)
        if variances is not None:
            spreads.append(np.sqrt(variances[drawn].sum(axis=1)) / size)
    return np.concatenate(means), np.concatenate(spreads) if spreads else None


def sign_flip_p_values(sums: ArrayLike, *, n_permutations: int = 10_000, seed: int = 0) -> Floats:
    """Compute the two-sided p-value of `paired_difference`, "the sign of each cluster's sum is chance", for many rows.

    Args:
        sums: Sum of b - a over each cluster, a row a comparison, `[K, C]`.
        n_permutations: Sign flips, where there are more than `MAX_EXACT_CLUSTERS` clusters; all rows get the same ones.
        seed: Same seed, same p-values.

    Returns:
        `[K]`; NaN where there is no cluster.

    >>> sign_flip_p_values([[1, 1, 0], [0, 0, 0]]).tolist()
    [0.5, 1.0]
    """
    rows = np.asarray(sums, np.float64)
    if rows.ndim != 2:
        raise InputError(f"expected sums [K, C], a row a comparison, got {rows.shape}")
    n, rng = rows.shape[1], np.random.default_rng([seed, 1])
    if not n:
        return np.full(len(rows), np.nan)
    least = np.abs(rows.sum(axis=1)) - 1e-9 * np.maximum(1.0, np.abs(rows).sum(axis=1))
    if n <= MAX_EXACT_CLUSTERS:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return np.asarray((np.abs(signs @ rows.T) >= least).mean(axis=0))
    hits, step = np.zeros(len(rows)), max(1, _BLOCK // n)
    for start in range(0, n_permutations, step):
        signs = 1.0 - 2.0 * rng.integers(0, 2, size=(min(step, n_permutations - start), n))
        hits += (np.abs(signs @ rows.T) >= least).sum(axis=0)
    return np.asarray((1 + hits) / (1 + n_permutations))
