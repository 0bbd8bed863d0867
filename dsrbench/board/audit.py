"""The audit trail: a line for every request to the board, in `audit/DATE.jsonl`.

Each line has the hash of the line before, so that a line that was changed or removed is noticed.
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
"""Hash that the first line has in place of the one of a line before."""


@dataclasses.dataclass(frozen=True)
class Event:
    """A line of the trail.

    Attributes:
        event: `received`, `accepted`, `rejected`, `withdrawn` or `re-detected`.
        time: Time of the event, ISO 8601 in UTC.
        account: Account that made the request.
        name: Name of the entry; empty where it could not be read.
        id: Hash of the files submitted.
        token: Random text, a different one for each request.
        problems: Reasons of a rejection.
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
        submissions: Storage of the trail.
        event: Event without the hash of the line before.
        allow: Function from the events of that day to whether the line may be written; no other writer comes between.

    Returns:
        Whether the trail has the line; False where it was not allowed.

    Raises:
        StoreError: The trail cannot be written; on the Hub also `HubError` and `DownloadError`.
    """
    written = False

    def edit(snapshot: Snapshot) -> dict[str, bytes]:
        nonlocal written
        file = max([f"audit/{event.time[:10]}.jsonl", *snapshot.list("audit/", ".jsonl")[-1:]])  # clocks differ
        text = snapshot.read(file) if snapshot.exists(file) else b""
        today = _parse(text, file)
        written = any((e.event, e.token) == (event.event, event.token) for e in today)
        if written or not allow(today):
            return {}
        line = dataclasses.asdict(dataclasses.replace(event, previous=_last_hash(snapshot)))
        written = True
        return {file: text + json.dumps(line, sort_keys=True, ensure_ascii=False).encode() + b"\n"}

    submissions.change(edit, message=f"{event.event}: {event.name or event.id[:12]}")
    return written


def read_events(submissions: Snapshot, *, day: str = "") -> list[Event]:
    """Return the events of the trail, oldest first, or those of one day such as "2026-11-22".

    Raises:
        StoreError: A line is damaged.
    """
    return [
        event for file in submissions.list(f"audit/{day}", ".jsonl") for event in _parse(submissions.read(file), file)
    ]


def check_trail(submissions: Snapshot) -> list[str]:
    """Return a line for each place where the trail was changed or cut; empty where it is whole."""
    problems, last = [], START
    for file in submissions.list("audit/", ".jsonl"):
        for number, line in enumerate(submissions.read(file).splitlines(), start=1):
            try:
                previous = json.loads(line)["previous"]
            except (ValueError, KeyError, TypeError):
                previous = None
            if previous != last:
                problems.append(f"{file}, line {number}: what stands before it was changed or taken out")
            last = hashlib.sha256(line).hexdigest()
    return problems


def stamp(seconds: float) -> str:
    """Return a time as the trail writes it.

    >>> stamp(0)
    '1970-01-01T00:00:00Z'
    """
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _last_hash(snapshot: Snapshot) -> str:
    for file in reversed(snapshot.list("audit/", ".jsonl")):
        lines = snapshot.read(file).splitlines()
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
