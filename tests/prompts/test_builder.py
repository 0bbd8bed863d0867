"""Suites of the package: rebuilt from their recipes to the byte, of the hashes that runs record, free of findings."""

from __future__ import annotations

import collections
import dataclasses
import itertools

import pytest

from dsrbench.errors import PromptError
from dsrbench.prompts import list_suites, parse_prompt, read_suite, suites, write_suite
from dsrbench.prompts.builder import build_suite
from dsrbench.prompts.lint import RULES, SIX, lint_suite
from dsrbench.prompts.recipe import Part, Recipe, list_recipes, read_recipe
from dsrbench.prompts.wordings import WORDINGS
from dsrbench.types import Direction, Kind

# A suite whose prompts change gets a new version, and a new line here; runs name suites by these hashes.
HASHES = {
    ("dsr-core", "1.0"): "ba9cde663310a2d24d41126f6f25c557b5ec21ce7356a8017c5533515850c8ba",
    ("dsr-core-mini", "1.0"): "208f0fde94ac94b9e8193a610697d8e9c670e1cbeb47b3a22094a3bc91ec5d02",
    ("dsr-depth", "1.0"): "80755bb7a4d3cd85b17d9020deef7736fa1749f387ffdc3633887e54f028be50",
    ("dsr-static", "1.0"): "1dc5d438ee0439570fbf2f6c1f1e7c3c7ed897b8e2584455bd2cf2a8c510cd3b",
    ("dsr-motion", "1.0"): "cdf7d80f3f55f037ee5108c194a9d8165eb4a15ca53b7367394ad4218c9176c0",
    ("dsr-plus", "1.0"): "92d0a7eb0d7ebc6733f402ec0e391355a06288c71fecb477dd67c025151be999",
    ("dsr-train", "1.0"): "eb18dc91b1baeebc8b9f89b63f3336725d3e57a2c498991d3f4a2b653fda3827",
    ("sprites", "1.0"): "e1ad7f5ff18285e3dcd78aed9232e9fdfa1b55e308db4b3a3461c89b18a0fe7b",
    ("sprites-depth", "1.0"): "ac4d76ab2d9596cc13e5774de099b5c6bd914e465f323ba46f805e85e385812c",
    ("sprites-depth-test", "1.0"): "6551e4492f21db4fc55b2269f4e17c5c6f51f936922d9bc007994bd51aa99992",
    ("sprites-depth-train", "1.0"): "56fad5da3bddb2544ea1080b5dde1526197b232532c2874aceb8b75c56f1022e",
    ("sprites-depth-val", "1.0"): "3df17c4a4aac1017f15fcf37a737ee0a062b2bd47a62340beb8b5e7f505b92b2",
    ("sprites-test", "1.0"): "d6102b3ed5f88e2719785292c5c8d14647a22279413e947c1e601e4bbce2d0d0",
    ("sprites-train", "1.0"): "46c1713456fdad54905c30af45d38ff2724f99feed22bf026c88e9c7effba365",
    ("sprites-val", "1.0"): "1f2c4794aae3e2a308fa9dab69572cd5a3c773b09e00e350cd397832226cafe1",
}
PAPER = ["dsr-core", "dsr-core-mini", "dsr-plus", "dsr-train"]
BUILT = sorted([*PAPER, "dsr-depth", "dsr-static", "dsr-motion"])


def test_every_suite_has_a_hash_of_its_version():
    found = {(name, read_suite(name).version): read_suite(name).sha256 for name in list_suites()}
    assert found == HASHES, "a changed suite needs a new version in its recipe"
    assert list_recipes() == BUILT


