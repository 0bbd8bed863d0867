"""Samples to look at: the uncertain ones alone, the least certain first."""

from __future__ import annotations

import dataclasses

from factories.samples import make_sample

from dsrbench.analysis import least_certain
from dsrbench.analysis.certainty import count_decisions, decision_variances
from dsrbench.types import Certainty


def test_the_least_certain_first_and_equal_ones_by_id():
    """Those come first whose drawn tracks mostly decide otherwise than the scored one."""
    rows = {"a": (0.7, 0.95), "b": (0.6, 0.25), "c": (0.7, 0.55), "d": (0.7, None), "e": (0.6, 0.45)}
    rows |= {"f": (0.7, 0.1), "g": (0.7, 0.89), "h": (0.6, 0.25), "i": (0.6, 0.1)}
    samples = [make_sample(score, prompt=name, p_pass=p) for name, (score, p) in rows.items()]
    assert [sample.prompt.id for sample in least_certain(samples)] == ["f", "c", "e", "b", "h"]
    assert least_certain(samples[::-1]) == least_certain(samples)
    assert [sample.prompt.id for sample in least_certain(samples, 2)] == ["f", "c"]
    assert [sample.prompt.id for sample in least_certain(samples, 9)][-1] == "g"


def test_certain_and_unknown_ones_are_not_listed():
    assert (
        least_certain([make_sample(0.7), make_sample(0.9, p_pass=0.9), make_sample("invalid"), make_sample("failed")])
        == []
    )
    assert count_decisions([make_sample(0.7), make_sample("invalid")]) == (None, None)


def test_a_sample_without_a_score_has_no_variance():
    invalid = make_sample("invalid")
    score = dataclasses.replace(invalid.score, certainty=Certainty(0.5, 0, 1))
    samples = [make_sample(0.7, p_pass=0.5), make_sample(0.7), dataclasses.replace(invalid, score=score)]
    assert decision_variances(samples) == [0.25, 0, 0]
    assert count_decisions(samples) == (0, 1)
