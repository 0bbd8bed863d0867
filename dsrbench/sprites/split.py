"""The fixed split of the triples of the sprites world into train, validation and test.

Run `python -m dsrbench.sprites.split` to write the suites, which change only when the rule changes.

The rule, for the 384 triples without depth and for the 640 with depth: number the (subject, object, relation type)
triples, shuffle them with `SEED`, let the first 100 be test, the next 40 validation, the others train. Then try `SWAPS`
random exchanges between two parts and keep each that leaves the parts no less balanced over relation types, subjects,
objects, and their pairs (sum of squared counts). The rule does not depend on any model.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.prompts import Suite, compose_text, write_suite
from dsrbench.prompts.suites import DATA_FOLDER
from dsrbench.sprites.world import ANIMALS, DEPTH_TYPES, OBJECTS, SCENES, TYPES, Gait
from dsrbench.types import Prompt, Relation

SEED = 20260222
"""Random seed of the split."""
SWAPS = 30_000
"""Number of exchanges that are tried."""
VERSION = "1.0"
"""Version of the suites."""

SIZES = {"test": 100, "validation": 40, "train": 244}
"""Number of triples of each part."""

DEPTH_SIZES = {"test": 100, "validation": 40, "train": 500}
"""Number of triples with depth of each part."""

SHOWN = 60
"""Number of test prompts in the suite `sprites`."""

Triple = tuple[str, str, str]
"""Subject, object and relation type."""
Ints = NDArray[np.int64]

TRIPLES: tuple[Triple, ...] = tuple(itertools.product(ANIMALS, OBJECTS, TYPES))
"""All 384 triples of the world."""

DEPTH_TRIPLES: tuple[Triple, ...] = tuple(itertools.product(ANIMALS, OBJECTS, DEPTH_TYPES))
"""All 640 triples with depth."""


def split_triples(*, seed: int = SEED, swaps: int = SWAPS) -> dict[str, list[Triple]]:
    """Divide the triples by the rule above; each part keeps the order of `TRIPLES`."""
    return _split(TRIPLES, SIZES, seed, swaps)


def split_depth_triples(*, seed: int = SEED, swaps: int = SWAPS) -> dict[str, list[Triple]]:
    """Divide the triples with depth by the same rule; each part keeps the order of `DEPTH_TRIPLES`."""
    return _split(DEPTH_TRIPLES, DEPTH_SIZES, seed, swaps)


def _split(triples: Sequence[Triple], sizes: Mapping[str, int], seed: int, swaps: int) -> dict[str, list[Triple]]:
    parts = np.repeat(np.arange(len(sizes)), list(sizes.values()))
    rng = np.random.default_rng(seed)
    parts = _balance(_features(triples), parts[np.argsort(rng.permutation(len(triples)))], rng, swaps)
    return {name: [triples[int(i)] for i in np.flatnonzero(parts == k)] for k, name in enumerate(sizes)}


def make_suites() -> list[Suite]:
    """Make the suites `sprites` and `sprites-depth`, and of each its test, validation and training prompts."""
    splits = {"sprites": split_triples(), "sprites-depth": split_depth_triples()}
    return [suite for name, split in splits.items() for suite in _make_family(name, split)]


def _make_family(family: str, split: Mapping[str, Sequence[Triple]]) -> list[Suite]:
    """Make the suite of a family, and those of its parts."""
    prompts = {name: _prompts(triples, name) for name, triples in split.items()}
    shown = set(_choose_shown(split["test"]))
    chosen = tuple(p for p, t in zip(prompts["test"], split["test"], strict=True) if t in shown)
    return [
        Suite(family, VERSION, chosen),
        Suite(f"{family}-test", VERSION, prompts["test"]),
        Suite(f"{family}-val", VERSION, prompts["validation"]),
        Suite(f"{family}-train", VERSION, prompts["train"]),
    ]


def make_prompt(triple: Triple, *, scene: str, gait: Gait, split: str) -> Prompt:
    """Make the prompt of a triple, with its sentence in canonical form."""
    subject, object_, relations = triple
    return Prompt(
        id=f"{subject}-{object_}-{relations.lower()}",
        text=compose_text(subject=subject, object=object_, relations=relations, scene=scene, verb=gait.value),
        subject=subject,
        object=object_,
        relations=Relation.chain(relations),
        scene=scene,
        split=split,
    )


def _prompts(triples: Sequence[Triple], split: str) -> tuple[Prompt, ...]:
    """Make prompts with scenes and gaits in equal shares, shuffled."""
    rng = np.random.default_rng([SEED, list(SIZES).index(split)])
    looks = list(itertools.product(SCENES, Gait))
    order = np.concatenate([rng.permutation(len(looks)) for _ in range(len(triples) // len(looks) + 1)])
    return tuple(
        make_prompt(triple, scene=looks[k][0], gait=looks[k][1], split=split)
        for triple, k in zip(triples, order[: len(triples)].tolist(), strict=True)
    )


def _choose_shown(triples: Sequence[Triple]) -> list[Triple]:
    rng = np.random.default_rng([SEED, SHOWN])
    parts = (rng.permutation(len(triples)) >= SHOWN).astype(np.int64)
    parts = _balance(_features(triples), parts, rng, SWAPS)
    return [triples[int(i)] for i in np.flatnonzero(parts == 0)]


def _features(triples: Sequence[Triple]) -> Ints:
    """Return the numbers under which each triple is counted, `[N, 6]`: subject, object, type, and each pair of them."""
    names = TYPES if triples[0][2] in TYPES else DEPTH_TYPES
    subjects, objects, types = (
        np.array([list(values).index(triple[k]) for triple in triples])
        for k, values in enumerate((ANIMALS, OBJECTS, names))
    )
    columns = [subjects, objects, types, 8 * subjects + objects, 8 * types + subjects, 8 * types + objects]
    n_types = max(8, len(names))
    starts = np.cumsum([0, 8, 8, n_types, 64, 8 * n_types])
    return np.stack([column + start for column, start in zip(columns, starts, strict=True)], axis=1)


def _balance(features: Ints, parts: Ints, rng: np.random.Generator, swaps: int) -> Ints:
    """Exchange members between parts as long as the sum of squared counts does not grow."""
    parts = parts.copy()
    # Single nouns and types weigh more than pairs.
    weights = np.array([8, 8, 8, 1, 1, 1])
    counts = np.zeros((int(parts.max()) + 1, int(features.max()) + 1), np.int64)
    for part, row in zip(parts, features, strict=True):
        counts[part, row] += 1
    for a, b in rng.integers(0, len(parts), (swaps, 2)).tolist():
        p, q, fa, fb = parts[a], parts[b], features[a], features[b]
        if p == q:
            continue
        # The counts of a feature that both members share do not change.
        change = 2 * (counts[p, fb] - counts[q, fb] + counts[q, fa] - counts[p, fa] + 2)
        if int((weights * change * (fa != fb)).sum()) <= 0:
            counts[p, fa] -= 1
            counts[q, fa] += 1
            counts[p, fb] += 1
            counts[q, fb] -= 1
            parts[a], parts[b] = q, p
    return parts


def main() -> None:
    """Write the suites of the package."""
    DATA_FOLDER.mkdir(exist_ok=True)
    for suite in make_suites():
        write_suite(suite, DATA_FOLDER / f"{suite.name}.jsonl")


if __name__ == "__main__":
    main()
