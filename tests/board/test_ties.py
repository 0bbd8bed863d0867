from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrbench.analysis.statistics import paired_difference, sign_flip_p_values
from dsrbench.board.ties import ALPHA, tie_groups
from dsrbench.errors import InputError


@given(st.integers(2, 30), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_the_test_is_that_of_compare(n_prompts, luck):
    rng = np.random.default_rng(luck)
    a, b = rng.random((2, n_prompts, 5)) < rng.random((2, 1, 1))
    prompts = np.repeat(np.arange(n_prompts), 5)
    one = paired_difference(a.ravel(), b.ravel(), prompts).p_value
    many = sign_flip_p_values([np.zeros(n_prompts), b.sum(1) - a.sum(1), a.sum(1) - b.sum(1)])
    assert many[0] == 1
    assert many[1] == many[2] == one


def test_p_values_of_nothing():
    assert np.isnan(sign_flip_p_values(np.empty((2, 0)))).all()
    assert sign_flip_p_values(np.empty((0, 5))).shape == (0,)
    with pytest.raises(InputError, match=r"expected sums \[K, C\]"):
        sign_flip_p_values([1.0, 2.0])


def rows(*shares, n_prompts=60, luck=0):
    """Sums of entries that pass so many of the five samples of each prompt."""
    rng = np.random.default_rng(luck)
    return np.array([rng.binomial(5, share, n_prompts) for share in shares], float)


@pytest.mark.parametrize(
    ("sums", "ties"),
    [
        (np.empty((0, 5)), []),
        (rows(0.5), [1]),
        (rows(0.9, 0.5, 0.1), [1, 2, 3]),
        (np.repeat(rows(0.5), 4, axis=0), [1, 1, 1, 1]),
        (np.repeat(rows(0.9, 0.2), [20, 40], axis=0), [1] * 20 + [2] * 40),  # more than are tested in one go
    ],
)
def test_groups(sums, ties):
    assert tie_groups(sums) == ties


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_each_group_is_tied_with_its_best_and_not_with_the_one_before(shares, luck):
    sums = rows(*shares, n_prompts=10, luck=luck)
    sums = sums[np.argsort(-sums.sum(1), kind="stable")]
    ties = tie_groups(sums)
    assert ties[0] == 1
    for n, tie in enumerate(ties):
        best = ties.index(tie)
        p_value = sign_flip_p_values([sums[n] - sums[best]])[0]
        assert p_value >= ALPHA
        assert tie - ties[max(n - 1, 0)] in (0, 1)
        if n == best and tie > 1:
            assert sign_flip_p_values([sums[n] - sums[ties.index(tie - 1)]])[0] < ALPHA
