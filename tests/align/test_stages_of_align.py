"""Stages of an alignment that need no model: what cannot be paired, and which round begins with what."""

from __future__ import annotations

import dataclasses
import types

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from report.made import make_sample

from dsrbench.align.stages import Alignment
from dsrbench.errors import InputError


def make(out, *samples):
    work = Alignment("m", out / "model", None, out, lambda adapter: types.SimpleNamespace(instance=None))
    work.candidates.compact(samples)
    return work


def test_no_prompt_with_both(tmp_path):
    work = make(
        tmp_path, make_sample(0.9, prompt="a"), make_sample(0.2, prompt="b"), make_sample("invalid", prompt="c")
    )
    expected = "0 pairs; of the prompts 0 have winners and losers, 1 only winners, 1 only losers, 1 no scored clip"
    with pytest.raises(InputError, match=f"no pairs to train on: {expected}; make more candidates a prompt"):
        work.make_pairs()
    assert not (work.home / "pairs.jsonl").exists()


def test_all_invalid(tmp_path):
    work = make(tmp_path, *(make_sample("invalid", prompt=p, seed=n) for p in "ab" for n in range(3)))
    with pytest.raises(InputError, match="0 only winners, 0 only losers, 2 no scored clip"):
        work.make_pairs()


def test_a_round_begins_with_the_adapter_of_the_one_before(tmp_path):
    work = make(tmp_path)
    assert work.start is None
    second = dataclasses.replace(work, number=2)
    with pytest.raises(InputError, match="round 2 begins with the adapter of the round before"):
        _ = second.start
    work.adapter.mkdir(parents=True)
    (work.adapter / "pytorch_lora_weights.safetensors").write_bytes(b"")
    assert second.start == tmp_path / "round-1" / "adapter"
    assert second.home == tmp_path / "round-2"
