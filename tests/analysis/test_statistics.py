"""Intervals hold the truth as often as they say, by hand where it can be done, and do not depend on row order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrbench.analysis.statistics import Interval, bootstrap_interval, paired_difference, share_interval
from dsrbench.errors import InputError

ROWS = st.lists(st.tuples(st.floats(-5, 5), st.sampled_from("abcdef")), min_size=1, max_size=40)


def clustered(rng, n_clusters=40, per_cluster=5):
    """Correct-or-not samples whose chance differs by prompt: mostly all right or all wrong. True mean 0.5."""
    chance = rng.beta(0.3, 0.3, n_clusters)
    return (rng.random((n_clusters, per_cluster)) < chance[:, None]).ravel(), np.repeat(
        np.arange(n_clusters), per_cluster
    )


def test_coverage_under_a_known_cluster_model():
    rng = np.random.default_rng(7)
    hits = {"clustered": 0, "naive": 0}
    for i in range(300):
        values, clusters = clustered(rng)
        for name, labels in (("clustered", clusters), ("naive", np.arange(len(values)))):
            interval = bootstrap_interval(values, labels, n_resamples=500, seed=i)
            hits[name] += interval.low <= 0.5 <= interval.high
    assert 270 <= hits["clustered"] <= 298
    assert hits["naive"] < 240


CASES = [
    # what, values, clusters, expected
    ("nothing", [], [], (math.nan, math.nan, math.nan)),
    ("one cluster: no spread to speak of", [1, 0, 1, 0], ["p"] * 4, (0.5, math.nan, math.nan)),
    ("all alike: no width", [1, 1, 1], ["p", "q", "r"], (1, 1, 1)),
    ("two clusters: both ends are drawn a quarter of the time", [0, 1], ["p", "q"], (0.5, 0, 1)),
    ("unequal clusters weigh by their rows", [1, 1, 1, 0], ["p", "p", "p", "q"], (0.75, 0, 1)),
    ("truth values", [True, False], [3, 4], (0.5, 0, 1)),
]


@pytest.mark.parametrize(("what", "values", "clusters", "expected"), CASES, ids=[c[0] for c in CASES])
def test_small_cases(what, values, clusters, expected):
    interval = bootstrap_interval(values, clusters)
    assert (interval.value, interval.low, interval.high) == pytest.approx(expected, nan_ok=True)


def test_ends_agree_with_enumeration():
    # Three clusters with means 0, 0, 1: of the 27 draws 8 have mean 0 and 1 has mean 1, so a 90 % interval is [0, 2/3]
    # (P(mean = 1) = 1/27 = 3.7 % < 5 %), and a 95 % one is [0, 1].
    values, clusters = [0, 0, 1], ["a", "b", "c"]
    assert bootstrap_interval(values, clusters, confidence=0.90, n_resamples=20000) == Interval(
        pytest.approx(1 / 3), 0, pytest.approx(2 / 3)
    )
    assert bootstrap_interval(values, clusters, n_resamples=20000).high == 1


def test_blocks_do_not_change_the_answer(monkeypatch):
    values, clusters = clustered(np.random.default_rng(1))
    whole = bootstrap_interval(values, clusters)
    monkeypatch.setattr("dsrbench.analysis.statistics._BLOCK", 999)
    assert bootstrap_interval(values, clusters) == whole


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_order_leaves_no_trace(rows, random, seed):
    shuffled = random.sample(rows, len(rows))
    answers = [bootstrap_interval(*zip(*r, strict=True), n_resamples=50, seed=seed) for r in (rows, shuffled)]
    assert repr(answers[0]) == repr(answers[1])
    pairs = [
        paired_difference([0.0] * len(r), [v for v, _ in r], [c for _, c in r], n_resamples=50, seed=seed)
        for r in (rows, shuffled)
    ]
    assert repr(pairs[0]) == repr(pairs[1])


@given(ROWS)
@settings(max_examples=50, deadline=None)
def test_ends_hold_the_value(rows):
    interval = bootstrap_interval(*zip(*rows, strict=True), n_resamples=50)
    assert math.isnan(interval.low) or interval.low <= interval.value <= interval.high


def test_seeds():
    values, clusters = clustered(np.random.default_rng(3))
    values = values + np.random.default_rng(4).random(len(values))
    assert bootstrap_interval(values, clusters, seed=1) == bootstrap_interval(values, clusters, seed=1)
    assert bootstrap_interval(values, clusters, seed=1) != bootstrap_interval(values, clusters, seed=2)


PAIRS = [
    # what, change a pair, clusters, difference, p
    ("no pairs", [], [], math.nan, math.nan),
    ("no change", [0, 0, 0], ["p", "q", "r"], 0, 1),
    ("one cluster can always be flipped", [1, 1], ["p", "p"], 1, 1),
    ("three clusters all up: 2 of 8 flips", [1, 1, 1], ["p", "q", "r"], 1, 0.25),
    ("two up, one down: 1 and -1 reach |1| always", [1, 1, -1], ["p", "q", "r"], 1 / 3, 1),
    ("within a cluster changes cancel", [1, -1, 1], ["p", "p", "q"], 1 / 3, 1),
    ("twelve up: exact, 2 of 4096", [1] * 12, list(range(12)), 1, 2 / 4096),
]


@pytest.mark.parametrize(("what", "change", "clusters", "difference", "p"), PAIRS, ids=[c[0] for c in PAIRS])
def test_paired_cases(what, change, clusters, difference, p):
    result = paired_difference([0] * len(change), change, clusters)
    assert (result.difference, result.p_value) == pytest.approx((difference, p), nan_ok=True)
    assert (result.n_pairs, result.n_clusters) == (len(change), len(set(clusters)))


def test_many_clusters_are_corrected_and_symmetric():
    up = paired_difference([0] * 30, [1] * 30, range(30), n_permutations=999)
    assert up.p_value == pytest.approx(1 / 1000)
    down = paired_difference([1] * 30, [0] * 30, range(30), n_permutations=999)
    assert (down.difference, down.p_value) == (-up.difference, up.p_value)


def test_p_values_are_level_when_nothing_differs():
    rng = np.random.default_rng(11)
    below = 0
    for i in range(200):
        a, clusters = clustered(rng, n_clusters=20)
        b, _ = clustered(rng, n_clusters=20)
        below += paired_difference(a, b, clusters, n_resamples=10, n_permutations=200, seed=i).p_value <= 0.1
    assert 6 <= below <= 36


@pytest.mark.parametrize(
    ("values", "clusters", "words"),
    [
        ([1, math.nan], ["a", "b"], "value 1 is nan"),
        ([math.inf], ["a"], "value 0 is inf"),
        ([1, 2], ["a"], "one cluster label each"),
        ([[1], [2]], ["a", "b"], "expected values"),
    ],
)
def test_refusals(values, clusters, words):
    with pytest.raises(InputError, match=words):
        bootstrap_interval(values, clusters)


def test_other_refusals():
    with pytest.raises(InputError, match="as many values"):
        paired_difference([1], [1, 2], ["a"])
    with pytest.raises(InputError, match="confidence"):
        bootstrap_interval([1], ["a"], confidence=95)


@pytest.mark.parametrize(
    ("passed", "clusters", "low", "high"),
    [
        # None of 20 prompts passes: the upper end is z^2 / (n + z^2), not 0.
        ([0] * 20, range(20), 0.0, 1.959964**2 / (20 + 1.959964**2)),
        # All pass: the mirror image.
        ([1] * 20, range(20), 20 / (20 + 1.959964**2), 1.0),
        # Five seeds a prompt are no more than one trial a prompt.
        ([0] * 100, [i // 5 for i in range(100)], 0.0, 1.959964**2 / (20 + 1.959964**2)),
    ],
)
def test_share_interval_has_width_where_all_clusters_agree(passed, clusters, low, high):
    interval = share_interval(passed, list(clusters))
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-6)


def test_share_interval_is_the_bootstrap_elsewhere():
    passed, clusters = [1, 1, 0, 1, 0, 0], [0, 0, 1, 1, 2, 2]
    assert share_interval(passed, clusters) == bootstrap_interval(passed, clusters)


def test_share_interval_says_nothing_of_one_cluster():
    assert np.isnan(share_interval([1, 1], ["a", "a"]).low)


def random_shares(seed, n_clusters=20, per_cluster=5):
    rng = np.random.default_rng(seed)
    passed = rng.random(n_clusters * per_cluster) < 0.6
    return passed, np.repeat(np.arange(n_clusters), per_cluster), rng.uniform(0, 0.25, len(passed))


@pytest.mark.parametrize("seed", range(20))
def test_uncertain_values_make_the_interval_wider_and_leave_the_figure(seed):
    passed, clusters, variances = random_shares(seed)
    exact, uncertain = share_interval(passed, clusters), share_interval(passed, clusters, variances=variances)
    assert uncertain.value == exact.value
    assert 0 <= uncertain.low <= exact.low
    assert exact.high <= uncertain.high <= 1
    assert uncertain.high - uncertain.low > exact.high - exact.low


def test_without_variance_all_stays_as_it_is():
    passed, clusters, _ = random_shares(1)
    for none in (None, np.zeros(len(passed))):
        assert share_interval(passed, clusters, variances=none) == share_interval(passed, clusters)
    assert share_interval([1] * 4, list("abcd"), variances=[0] * 4) == share_interval([1] * 4, list("abcd"))
    assert np.isnan(share_interval([1, 0], ["a", "a"], variances=[0.2, 0.2]).low)


def test_width_is_that_of_both_sources():
    """Many clusters of one value each: the variances of prompts and of decisions add up."""
    rng = np.random.default_rng(0)
    passed = rng.random(4000) < 0.5
    interval = bootstrap_interval(passed, range(4000), variances=[0.25] * 4000, n_resamples=20_000)
    spread = np.sqrt(passed.var() / 4000 + 0.25 / 4000)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * spread, rel=0.03)


@pytest.mark.parametrize("passed", [[True] * 10, [False] * 10])
def test_wilson_gets_wider_too(passed):
    exact = share_interval(passed, range(10))
    little, much = (share_interval(passed, range(10), variances=[v] + [0.0] * 9) for v in (0.01, 0.25))
    widths = [figure.high - figure.low for figure in (exact, little, much)]
    assert widths == sorted(widths)
    assert widths[0] < widths[1]
    assert widths[2] < 1
    assert all(0 <= figure.low <= figure.value <= figure.high <= 1 for figure in (exact, little, much))


def test_the_order_of_the_rows_leaves_no_trace_in_a_wider_interval():
    passed, clusters, variances = random_shares(3)
    order = np.random.default_rng(4).permutation(len(passed))
    moved = share_interval(passed[order], clusters[order], variances=variances[order])
    assert moved == share_interval(passed, clusters, variances=variances)


def test_a_variance_below_zero():
    with pytest.raises(InputError, match="a variance is -1"):
        share_interval([1, 0], ["a", "b"], variances=[0.1, -1])
