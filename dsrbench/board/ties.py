"""The ranking of entries: tie groups from paired tests, and the gain of an alignment over its base."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.analysis.statistics import PairedDifference, paired_difference, sign_flip_p_values
from dsrbench.board.records import PUBLISHED, SELF_REPORTED, Record, comparable_key
from dsrbench.board.rules import named_suite
from dsrbench.errors import DSRBenchError
from dsrbench.submission import Entry
from dsrbench.types import Floats

ALPHA = 0.05
"""Significance level: below this p-value an entry is not tied with the best of its group."""

BLOCK = 16
"""Number of entries tested against the best of a group at once."""


@dataclasses.dataclass(frozen=True)
class Placed:
    """An entry with its place on the board.

    Attributes:
        record: Record of the entry on the board.
        key: Key of its comparable set; empty for figures that are never ranked.
        tie: Number of its tie group in the set, 1 for the best; None where it is not ranked.
        base: Name of the entry it was aligned from, if that is on the board and comparable; else empty.
        gain: Gain of Accuracy@0.7 over its base, paired by prompt and seed; None without one.
        aligned: Names of the entries aligned from this one.
    """

    record: Record
    key: str
    tie: int | None = None
    base: str = ""
    gain: PairedDifference | None = None
    aligned: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the entry."""
        return self.record.name

    @property
    def accuracy(self) -> float:
        """Accuracy@0.7 in [0, 1]; NaN where it is unknown."""
        return self.record.figures.headline.value


def place_entries(records: Sequence[Record]) -> tuple[Placed, ...]:
    """Return the entries in the order of the board: in comparable sets, each by Accuracy@0.7, with tie groups.

    Args:
        records: Records of the entries that are not withdrawn.

    Returns:
        The entries, those of the largest set first, then figures without boxes, then published ones.
    """
    sets: dict[str, list[Record]] = {}
    for record in records:
        sets.setdefault(_key(record), []).append(record)
    placed: list[Placed] = []
    for key, members in sorted(sets.items(), key=lambda item: (_last(item[1][0]), -len(item[1]), item[0])):
        placed += _rank(members, key) if not _last(members[0]) else _unranked(members)
    return _link({one.name: one for one in placed})


def cluster_prompts(entry: Entry) -> tuple[str, ...]:
    """Return the source prompt of each sample of an entry, sorted by prompt id and seed.

    Raises:
        DSRBenchError: This dsrbench has not the suite, or another version of it.
    """
    return _clusters(entry.suite.name, entry.suite.sha256, len(entry.seeds))


@functools.lru_cache(maxsize=64)
def _clusters(name: str, sha256: str, n_seeds: int) -> tuple[str, ...]:
    suite = named_suite(name)
    if suite.sha256 != sha256:
        raise DSRBenchError(f"suite {name} has other prompts in this dsrbench")
    return tuple(prompt.source_id for prompt in sorted(suite, key=lambda p: p.id) for _ in range(n_seeds))


def _key(record: Record) -> str:
    if not record.is_ranked:
        return record.tier
    key = comparable_key(record.entry)
    try:
        fits = len(cluster_prompts(record.entry)) == len(record.passed if record.passed is not None else ())
    except DSRBenchError:
        fits = False
    return key if fits else SELF_REPORTED


def _last(record: Record) -> int:
    """Return the place of a record's set: 0 for ranked sets, 1 for figures without boxes, 2 for published ones."""
    return 2 if record.tier == PUBLISHED else int(_key(record) == SELF_REPORTED)


def _unranked(records: Sequence[Record]) -> list[Placed]:
    return sorted((Placed(record, "") for record in records), key=_order)


def _order(placed: Placed) -> tuple[float, str]:
    accuracy = placed.accuracy
    return (-accuracy if accuracy == accuracy else 2.0, placed.name)


def _rank(records: Sequence[Record], key: str) -> list[Placed]:
    """Return the entries of a comparable set with their tie groups; without, where claims are of several kinds."""
    if any(record.is_mixed for record in records):
        return sorted((Placed(record, key) for record in records), key=lambda placed: placed.name)
    ordered = sorted((Placed(record, key) for record in records), key=_order)
    sums = _sum_clusters([one.record.passed for one in ordered], cluster_prompts(ordered[0].record.entry))
    return [dataclasses.replace(one, tie=tie) for one, tie in zip(ordered, tie_groups(sums), strict=True)]


def tie_groups(sums: Floats) -> list[int]:
    """Return the tie group of each entry: entries that cannot be told from the best of their group.

    The best entry opens group 1; the entries after it belong to it until one differs from the best with p < `ALPHA`
    (the test of `dsrbench compare`), which opens the next group.

    Args:
        sums: Number of samples that pass, float64 `[K, C]`: a row an entry, best first, and a column a prompt.

    Returns:
        The group of each entry, from 1.

    >>> tie_groups(np.array([[5.0] * 10, [5.0] * 9 + [4.0], [0.0] * 10]))
    [1, 1, 2]
    """
    ties: list[int] = []
    best, group = 0, 1
    while len(ties) < len(sums):
        start = len(ties)
        block = sums[start : start + BLOCK]
        p_values = sign_flip_p_values(block - sums[best])
        differs = np.flatnonzero((p_values < ALPHA) & (np.arange(start, start + len(block)) != best))
        if len(differs):
            ties += [group] * int(differs[0])
            best, group = len(ties), group + 1
            ties.append(group)
        else:
            ties += [group] * len(block)
    return ties


@functools.lru_cache(maxsize=1024)
def _gain(before: bytes, after: bytes, clusters: tuple[str, ...]) -> PairedDifference:
    """Return the paired difference of two bool vectors; cached, for every change of the board needs it again."""
    a, b = (np.frombuffer(side, bool) for side in (before, after))
    return paired_difference(a, b, clusters)


def _sum_clusters(passed: Sequence[NDArray[np.bool_] | None], clusters: Sequence[str]) -> Floats:
    """Return the number of samples that pass, float64 `[entries, prompts]`."""
    names, codes = np.unique(clusters, return_inverse=True)
    rows = [np.bincount(codes, weights=row, minlength=len(names)) for row in passed if row is not None]
    return np.array(rows, np.float64)


def _link(placed: dict[str, Placed]) -> tuple[Placed, ...]:
    """Return the entries with base, gain and aligned entries filled in."""
    aligned: dict[str, list[str]] = {}
    for name, one in placed.items():
        base = placed.get(one.record.entry.base)
        if base is None or not one.key or base.key != one.key or base.name == name:
            continue
        before, after = base.record.passed, one.record.passed
        if before is None or after is None:
            continue
        gain = _gain(before.tobytes(), after.tobytes(), cluster_prompts(one.record.entry))
        placed[name] = dataclasses.replace(one, base=base.name, gain=gain)
        aligned.setdefault(base.name, []).append(name)
    return tuple(dataclasses.replace(one, aligned=tuple(aligned.get(name, ()))) for name, one in placed.items())
