"""Rewards of candidates by hand, prompts without a signal, and the budget of the next round."""

from __future__ import annotations

import math

import pytest
from factories.samples import SAMPLES, make_sample
from hypothesis import given
from hypothesis import strategies as st

from dsrbench.alignment.rewards import (
    make_clips,
    normalise_rewards,
    plan_budget,
    read_clips,
    write_clips,
)
from dsrbench.errors import InputError


def test_rewards_by_hand():
    rewards = normalise_rewards([0.2, 0.6, 1.0])
    spread = math.sqrt((0.16 + 0 + 0.16) / 3)
    assert rewards == pytest.approx([0.5 - 0.4 / (4 * spread), 0.5, 0.5 + 0.4 / (4 * spread)])
    one_of_ten = normalise_rewards([1.0] + [0.0] * 9)
    assert one_of_ten[0] == 1.0, "an advantage of 3 is held at 1"
    assert one_of_ten[1:] == pytest.approx([0.5 - 1 / 12] * 9)


def test_small_differences_count_less_where_a_smallest_spread_is_set():
    assert normalise_rewards([0.8, 0.9]) == pytest.approx([0.25, 0.75])
    assert normalise_rewards([0.8, 0.9], min_spread=0.1) == pytest.approx([0.375, 0.625])
    assert normalise_rewards([0.0, 1.0], min_spread=0.1) == pytest.approx([0.25, 0.75])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_rewards_lie_in_0_to_1_and_follow_the_scores(scores):
    rewards = normalise_rewards(scores)
    if rewards is None:
        assert max(scores) - min(scores) < 1e-4
        return
    assert all(0 <= reward <= 1 for reward in rewards)
    ordered = sorted(zip(scores, rewards, strict=True))
    assert [reward for _, reward in ordered] == sorted(rewards)


def test_prompts_without_a_signal_are_left_out():
    mixed = [make_sample(0.9, prompt="a"), make_sample(0.5, prompt="a", seed=1)]
    more = [make_sample("invalid", prompt="a", seed=2), make_sample(0.8, prompt="b"), make_sample("failed", prompt="d")]
    more += [make_sample(0.4, prompt="c", seed=seed) for seed in range(2)]
    clips, report = make_clips([*more, *mixed])
    assert [(clip.prompt_id, clip.text, clip.clip.seed, clip.reward) for clip in clips] == [
        ("a", "text of a", 0, pytest.approx(0.75)),
        ("a", "text of a", 1, pytest.approx(0.25)),
    ]
    assert str(report) == (
        "2 clips with rewards of 1 prompts; left out are 2 prompts whose clips all score the same, 1 without a scored "
        "clip"
    )


def test_clips_are_written_and_read(tmp_path):
    clips, _ = make_clips([make_sample(score, seed=seed) for seed, score in enumerate((0.1, 0.9))])
    write_clips(tmp_path / "clips.jsonl", clips)
    assert read_clips(tmp_path / "clips.jsonl") == clips
    with (tmp_path / "clips.jsonl").open("a") as file:
        file.write('{"prompt_id": "p"}\n')
    with pytest.raises(InputError, match=r"clips\.jsonl, line 3: no clip with a reward"):
        read_clips(tmp_path / "clips.jsonl")
    with pytest.raises(InputError, match="clips with rewards cannot be read"):
        read_clips(tmp_path / "nowhere.jsonl")


def draw(**passes):
    """Four candidates of each prompt, of which some pass."""
    return [make_sample(0.9 if n < k else 0.1, prompt=p, seed=n) for p, k in passes.items() for n in range(4)]


def test_settled_prompts_give_candidates_to_mixed_ones():
    budget = plan_budget(draw(all=4, none=0, half=2, one=1, three=3), usual=4, settled_share=0.5)
    assert budget.counts == {"all": 2, "none": 2, "half": 6, "one": 5, "three": 5}
    assert (budget.first_seed, budget.settled) == (4, 2)
    assert str(budget) == (
        "2 of 5 prompts are settled: all of their last candidates passed, or none; 20 new candidates, 2 to 6 a prompt"
    )


def test_what_cannot_be_divided_goes_to_the_most_mixed():
    budget = plan_budget(draw(a=4, b=3, c=2, d=1), usual=4, settled_share=0.75)
    assert budget.counts == {"a": 3, "b": 4, "c": 5, "d": 4}


@pytest.mark.parametrize(
    ("passes", "share", "expected"),
    [
        ({"a": 4, "b": 0}, 0.5, {"a": 4, "b": 4}),  # nobody to give them to
        ({"a": 4, "b": 2}, 1.0, {"a": 4, "b": 4}),  # none are moved
        ({"a": 4, "b": 2}, 0.0, {"a": 2, "b": 6}),  # one alone would have none to be compared with
        ({"a": 4, "b": 4, "c": 0, "d": 2}, 0.0, {"a": 2, "b": 2, "c": 2, "d": 8}),  # at most twice as many
    ],
)
def test_bounds_of_the_budget(passes, share, expected):
    assert plan_budget(draw(**passes), usual=4, settled_share=share).counts == expected


def test_invalid_candidates_do_not_pass():
    samples = [make_sample("invalid", seed=0), make_sample(0.9, seed=1)]
    assert plan_budget(samples, usual=4, settled_share=0.5).settled == 0
    assert plan_budget(samples[:1], usual=4, settled_share=0.5).settled == 1


@given(SAMPLES, st.integers(2, 8), st.floats(0, 1), st.randoms())
def test_a_budget_is_that_of_the_samples_in_any_order_and_never_more(samples, usual, share, random):
    budget = plan_budget(samples, usual=usual, settled_share=share)
    random.shuffle(samples)
    assert plan_budget(samples, usual=usual, settled_share=share) == budget
    assert sum(budget.counts.values()) <= usual * len(budget.counts)
    assert all(2 <= count <= 2 * usual for count in budget.counts.values())
    assert budget.first_seed > max(sample.seed for sample in samples)
