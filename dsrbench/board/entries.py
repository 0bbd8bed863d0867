"""The entries of the board, each with its figures, its tie group, and the gain of its alignment.

`Board.view` reads one small file an entry, and only files that changed; the boxes of an entry are read and scored again
when its samples are opened.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
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

MAX_AGE = 10.0
"""Maximum age of a view that is shown without reading the store again, in seconds."""

MAX_OPEN = 8
"""Maximum number of entries whose boxes are kept in memory."""

MAX_TEXTS = 32
"""Maximum number of texts cached for one view."""


@dataclasses.dataclass(frozen=True)
class View:
    """The board at one moment.

    Attributes:
        entries: Entries that are not withdrawn, best first within each comparable set; published figures last.
        withdrawn: Dates of withdrawal by the name of the entry.
        rules: Rules of the board.
        version: Version of the store; a different text after every change.
        notice: Reason why the view may be out of date; empty for a current one.
        damaged: Entries that cannot be read, each with the reason.
        texts: Cache of texts made from this view, by name; no part of its value.
    """

    entries: tuple[Placed, ...] = ()
    withdrawn: Mapping[str, str] = dataclasses.field(default_factory=dict)
    rules: Rules = dataclasses.field(default_factory=Rules)
    version: str = ""
    notice: str = ""
    damaged: tuple[str, ...] = ()
    texts: dict[str, str] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    def names(self, *, with_boxes: bool = False) -> list[str]:
        """Return the names of all entries, or of those with boxes."""
        return [placed.name for placed in self.entries if placed.record.boxes_sha256 or not with_boxes]

    def cached(self, name: str, make: Callable[[], str]) -> str:
        """Return the text of a name, made on the first call."""
        text = self.texts.get(name)
        if text is None:
            if len(self.texts) >= MAX_TEXTS:
                self.texts.clear()
            self.texts[name] = text = make()
        return text

    def get(self, name: str) -> Placed:
        """Return one entry.

        Raises:
            InputError: The entry does not exist, or was withdrawn.
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
        record: Record of the entry on the board.
        entry: The content of `entry.json`.
        samples: Samples scored from the boxes, sorted by prompt id and seed.
        rows: Rows with the boxes (`rows[i].tracks`), in the same order.
    """

    record: Record
    entry: Entry
    samples: Sequence[Sample]
    rows: Sequence[BoxRow]


class Board:
    """The entries in a store, for many readers at once.

    Args:
        results: Storage of the entries.
        fresh: Maximum age of a view that is shown without reading the store again, in seconds.
    """

    def __init__(self, results: Storage, *, fresh: float = MAX_AGE) -> None:
        self.results = results
        self._fresh = fresh
        self._reading, self._lock = threading.Lock(), threading.Lock()
        self._view: View | None = None
        self._snapshot: Snapshot | None = None
        self._read_at = -float("inf")
        self._records = RecordReader()
        self._open: OrderedDict[tuple[str, str], OpenEntry] = OrderedDict()

    def view(self, *, fresh: float | None = None) -> View:
        """Return the current board, or the last one with a `notice` where the store cannot be read.

        Args:
            fresh: Maximum age of the view, in seconds; 0 reads the store now, after a read that another thread began.

        Raises:
            DSRBenchError: The store cannot be read and never was.
        """
        view, limit = self._view, self._fresh if fresh is None else fresh
        if view is not None and time.monotonic() - self._read_at < limit:
            return view
        if not self._reading.acquire(blocking=view is None or limit <= 0):
            return self._view or View()  # another thread reads; the last view is shown meanwhile
        try:
            if self._view is not None and self._view is not view:
                return self._view  # another thread read it while this one waited
            self._view = view = self._read()
        except DSRBenchError as error:
            if self._view is None:
                raise
            notice = f"The store of the board cannot be read; this is the last good state, read-only ({error})"
            self._view = view = dataclasses.replace(self._view, notice=notice)
        finally:
            self._read_at = time.monotonic()
            self._reading.release()
        return view

    def open(self, name: str) -> OpenEntry:
        """Return an entry with its samples, scored from its boxes; the last few are cached.

        Raises:
            InputError: The entry does not exist, was withdrawn, or has no boxes.
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
            while len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        return opened

    def find_file(self, name: str, file: str) -> Path:
        """Return the path of an entry's file as it was submitted, on this disk; it must not be changed.

        Args:
            name: Name of the entry.
            file: `entry.json` or `boxes.parquet`.

        Raises:
            InputError: The entry or the file does not exist.
            DSRBenchError: The file cannot be read.
        """
        record, snapshot = self.view().get(name).record, self._snapshot
        if file not in (ENTRY, BOXES) or not record.boxes_sha256 or snapshot is None:
            raise InputError(f"entry {name!r} has no file {file!r} here")
        return snapshot.fetch(f"entries/{name}/{file}")

    def _read(self) -> View:
        snapshot = self.results.look()
        if (last := self._view) is not None and last.version == snapshot.version:
            return last if not last.notice else dataclasses.replace(last, notice="")
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
    """Reads the records of all entries, and again only those that changed."""

    def __init__(self) -> None:
        self._cache: dict[str, tuple[str, Record | str]] = {}

    def read(self, results: Snapshot) -> tuple[list[Record], list[str]]:
        """Return all records, and a line for each that cannot be read."""
        cache: dict[str, tuple[str, Record | str]] = {}
        for file in results.list("entries/", f"/{SUMMARY}"):
            mark, (old_mark, record) = results.mark(file), self._cache.get(file, ("", ""))
            cache[file] = (mark, record if old_mark == mark else _read_record(results, file))
        self._cache = cache
        records = [record for _, record in cache.values()]
        return [r for r in records if isinstance(r, Record)], [r for r in records if isinstance(r, str)]


def read_record(results: Snapshot, name: str) -> Record | None:
    """Return the record of an entry; None where the board has none of that name.

    Raises:
        StoreError: The record is damaged, or cannot be read.
    """
    file = f"entries/{name}/{SUMMARY}"
    return Record.from_json(results.read(file)) if results.exists(file) else None


def open_entry(results: Snapshot, record: Record, rules: Rules) -> OpenEntry:
    """Read an entry with its samples, scored from its boxes.

    Raises:
        DSRBenchError: Its files cannot be read.
    """
    folder = results.fetch(f"entries/{record.name}/{ENTRY}").parent
    results.fetch(f"entries/{record.name}/{BOXES}")
    entry = read_entry(folder)
    suite = rules.find_suite(entry.suite.name, entry.suite.version)
    rows = read_grid(entry, suite, folder)
    return OpenEntry(record, entry, score_rows(rows, suite, entry), rows)


def _read_record(snapshot: Snapshot, file: str) -> Record | str:
    data = snapshot.read(file)  # raises where the store is down: that is no damaged entry
    try:
        record = Record.from_json(data)
    except DSRBenchError as error:
        return f"{file}: {error}"
    return record if file.split("/")[1] == record.name else f"{file} is of an entry of another name"
