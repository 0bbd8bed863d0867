"""The audit trail: a line for everything that was asked of the board, in `audit/DATE.jsonl`, each with its forerunner's
hash, so that a line that was changed or taken out shows.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from dsrbench.board.storage import Snapshot, Storage
from dsrbench.errors import StoreError

START = "0" * 64
"""What the first line has for its forerunner's hash."""


@dataclasses.dataclass(frozen=True)
class Event:
    """A line of the trail.

    Attributes:
        event: `received`, `accepted`, `rejected`, `withdrawn` or `re-detected`.
        time: ISO 8601, UTC.
        account: Who asked.
        name: Name of the entry; empty where it could not be read.
        id: Hash of the files submitted.
        token: Another one for every request.
        problems: Why it was rejected.
        previous: Hash of the line before.
    """

    event: str
    time: str
    account: str
    name: str = ""
    id: str = ""
    token: str = ""
    problems: tuple[str, ...] = ()
    previous: str = START


def write_event(
    submissions: Storage, event: Event, *, allow: Callable[[Sequence[Event]], bool] = lambda today: True
) -> bool:
    """Add a line, unless the same request already wrote one of its kind.

    Args:
        submissions: Where the trail is.
        event: Without the hash of the line before.
        allow: Given the events of that day, says whether the line is written; no other is written in between.

    Returns:
        Whether it stands there; False where it was not allowed.

    Raises:
        StoreError: It cannot be written; on the Hub also `HubError` and `DownloadError`.
    """
    written = False

    def edit(seen: Snapshot) -> dict[str, bytes]:
        nonlocal written
        file = max([f"audit/{event.time[:10]}.jsonl", *seen.list("audit/", ".jsonl")[-1:]])  # clocks differ
        text = seen.read(file) if seen.exists(file) else b""
        today = _parse(text, file)
        written = any((e.event, e.token) == (event.event, event.token) for e in today)
        if written or not allow(today):
            return {}
        line = dataclasses.asdict(dataclasses.replace(event, previous=_last_hash(seen)))
        written = True
        return {file: text + json.dumps(line, sort_keys=True, ensure_ascii=False).encode() + b"\n"}

    submissions.change(edit, message=f"{event.event}: {event.name or event.id[:12]}")
    return written


def read_events(submissions: Snapshot, *, day: str = "") -> list[Event]:
    """The trail, oldest first; of one day, "2026-11-22", where that is given.

    Raises:
        StoreError: A line is damaged.
    """
    return [
        event for file in submissions.list(f"audit/{day}", ".jsonl") for event in _parse(submissions.read(file), file)
    ]


def check_trail(submissions: Snapshot) -> list[str]:
    """What was changed or taken out of the trail, a line each; empty where all is whole."""
    problems, before = [], START
    for file in submissions.list("audit/", ".jsonl"):
        for number, line in enumerate(submissions.read(file).splitlines(), start=1):
            try:
                previous = json.loads(line)["previous"]
            except (ValueError, KeyError, TypeError):
                previous = None
            if previous != before:
                problems.append(f"{file}, line {number}: what stands before it was changed or taken out")
            before = hashlib.sha256(line).hexdigest()
    return problems


def stamp(seconds: float) -> str:
    """A time as the trail has it.

    >>> stamp(0)
    '1970-01-01T00:00:00Z'
    """
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _last_hash(seen: Snapshot) -> str:
    for file in reversed(seen.list("audit/", ".jsonl")):
        lines = seen.read(file).splitlines()
        if lines:
            return hashlib.sha256(lines[-1]).hexdigest()
    return START


def _parse(text: bytes, file: str) -> list[Event]:
    events = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            row: dict[str, Any] = json.loads(line)
            events.append(Event(**{**row, "problems": tuple(row["problems"])}))
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{file}, line {number}: not a line of the trail ({error})") from None
    return events