@pytest.mark.parametrize("name", BUILT)
def test_a_suite_is_what_its_recipe_builds(name, tmp_path):
    write_suite(build_suite(read_recipe(name)), tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (suites.DATA_FOLDER / f"{name}.jsonl").read_bytes()


@pytest.mark.parametrize("name", BUILT)
def test_a_suite_breaks_no_rule(name):
    others = [read_suite(other) for other in PAPER if other != name and {name, other} != {"dsr-core", "dsr-core-mini"}]
    assert lint_suite(read_suite(name), against=others) == []


def test_what_the_suites_are():
    core, mini, plus, train = map(read_suite, PAPER)
    assert collections.Counter(p.type for p in core) == dict.fromkeys(SIX, 25)
    assert {p.split for p in (*core, *mini, *plus)} == {"test"}
    assert collections.Counter(p.type for p in mini) == dict.fromkeys(SIX, 4)
    assert set(mini.prompts) < set(core.prompts)
    splits = collections.Counter(p.split for p in train)
    assert splits == {"train": 1500, "validation": 120}
    patterns = collections.Counter((p.type, tag) for p in plus for tag in p.tags if tag.startswith("pattern:"))
    assert patterns == {(t, f"pattern:{w}"): 2 for t, w in itertools.product(SIX, WORDINGS)}
    assert {"LTR", "LUR"} < {p.type for p in plus if "chain" in p.tags}
    assert all("U" in p.type for p in plus if "under" in p.tags)


def test_what_the_suites_of_other_kinds_are():
    depth, static, motion = (read_suite(f"dsr-{name}") for name in ("depth", "static", "motion"))
    assert {p.kind for p in depth} == {Kind.DEPTH}
    counts = collections.Counter(p.type for p in depth)
    assert (len(counts), set(counts.values())) == (12, {8})
    assert collections.Counter(p.type for p in static) == dict.fromkeys("LRTUFB", 16)
    assert collections.Counter(p.type for p in motion) == dict.fromkeys([d.value for d in Direction], 16)
    assert all(p.object == "" for p in motion)


def test_pairs_of_training_are_nowhere_else():
    """More than the rule asks: not even in another scene."""
    core, _, plus, train = map(read_suite, PAPER)
    parts = [core.prompts, plus.prompts, read_suite("dsr-train:train").prompts, read_suite("dsr-train:validation")]
    pairs = [{(p.subject, p.object) for p in part} for part in parts]
    assert all(not a & b for a, b in itertools.combinations(pairs, 2))
    assert len(train) == len(parts[2]) + len(parts[3])


@pytest.mark.parametrize("name", BUILT)
def test_every_text_reads_back(name):
    for prompt in read_suite(name).prompts[:: 10 if name == "dsr-train" else 1]:
        read = parse_prompt(prompt.text, id=prompt.id)
        assert read.scene.casefold() == prompt.scene.casefold()
        assert dataclasses.replace(read, scene=prompt.scene, split=prompt.split, tags=prompt.tags) == prompt


@pytest.mark.parametrize("seed", range(4))
def test_any_seed_keeps_the_rules(seed):
    part = Part("test", SIX, 60)
    suite = build_suite(Recipe("toy", "1", seed, (part, dataclasses.replace(part, split="train", size=90))))
    assert len(suite) == 150
    assert [f for f in lint_suite(suite)] == []
    assert suite == build_suite(Recipe("toy", "1", seed, (part, dataclasses.replace(part, split="train", size=90))))
    assert suite != build_suite(Recipe("toy", "1", seed + 1, (part, dataclasses.replace(part, split="train", size=90))))


def test_a_suite_apart_from_another():
    core = read_suite("dsr-core")
    suite = build_suite(Recipe("toy", "1", 0, (Part("test", SIX, 60, common=True),), ("dsr-core",)))
    assert not {(p.subject, p.object) for p in suite} & {(p.subject, p.object) for p in core}


def test_what_cannot_be_built():
    with pytest.raises(PromptError, match="no more plausible pairs for test prompts of TU"):
        build_suite(Recipe("toy", "1", 0, (Part("test", ("TU",), 999, common=True),)))
    with pytest.raises(PromptError, match="has 24 prompts, fewer than the 25 asked for"):
        build_suite(Recipe("toy", "1", 0, of="dsr-core-mini", size=25))
    with pytest.raises(PromptError, match="no suite named 'dsr-cor'; did you mean 'dsr-core"):
        build_suite(Recipe("toy", "1", 0, of="dsr-cor", size=2))


def test_rules_are_named_and_explained():
    assert all(rule.__doc__ for rule in RULES.values())


def test_splits_by_name():
    validation = read_suite("dsr-train:validation")
    assert (validation.name, len(validation)) == ("dsr-train-validation", 120)
    with pytest.raises(PromptError, match="no split 'valid'; did you mean 'validation'"):
        read_suite("dsr-train:valid")
