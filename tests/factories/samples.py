"""Samples made from a few numbers, without videos."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from dsrbench.store import Sample, VideoRecord
from dsrbench.types import Certainty, Diagnosis, Prompt, Relation, Status, VideoScore


def make_score(score, *, visited=None, n_scored=20, p_pass=None):
    """A score from a number, with a certainty where `p_pass` is given; from `invalid` or `failed` one without."""
    if score == "invalid":
        return VideoScore.invalid("too few scored frames: 3 of at least 20", 3)
    if score == "failed":
        return VideoScore.failed("/data/x.mp4: no such file")
    part = 2 * score - 1
    diagnosis = Diagnosis.CORRECT if score >= 0.7 and visited is not False else Diagnosis.OTHER
    certainty = Certainty(p_pass, max(0.0, score - 0.1), min(1.0, score + 0.1)) if p_pass is not None else None
    facts = {"n_scored": n_scored, "visited": visited, "diagnosis": diagnosis, "certainty": certainty}
    return VideoScore(Status.SCORED, "", score, *[part] * 4, **facts)


def make_sample(score, *, prompt="p", seed=0, model="m", type="LR", visited=None, p_pass=None, **facts):
    """One sample; `score` as in `make_score`."""
    asked = Prompt(prompt, f"text of {prompt}", "cat", "box", Relation.chain(type))
    return Sample(model, asked, seed, make_score(score, visited=visited, p_pass=p_pass), **{"n_frames": 81, **facts})


def write_tables(run, samples):
    """Write the tables of a finished run."""
    run.write_tables((sample, VideoRecord()) for sample in sorted(samples, key=lambda sample: sample.id))


SCORES = st.one_of(st.floats(0, 1), st.sampled_from(["invalid", "failed", 0.7, 0.0, 1.0]))

SAMPLES = st.lists(
    st.builds(
        make_sample,
        SCORES,
        prompt=st.sampled_from("pqrs"),
        seed=st.integers(0, 50),
        model=st.sampled_from(["m", "n"]),
        type=st.sampled_from(["LR", "TL", "LTR"]),
        visited=st.sampled_from([None, False, True]),
    ),
    min_size=1,
    max_size=25,
)


def is_nan(value):
    return isinstance(value, float) and math.isnan(value)
