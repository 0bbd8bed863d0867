"""Conflicts of a new entry with the board: its name, its videos, or its base."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dsrbench.board.records import Record, comparable_key, share_of_same

MIN_COMMON_VIDEOS = 0.5
"""Minimum share of common videos at which two entries with equal backends are duplicates, in [0, 1]."""


def find_conflicts(record: Record, others: Sequence[Record]) -> list[str]:
    """Return the conflicts of an entry with others: its name is taken, it is a duplicate, or its base is missing."""
    problems = []
    for other in others:
        if other.name == record.name and same_account(other.account, record.account):
            if not other.withdrawn:
                problems.append("an entry of this name is yours already; withdraw it first, or take another name")
            elif other.id == record.id:
                problems.append(f"this entry was withdrawn on {other.withdrawn[:10]}; submit another one")
        elif _skeleton(other.name) == _skeleton(record.name) and (
            other.name == record.name or not same_account(other.account, record.account)
        ):
            how = "is taken" if other.name == record.name else f"looks like that of entry {other.name!r}"
            problems.append(f"the name {record.name!r} {how}; take another one")
        elif not other.withdrawn and _is_duplicate(record, other):
            problems.append(f"its videos are those of entry {other.name!r}, by the same detector and tracker")
    base = record.entry.base
    current: Mapping[str, Record] = {other.name: other for other in others if not other.withdrawn}
    if base and base not in current:
        problems.append(f"its base {base!r} is no entry of this board; submit that first")
    elif base and record.is_ranked and not _is_alike(record, current[base]):
        problems.append(f"its base {base!r} was not made alike: suite, seeds, counts, detector, tracker must be equal")
    return problems


def same_account(a: str, b: str) -> bool:
    """Tell whether two names are of one account; the Hub ignores case."""
    return a.casefold() == b.casefold()


def _is_alike(record: Record, other: Record) -> bool:
    return other.is_ranked and comparable_key(other.entry) == comparable_key(record.entry)


def _is_duplicate(record: Record, other: Record) -> bool:
    if not (record.boxes_sha256 and other.boxes_sha256):
        return False
    if record.boxes_sha256 == other.boxes_sha256:
        return True
    settings = [(one.entry.detector, one.entry.tracker, one.entry.counts, one.entry.stride) for one in (record, other)]
    return settings[0] == settings[1] and share_of_same(record.sketch, other.sketch) >= MIN_COMMON_VIDEOS


def _skeleton(name: str) -> str:
    """Return a text that is equal for names that look alike.

    >>> _skeleton("Wan-2.1") == _skeleton("wan_2l")
    True
    """
    return re.sub(r"[._-]", "", name.casefold()).translate(str.maketrans("01i", "oll"))
