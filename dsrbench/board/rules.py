"""What a board takes: which suites with which seeds, and how many submissions a day; `board.json` in its results."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from typing import Any

from dsrbench.board.storage import Snapshot
from dsrbench.errors import StoreError, near_matches
from dsrbench.prompts import Suite, list_suites, read_suite
from dsrbench.submission import SubmissionError

FILE = "board.json"

SEEDS = (0, 1, 2, 3, 4)

SUITES = ("dsr-core", "dsr-core-mini", "dsr-plus", "sprites", "sprites-test")
"""Suites of a board that says nothing else; training and validation prompts are not among them."""


@dataclasses.dataclass(frozen=True)
class Rules:
    """What is taken in.

    Attributes:
        suites: Seeds every prompt must have, for each suite's name.
        quota: Submissions of one account in a day (UTC), rejected ones too.
        self_reported: Whether figures without boxes are taken too; they are shown apart, and not ranked.
        maintainers: Accounts that may withdraw any entry, and raise one to the tier `re-detected`.
        title: Title of the board; empty for the usual one.
    """

    suites: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=lambda: dict.fromkeys(SUITES, SEEDS))
    quota: int = 10
    self_reported: bool = False
    maintainers: tuple[str, ...] = ()
    title: str = ""

    def find_suite(self, name: str, version: str) -> Suite:
        """One of the board's suites.

        Raises:
            SubmissionError: It is none of them, or there is no such version of it.
        """
        if name not in self.suites:
            raise SubmissionError(f"suite {name!r} is not one of this board's{near_matches(name, self.suites)}")
        return find_version(name, version)

    def check_seeds(self, suite: str, seeds: tuple[int, ...]) -> None:
        """See that an entry has the seeds the board asks for.

        Raises:
            SubmissionError: It has others.
        """
        wanted = self.suites[suite]
        if sorted(seeds) != sorted(wanted):
            raise SubmissionError(
                f"entries of {suite} have the seeds {_list(wanted)} here, this one has {_list(seeds)}"
            )


def read_rules(results: Snapshot) -> Rules:
    """The rules of a board.

    Raises:
        StoreError: Its `board.json` is damaged or asks for a suite there is none of.
    """
    if not results.exists(FILE):
        return Rules()
    try:
        row: dict[str, Any] = json.loads(results.read(FILE))
        usual = Rules()
        rules = Rules(
            suites={str(name): tuple(map(int, seeds)) for name, seeds in row.get("suites", usual.suites).items()},
            quota=int(row.get("quota", usual.quota)),
            self_reported=row.get("self_reported", usual.self_reported) is True,
            maintainers=tuple(map(str, row.get("maintainers", ()))),
            title=str(row.get("title", "")),
        )
        for name in rules.suites:
            named_suite(name)
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"{FILE} of the board is damaged: {error}") from None
    return rules


def find_version(name: str, version: str) -> Suite:
    """A suite that comes with the package, in one version.

    Raises:
        SubmissionError: There is none of that name, or in another version.
    """
    suite = named_suite(name)
    if version != suite.version:
        raise SubmissionError(f"suite {name} has version {suite.version} here, the entry is of {version!r}")
    return suite


@functools.lru_cache(maxsize=32)
def named_suite(name: str) -> Suite:
    """A suite that comes with the package, by the name its runs have: of a split, `SUITE-SPLIT`.

    Raises:
        SubmissionError: There is none.
        PromptError: The suite has no such split.
    """
    known = list_suites()
    if name in known:
        return read_suite(name)
    for suite in known:
        if name.startswith(f"{suite}-"):
            return read_suite(f"{suite}:{name.removeprefix(f'{suite}-')}")
    raise SubmissionError(f"suite {name!r} does not come with this dsrbench{near_matches(name, known)}")


def _list(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, sorted(seeds)[:12])) + (" ..." if len(seeds) > 12 else "")
