"""Preference pairs: who wins, who loses, who takes no part, caps, and the file."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from dsrbench.dataset import make_pairs, read_pairs, write_pairs
from dsrbench.errors import InputError, OptionError
from dsrbench.store import Sample
from dsrbench.types import Diagnosis, Prompt, Status, VideoScore


def sample(prompt_id, seed, score, *, visited=True, text_used=""):
    prompt = Prompt(prompt_id, f"text of {prompt_id}", "cat", "box", "LR")
    if score is None:
        outcome = VideoScore.invalid("no cat")
    else:
        nothing = np.zeros(4)
        outcome = VideoScore(
            *(Status.SCORED, "", score, 0.0, 0.0, 0.0, 0.0, nothing, nothing),
            n_scored=4,
            visited=visited,
            diagnosis=Diagnosis.OTHER,
        )
    name = f"{prompt_id}_seed{seed}.mp4"
    return Sample("m", prompt, seed, outcome, name, f"{prompt_id}{seed}".rjust(64, "0"), text_used=text_used)


def run(**scores):
    return [sample(prompt, seed, score) for prompt, some in scores.items() for seed, score in enumerate(some)]


def test_winners_losers_and_those_who_take_no_part():
    pairs, report = make_pairs(run(a=[0.9, 0.2, None, 0.7], b=[0.8, 0.9], c=[0.1, None], d=[None]))
    assert [(p.prompt_id, p.winner.seed, p.loser.seed) for p in pairs] == [("a", 0, 1), ("a", 3, 1)]
    assert pairs[0].margin == pytest.approx(0.7)
    assert (report.n_pairs, report.with_both, report.only_winners, report.only_losers, report.unscored) == (
        2,
        1,
        1,
        1,
        1,
    )
    assert str(report) == (
        "2 pairs; of the prompts 1 have winners and losers, 1 only winners, 1 only losers, 1 no scored clip"
    )


def test_the_threshold_belongs_to_the_winners():
    pairs, _ = make_pairs(run(a=[0.7, 0.6999999]))
    assert (pairs[0].winner.seed, pairs[0].loser.seed) == (0, 1)
    assert make_pairs(run(a=[0.7, 0.6]), threshold=0.75)[0] == []


def test_a_chain_that_did_not_visit_its_middle_loses():
    clips = [sample("a", 0, 0.9), sample("a", 1, 0.9, visited=False)]
    (pair,), _ = make_pairs(clips)
    assert (pair.winner.seed, pair.loser.seed) == (0, 1)


def test_a_margin():
    clips = run(a=[0.72, 0.9, 0.5], b=[0.71, 0.69])
    pairs, report = make_pairs(clips, margin=0.3)
    assert [(p.prompt_id, p.winner.seed) for p in pairs] == [("a", 1)]
    assert (report.with_both, report.too_close) == (2, 1)


def test_a_cap_uses_clips_equally_often_and_is_seeded():
    clips = run(a=[0.9] * 4 + [0.1] * 4, b=[0.9, 0.1])
    pairs, _ = make_pairs(clips, per_prompt=4)
    assert Counter(p.prompt_id for p in pairs) == {"a": 4, "b": 1}
    of_a = [p for p in pairs if p.prompt_id == "a"]
    assert len({p.winner.seed for p in of_a}) == len({p.loser.seed for p in of_a}) == 4
    assert make_pairs(reversed(clips), per_prompt=4)[0] == pairs
    assert any(make_pairs(clips, per_prompt=4, seed=s)[0] != pairs for s in range(1, 5))


def test_the_text_the_model_was_given(tmp_path):
    clips = [sample("a", 0, 0.9, text_used="said"), sample("a", 1, 0.1, text_used="said")]
    (pair,), _ = make_pairs(clips)
    assert pair.text == "said"
    write_pairs(tmp_path / "pairs.jsonl", [pair])
    assert read_pairs(tmp_path / "pairs.jsonl") == [pair]
    row = json.loads((tmp_path / "pairs.jsonl").read_text())
    assert sorted(row) == ["loser", "margin", "prompt_id", "text", "winner"]
    assert sorted(row["winner"]) == ["score", "seed", "sha256", "video"]


@pytest.mark.parametrize("options", [{"threshold": 1.2}, {"margin": -0.1}, {"per_prompt": 0}])
def test_options_out_of_range(options):
    with pytest.raises(OptionError):
        make_pairs([], **options)


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"winner": {}, "loser": {}}', '"text"'])
def test_files_that_are_no_pairs(tmp_path, line):
    good = make_pairs(run(a=[0.9, 0.1]))[0]
    write_pairs(tmp_path / "pairs.jsonl", good)
    with (tmp_path / "pairs.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=r"pairs\.jsonl, line 2: (no pair|not JSON|expected a JSON object)"):
        read_pairs(tmp_path / "pairs.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        read_pairs(tmp_path / "nowhere.jsonl")
