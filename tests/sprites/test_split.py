"""The split of the sprites prompts: sizes, balance, disjoint parts, and suites that are what the command writes."""

from __future__ import annotations

from collections import Counter

import pytest

from dsrbench.prompts import list_suites, parse_prompt, read_suite, write_suite
from dsrbench.prompts.suites import DATA_FOLDER
from dsrbench.sprites.split import (
    DEPTH_SIZES,
    DEPTH_TRIPLES,
    SIZES,
    TRIPLES,
    make_suites,
    split_depth_triples,
    split_triples,
)
from dsrbench.sprites.world import DEPTH_TYPES, TYPES, Gait, check_prompt

SUITES = {"sprites": 60, "sprites-test": 100, "sprites-val": 40, "sprites-train": 244}
DEPTH_SUITES = {"sprites-depth": 60, "sprites-depth-test": 100, "sprites-depth-val": 40, "sprites-depth-train": 500}


@pytest.fixture(scope="module")
def split():
    return split_triples()


def triple_of(prompt):
    return prompt.subject, prompt.object, prompt.type


def test_parts_are_disjoint_and_complete(split):
    assert {name: len(triples) for name, triples in split.items()} == SIZES == {
        "test": 100, "validation": 40, "train": 244,
    }  # fmt: skip
    assert sorted(t for triples in split.values() for t in triples) == sorted(TRIPLES)
    assert len(set(TRIPLES)) == 8 * 8 * 6


@pytest.mark.parametrize("field", [0, 1, 2], ids=["subjects", "objects", "types"])
def test_parts_are_balanced(split, field):
    for name, triples in split.items():
        counts = Counter(triple[field] for triple in triples)
        assert len(counts) == (6 if field == 2 else 8)
        assert max(counts.values()) - min(counts.values()) <= 1, (name, counts)


def test_triples_with_depth_are_split_by_the_same_rule():
    parts = split_depth_triples()
    assert {name: len(triples) for name, triples in parts.items()} == DEPTH_SIZES
    assert sorted(t for triples in parts.values() for t in triples) == sorted(set(DEPTH_TRIPLES))
    for name, triples in parts.items():
        for field, size in enumerate((8, 8, 10)):
            counts = Counter(triple[field] for triple in triples)
            assert len(counts) == size
            assert max(counts.values()) - min(counts.values()) <= 2, (name, counts)


def test_every_pair_of_nouns_is_trained_on(split):
    pairs = Counter(triple[:2] for triple in split["train"])
    assert len(pairs) == 64
    assert min(pairs.values()) >= 2


def test_another_seed_gives_another_split(split):
    assert split_triples(seed=1, swaps=10)["test"] != split["test"]


def test_committed_suites_are_what_the_command_writes(tmp_path):
    for suite in make_suites():
        write_suite(suite, tmp_path / "made.jsonl")
        assert (DATA_FOLDER / f"{suite.name}.jsonl").read_bytes() == (tmp_path / "made.jsonl").read_bytes()
    assert {*SUITES, *DEPTH_SUITES} <= set(list_suites())


@pytest.mark.parametrize(("name", "size"), [*SUITES.items(), *DEPTH_SUITES.items()])
def test_suites(name, size, split):
    suite, with_depth = read_suite(name), name in DEPTH_SUITES
    assert (suite.name, suite.version, len(suite)) == (name, "1.0", size)
    part = next((p for end, p in (("-val", "validation"), ("-train", "train")) if name.endswith(end)), "test")
    assert {prompt.split for prompt in suite} == {part}
    assert {triple_of(prompt) for prompt in suite} <= set((split_depth_triples() if with_depth else split)[part])
    for prompt in suite:
        check_prompt(prompt, types=DEPTH_TYPES if with_depth else TYPES)
        read = parse_prompt(prompt.text)
        assert (*triple_of(read), read.scene) == (*triple_of(prompt), prompt.scene)
        assert any(f" {gait.value} " in prompt.text for gait in Gait)


def test_the_short_suite_is_balanced():
    suite = read_suite("sprites")
    assert Counter(prompt.type for prompt in suite) == dict.fromkeys(TYPES, 10)
    for field in ("subject", "object"):
        counts = Counter(getattr(prompt, field) for prompt in suite)
        assert len(counts) == 8
        assert max(counts.values()) - min(counts.values()) <= 1
