"""The rules of a board, `board.json` in its results: suites with their seeds, and submissions per day."""

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
"""Seeds of a board without rules of its own."""

SUITES = (
    *("dsr-core", "dsr-core-mini", "dsr-plus", "dsr-static", "dsr-depth", "dsr-motion"),
    *("sprites", "sprites-test", "sprites-depth", "sprites-depth-test"),
)
"""Suites of a board without rules of its own; training and validation prompts are not among them."""


@dataclasses.dataclass(frozen=True)
class Rules:
    """The rules of a board.

    Attributes:
        suites: Required seeds of every prompt, by the name of the suite.
        quota: Maximum number of submissions per account and day (UTC), rejected ones included.
        self_reported: Whether figures without boxes are accepted; they are shown apart, and not ranked.
        maintainers: Accounts that may withdraw any entry, and raise one to the tier `re-detected`.
        title: Title of the board; empty for the default one.
    """

    suites: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=lambda: dict.fromkeys(SUITES, SEEDS))
    quota: int = 10
    self_reported: bool = False
    maintainers: tuple[str, ...] = ()
    title: str = ""

    def find_suite(self, name: str, version: str) -> Suite:
        """Return one of the board's suites.

        Raises:
            SubmissionError: The board does not accept the suite, or has another version of it.
        """
        if name not in self.suites:
            raise SubmissionError(f"suite {name!r} is not one of this board's{near_matches(name, self.suites)}")
        return find_version(name, version)

    def check_seeds(self, suite: str, seeds: tuple[int, ...]) -> None:
        """Check that an entry has the required seeds.

        Raises:
            SubmissionError: The entry has other seeds.
        """
        required = self.suites[suite]
        if sorted(seeds) != sorted(required):
            raise SubmissionError(
                f"entries of {suite} have the seeds {_list(required)} here, this one has {_list(seeds)}"
            )


def read_rules(results: Snapshot) -> Rules:
    """Read the rules of a board.

    Raises:
        StoreError: `board.json` is damaged, or names an unknown suite.
    """
    if not results.exists(FILE):
        return Rules()
    try:
        row: dict[str, Any] = json.loads(results.read(FILE))
        default = Rules()
        rules = Rules(
            suites={str(name): tuple(map(int, seeds)) for name, seeds in row.get("suites", default.suites).items()},
            quota=int(row.get("quota", default.quota)),
            self_reported=row.get("self_reported", default.self_reported) is True,
            maintainers=tuple(map(str, row.get("maintainers", ()))),
            title=str(row.get("title", "")),
        )
        for name in rules.suites:
            named_suite(name)
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"{FILE} of the board is damaged: {error}") from None
    return rules


def find_version(name: str, version: str) -> Suite:
    """Return a suite of the package, given its version.

    Raises:
        SubmissionError: The suite does not exist, or has another version.
    """
    suite = named_suite(name)
    if version != suite.version:
        raise SubmissionError(f"suite {name} has version {suite.version} here, the entry is of {version!r}")
    return suite


@functools.lru_cache(maxsize=32)
def named_suite(name: str) -> Suite:
    """Return a suite of the package by the name in its runs, which is `SUITE-SPLIT` for a split.

    Raises:
        SubmissionError: The suite does not exist.
        PromptError: The suite has no such split.
    """
    suites = list_suites()
    if name in suites:
        return read_suite(name)
    for suite in suites:
        if name.startswith(f"{suite}-"):
            return read_suite(f"{suite}:{name.removeprefix(f'{suite}-')}")
    raise SubmissionError(f"suite {name!r} does not come with this dsrbench{near_matches(name, suites)}")


def _list(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, sorted(seeds)[:12])) + (" ..." if len(seeds) > 12 else "")
