"""What the board shows: every entry with its figures, its tie group, and what its alignment gained.

`Board.view` reads one small file an entry, and only those that changed; an entry's boxes are read, and scored again,
when somebody looks at its samples.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsrbench.board.records import SUMMARY, Record
from dsrbench.board.rules import Rules, read_rules
from dsrbench.board.storage import Snapshot, Storage
from dsrbench.board.ties import Placed, place_entries
from dsrbench.errors import DSRBenchError, InputError, near_matches
from dsrbench.store import Sample
from dsrbench.submission import Entry, read_entry
from dsrbench.submission.boxes import FILE as BOXES
from dsrbench.submission.boxes import BoxRow
from dsrbench.submission.check import read_grid, score_rows
from dsrbench.submission.entry import FILE as ENTRY

FRESH = 10.0
"""Seconds for which what was read is shown without another look."""

OPEN = 8
"""Entries whose boxes are kept in memory."""


@dataclasses.dataclass(frozen=True)
class View:
    """The board at one moment.

    Attributes:
        entries: Those that stand, best first within each set of comparable ones; published figures last.
        withdrawn: Name and date of those that do not.
        rules: What the board takes in.
        version: Another one after every change.
        notice: Why this is not the board of now; empty where it is.
        damaged: Entries that cannot be read, each with the reason.
        kept: What was made of it, by name; not part of it.
    """

    entries: tuple[Placed, ...] = ()
    withdrawn: Mapping[str, str] = dataclasses.field(default_factory=dict)
    rules: Rules = dataclasses.field(default_factory=Rules)
    version: str = ""
    notice: str = ""
    damaged: tuple[str, ...] = ()
    kept: dict[str, str] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    def get(self, name: str) -> Placed:
        """One entry.

        Raises:
            InputError: There is none of that name, or it was withdrawn.
        """
        if name in self.withdrawn:
            raise InputError(f"entry {name!r} was withdrawn on {self.withdrawn[name][:10]}")
        if name not in self._by_name:
            raise InputError(f"no entry {name!r}{near_matches(name, self._by_name)}")
        return self._by_name[name]

    @functools.cached_property
    def _by_name(self) -> dict[str, Placed]:
        return {placed.name: placed for placed in self.entries}


@dataclasses.dataclass(frozen=True)
class OpenEntry:
    """An entry with its samples.

    Attributes:
        record: What the board keeps of it.
        entry: What it says of itself.
        samples: Scored from its boxes, sorted by prompt id and seed.
        rows: Its boxes (`rows[i].tracks`), in the same order.
    """

    record: Record
    entry: Entry
    samples: Sequence[Sample]
    rows: Sequence[BoxRow]


class Board:
    """The entries in a store, for many readers at once.

    Args:
        results: Where they are.
        fresh: Seconds for which what was read is shown without another look.
    """

    def __init__(self, results: Storage, *, fresh: float = FRESH) -> None:
        self.results = results
        self._fresh = fresh
        self._reading, self._lock = threading.Lock(), threading.Lock()
        self._view: View | None = None
        self._snapshot: Snapshot | None = None
        self._looked = -float("inf")
        self._records = RecordReader()
        self._open: OrderedDict[tuple[str, str], OpenEntry] = OrderedDict()

    def view(self, *, fresh: float | None = None) -> View:
        """The board as it is, or as it last was where the store cannot be read: then `notice` says so.

        Args:
            fresh: Seconds what was read may be old; 0 looks now.

        Raises:
            DSRBenchError: The store cannot be read and never was.
        """
        view, limit = self._view, self._fresh if fresh is None else fresh
        if view is not None and time.monotonic() - self._looked < limit:
            return view
        if not self._reading.acquire(blocking=view is None or fresh is not None):
            return self._view or View()  # somebody reads; what there was is shown meanwhile
        try:
            if self._view is not None and self._view is not view:
                return self._view  # read while this one waited
            self._view = view = self._read()
        except DSRBenchError as error:
            if self._view is None:
                raise
            notice = f"The store of the board cannot be read; this is the last good state, read-only ({error})"
            self._view = view = dataclasses.replace(self._view, notice=notice)
        finally:
            self._looked = time.monotonic()
            self._reading.release()
        return view

    def open(self, name: str) -> OpenEntry:
        """An entry with its samples, scored from its boxes; the last few are kept.

        Raises:
            InputError: There is none of that name, it was withdrawn, or it has no boxes.
            DSRBenchError: Its boxes cannot be read.
        """
        record = self.view().get(name).record
        snapshot = self._snapshot
        if not record.boxes_sha256 or snapshot is None:
            raise InputError(f"entry {name!r} has figures alone, and no boxes to look at")
        key = name, record.id
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key]
        opened = open_entry(snapshot, record, self.view().rules)
        with self._lock:
            self._open[key] = opened
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
        return opened

    def find_file(self, name: str, file: str) -> Path:
        """A file of an entry as it was submitted, on this disk; not to be changed.

        Args:
            name: Name of the entry.
            file: `entry.json` or `boxes.parquet`.

        Raises:
            InputError: There is no such entry, or no such file of it.
            DSRBenchError: It cannot be read.
        """
        record, snapshot = self.view().get(name).record, self._snapshot
        if file not in (ENTRY, BOXES) or not record.boxes_sha256 or snapshot is None:
            raise InputError(f"entry {name!r} has no file {file!r} here")
        return snapshot.fetch(f"entries/{name}/{file}")

    def _read(self) -> View:
        snapshot = self.results.look()
        if (known := self._view) is not None and known.version == snapshot.version:
            return known if not known.notice else dataclasses.replace(known, notice="")
        records, damaged = self._records.read(snapshot)
        view = View(
            entries=place_entries([record for record in records if not record.withdrawn]),
            withdrawn={record.name: record.withdrawn for record in records if record.withdrawn},
            rules=read_rules(snapshot),
            version=snapshot.version,
            damaged=tuple(damaged),
        )
        self._snapshot = snapshot
        return view


class RecordReader:
    """Reads what the board keeps of every entry; what did not change is not read again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Record | str]] = {}

    def read(self, results: Snapshot) -> tuple[list[Record], list[str]]:
        """Every record, and what is wrong with those that cannot be read."""
        known: dict[str, tuple[str, Record | str]] = {}
        for file in results.list("entries/", f"/{SUMMARY}"):
            mark, (was, found) = results.mark(file), self._known.get(file, ("", ""))
            known[file] = (mark, found if was == mark else _read_record(results, file))
        self._known = known
        records = [record for _, record in known.values()]
        return [r for r in records if isinstance(r, Record)], [r for r in records if isinstance(r, str)]


def read_record(results: Snapshot, name: str) -> Record | None:
    """What the board keeps of an entry; None where there is none of that name.

    Raises:
        StoreError: It is damaged, or cannot be read.
    """
    file = f"entries/{name}/{SUMMARY}"
    return Record.from_json(results.read(file)) if results.exists(file) else None


def open_entry(results: Snapshot, record: Record, rules: Rules) -> OpenEntry:
    """An entry with its samples, scored from its boxes.

    Raises:
        DSRBenchError: They cannot be read.
    """
    folder = results.fetch(f"entries/{record.name}/{ENTRY}").parent
    results.fetch(f"entries/{record.name}/{BOXES}")
    entry = read_entry(folder)
    suite = rules.find_suite(entry.suite.name, entry.suite.version)
    rows = read_grid(entry, suite, folder)
    return OpenEntry(record, entry, score_rows(rows, suite, entry), rows)


def _read_record(snapshot: Snapshot, file: str) -> Record | str:
    data = snapshot.read(file)  # a store that is down is no damaged entry
    try:
        record = Record.from_json(data)
    except DSRBenchError as error:
        return f"{file}: {error}"
    return record if file.split("/")[1] == record.name else f"{file} is of an entry of another name"
