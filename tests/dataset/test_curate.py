"""The rules one by one: splits, copies, likeness, caps, balance; and the pictures of the card."""

from __future__ import annotations

import xml.dom.minidom
from collections import Counter

import numpy as np
import pytest

from dsrbench.dataset.curate import Candidate, Rules, assign_splits, curate
from dsrbench.dataset.likeness import differing_bits, hash_video
from dsrbench.dataset.plots import stacked_bars
from dsrbench.errors import OptionError
from dsrbench.types import Prompt, Status
from dsrbench.video import write_mp4


def candidate(number, *, prompt="p", type="LR", label="winner", likeness=None):
    bits = np.random.default_rng(number).bytes(32) if likeness is None else likeness
    score, name = float(label == "winner"), f"{number}.mp4"
    facts = (prompt, type, Status.SCORED, score, "correct", label, name, 1000, f"{number:064x}", bits)
    return Candidate(0, number, *facts, (16, 48, 32, 8.0))


def kept(candidates, splits=None, **rules):
    found, dropped = curate(
        candidates, splits or dict.fromkeys([c.prompt_id for c in candidates], "train"), Rules(**rules)
    )
    assert len(found) + dropped.total() == len(candidates)
    assert [c.row for c in found] == sorted(c.row for c in found)
    return found, dict(dropped)


def test_a_cap_keeps_winners_and_losers_in_equal_numbers():
    clips = [candidate(n, label="winner" if n < 3 else "loser") for n in range(20)]
    found, dropped = kept(clips, per_prompt=8)
    assert dropped == {"cap": 12}
    assert Counter(c.label for c in found) == {"winner": 3, "loser": 5}
    again, _ = kept(clips, per_prompt=8)
    assert again == found
    assert any(kept(clips, per_prompt=8, seed=s)[0] != found for s in range(1, 4))


def test_balance_is_by_the_median_type_of_a_split():
    counts = {"LR": 30, "LT": 4, "RL": 4}
    clips = [
        candidate(100 * i + n, prompt=f"{type}{n % 3}", type=type)
        for i, (type, count) in enumerate(counts.items())
        for n in range(count)
    ]
    found, dropped = kept(clips, per_prompt=0)
    assert dropped == {"balance": 22}
    assert Counter(c.type for c in found) == {"LR": 8, "LT": 4, "RL": 4}
    assert set(Counter(c.prompt_id for c in found if c.type == "LR").values()) == {2, 3}, "prompts lose in turn"
    # another split has its own median
    splits = {f"{type}{n}": "test" if type == "LR" else "train" for type in counts for n in range(3)}
    assert kept(clips, splits, per_prompt=0)[1] == {}
    assert kept(clips, per_prompt=0, balance=0)[1] == {}


def test_what_looks_the_same_is_dropped_within_prompt_and_label():
    near = bytes([7]) + bytes(31)
    clips = [candidate(0, likeness=bytes(32)), candidate(1, likeness=near), candidate(2, likeness=near, label="loser")]
    clips.append(candidate(3, likeness=near, prompt="q"))
    found, dropped = kept(clips, near_duplicates=1)
    assert ([c.row for c in found], dropped) == ([0, 2, 3], {"near_duplicate": 1})
    assert kept(clips, near_duplicates=0.5)[1] == {}
    same = [candidate(0), candidate(0), candidate(1)]
    assert curate(same, {"p": "train"}, Rules(near_duplicates=-1))[1] == {"copy": 1}


def test_splits_keep_what_belongs_together():
    prompts = [
        Prompt(f"{i}{code}", "text", f"cat{i}", "box", code, scene="a beach")
        for i in range(20)
        for code in ("LR", "RL")
    ]
    splits = assign_splits(prompts, Rules(validation=0.2, test=0.1))
    assert Counter(splits.values()) == {"train": 28, "validation": 8, "test": 4}
    assert all(splits[f"{i}LR"] == splits[f"{i}RL"] for i in range(20))
    assert assign_splits(reversed(prompts), Rules(validation=0.2, test=0.1)) == splits
    with pytest.raises(OptionError, match="is of split 'dev'"):
        assign_splits([Prompt("a", "text", "cat", "box", "LR", split="dev")], Rules())


def test_a_clip_encoded_again_is_alike_and_another_is_not(tmp_path):
    pytest.importorskip("imagehash")
    rng = np.random.default_rng(0)
    first, other = (np.kron(rng.integers(0, 255, (9, 6, 8, 3)), np.ones((1, 12, 12, 1))).astype(np.uint8) for _ in "ab")
    for name, frames, crf in (("a", first, 10), ("b", first, 20), ("c", other, 10)):
        write_mp4(tmp_path / f"{name}.mp4", frames, fps=8, crf=crf)
    a, b, c = (hash_video(tmp_path / f"{name}.mp4") for name in "abc")
    assert len(a) == 32
    assert differing_bits(a, b) <= 4 < 16 < differing_bits(a, c)
    write_mp4(tmp_path / "one.mp4", first[:1], fps=8)
    one = hash_video(tmp_path / "one.mp4")
    assert one == one[:8] * 4


def test_bars():
    drawn = xml.dom.minidom.parseString(stacked_bars("<a> & b", {"x<": {"p": 3, "q": 1}, "y": {}}, ["p", "q", "r"]))
    assert drawn.documentElement.getAttribute("aria-label") == "<a> & b"
    texts = [node.firstChild.data for node in drawn.getElementsByTagName("text")]
    assert texts == ["<a> & b", "0", "2", "4", "x<", "y", "p", "q"]
    heights = [float(node.getAttribute("height")) for node in drawn.getElementsByTagName("rect")][1:3]
    assert heights[0] == pytest.approx(3 * heights[1], abs=0.3)
    assert stacked_bars("none", {}, [])
