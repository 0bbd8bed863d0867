"""Intake of submissions: check an entry, score it again, and accept it or reject it with every reason.

The order makes it safe to stop at any moment and to submit twice: the request is written to the audit trail (where the
quota is counted), the files are checked without a lock, the entry is written in one change of the results unless its
name was taken meanwhile, and the outcome is added to the trail.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dsrbench.board.audit import Event, read_events, stamp, write_event
from dsrbench.board.conflicts import find_conflicts, same_account
from dsrbench.board.entries import RecordReader, read_record
from dsrbench.board.records import (
    REDETECTED,
    RESCORED,
    SELF_REPORTED,
    SUMMARY,
    Record,
    share_of_same,
    sketch_videos,
)
from dsrbench.board.rules import Rules, read_rules
from dsrbench.board.storage import Snapshot, Storage
from dsrbench.errors import InputError
from dsrbench.hub.commits import Change
from dsrbench.store import Run
from dsrbench.submission import SubmissionError, check_entry, check_figures
from dsrbench.submission import boxes as boxes_file
from dsrbench.submission import entry as entry_file
from dsrbench.submission.entry import read_entry
from dsrbench.video import sha256_file

MIN_AGREEMENT = 0.98
"""Minimum share of samples that pass or fail alike in the maintainers' own detection, in [0, 1]."""

ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}", re.ASCII)
"""Pattern of an account's name."""


@dataclasses.dataclass(frozen=True)
class Receipt:
    """The outcome of a submission.

    Attributes:
        id: Hash of its files.
        name: Name of the entry; empty where it could not be read.
        problems: All reasons of a rejection; empty for an accepted entry.
        record: Record of the entry on the board; None for a rejected one.
        is_repeated: Whether the entry was accepted earlier, so that nothing was written.
    """

    id: str
    name: str
    problems: tuple[str, ...] = ()
    record: Record | None = None
    is_repeated: bool = False

    @property
    def is_accepted(self) -> bool:
        """Whether the entry is on the board."""
        return self.record is not None


class Intake:
    """Accepts, rejects and withdraws entries; threads may share one, and processes may have one each.

    Args:
        results: Storage of the entries.
        submissions: Storage of the audit trail.
        clock: Function that returns the time in seconds since 1970.
    """

    def __init__(self, results: Storage, submissions: Storage, *, clock: Callable[[], float] = time.time) -> None:
        self.results, self.submissions, self._clock = results, submissions, clock
        self._records = RecordReader()

    def submit(self, folder: Path, account: str) -> Receipt:
        """Check the entry in a folder, and accept or reject it; equal files of one account are one submission.

        Args:
            folder: Folder with `entry.json` and `boxes.parquet`; it is not changed, and read once.
            account: Account of the submitter; the caller has verified it.

        Raises:
            InputError: The account's name is malformed.
            DSRBenchError: A store is down; nothing is accepted, and another try is safe.
        """
        check_account(account)
        with tempfile.TemporaryDirectory(prefix="dsrbench-entry-") as copy:
            return self._submit(folder, Path(copy), account)

    def _submit(self, folder: Path, copy: Path, account: str) -> Receipt:
        snapshot = self.results.look()
        rules = read_rules(snapshot)
        event = Event("received", self._now(), account, token=secrets.token_hex(16))
        try:
            event = dataclasses.replace(event, id=take_copy(folder, copy, without_boxes=rules.self_reported))
            event = dataclasses.replace(event, name=read_entry(copy).name)
        except SubmissionError as error:
            event = dataclasses.replace(event, event="rejected", problems=error.problems)
        id, name = event.id, event.name
        old = read_record(snapshot, name) if name else None
        if old is not None and _is_same(old, id, account):
            self._log_accepted(account, name, id, unless_logged=True)
            return Receipt(id, name, record=old, is_repeated=True)
        if not write_event(self.submissions, event, allow=lambda today: count_today(today, account) < rules.quota):
            return Receipt(id, name, (f"an account may submit {rules.quota} times a day (UTC); come back tomorrow",))
        if event.problems:
            return Receipt(id, name, event.problems)
        try:
            record = make_record(copy, rules, id=id, account=account, submitted=event.time)
            receipt = self._accept(record, copy)
        except SubmissionError as error:
            self._log(Event("rejected", self._now(), account, name, id, event.token, error.problems))
            return Receipt(id, name, error.problems)
        self._log_accepted(account, name, id, unless_logged=receipt.is_repeated)
        return receipt

    def withdraw(self, name: str, account: str) -> None:
        """Remove an entry from the board for good; its name stays reserved for its owner.

        Raises:
            InputError: The entry does not exist, or is another account's.
            DSRBenchError: A store is down.
        """
        check_account(account)

        def edit(snapshot: Snapshot) -> dict[str, Change]:
            record = self._find(snapshot, name)
            if not (same_account(record.account, account) or _is_maintainer(account, read_rules(snapshot))):
                raise InputError(f"entry {name!r} is not of account {account}; its owner or a maintainer withdraws it")
            if record.withdrawn:
                return {}
            files = dict.fromkeys([f"entries/{name}/{boxes_file.FILE}", f"entries/{name}/{entry_file.FILE}"])
            return {_summary(name): record.withdraw(self._now()).to_json(), **files}

        self.results.change(edit, message=f"withdraw {name}")
        self._log(Event("withdrawn", self._now(), account, name, "", secrets.token_hex(16)))

    def redetect(self, name: str, run: Run, account: str) -> float:
        """Raise an entry to the tier `re-detected`, given the maintainers' own run over its videos.

        Args:
            name: Name of the entry.
            run: Finished run over the same videos.
            account: Account of a maintainer.

        Returns:
            The share of samples that pass or fail alike, at least `MIN_AGREEMENT`.

        Raises:
            InputError: The account is no maintainer, the entry does not exist, or videos or too many samples differ.
            DSRBenchError: A store is down.
        """
        agreement = 0.0

        def edit(snapshot: Snapshot) -> dict[str, Change]:
            nonlocal agreement
            if not _is_maintainer(account, read_rules(snapshot)):
                raise InputError(f"account {account} is no maintainer of this board")
            record = self._find(snapshot, name)
            agreement = _agreement(record, run)
            return {_summary(name): dataclasses.replace(record, tier=REDETECTED).to_json()}

        self.results.change(edit, message=f"re-detected {name}")
        self._log(Event("re-detected", self._now(), account, name, "", secrets.token_hex(16)))
        return agreement

    def _accept(self, record: Record, copy: Path) -> Receipt:
        """Write a checked entry unless it conflicts with the board.

        Raises:
            SubmissionError: The entry has conflicts.
        """
        name = record.name
        receipt = Receipt(record.id, name, record=record)

        def edit(snapshot: Snapshot) -> dict[str, Change]:
            nonlocal receipt
            old = read_record(snapshot, name)
            if old is not None and _is_same(old, record.id, record.account):
                receipt = Receipt(record.id, name, record=old, is_repeated=True)
                return {}
            if problems := find_conflicts(record, self._records.read(snapshot)[0]):
                raise SubmissionError(*problems)
            names = [file for file in (boxes_file.FILE, entry_file.FILE) if (copy / file).exists()]
            files = {f"entries/{name}/{file}": copy / file for file in names}
            return {**files, _summary(name): record.to_json()}

        self.results.change(edit, message=f"add {name}")
        return receipt

    def _find(self, snapshot: Snapshot, name: str) -> Record:
        record = read_record(snapshot, name) if entry_file.NAME.fullmatch(name) else None
        if record is None:
            raise InputError(f"no entry {name[:100]!r} on this board")
        return record

    def _log_accepted(self, account: str, name: str, id: str, *, unless_logged: bool) -> None:
        """Add an acceptance to the trail; with `unless_logged` only where an earlier try did not add it."""
        if unless_logged and any((e.event, e.id) == ("accepted", id) for e in read_events(self.submissions.look())):
            return
        self._log(Event("accepted", self._now(), account, name, id, f"accepted-{id}"))

    def _log(self, event: Event) -> None:
        write_event(self.submissions, event)

    def _now(self) -> str:
        return stamp(self._clock())


def take_copy(folder: Path, to: Path, *, without_boxes: bool = False) -> str:
    """Copy the two files of an entry, each up to its maximum size, and return the hash of both.

    Args:
        folder: Folder of the entry.
        to: Folder of the copies.
        without_boxes: Whether `boxes.parquet` may be missing.

    Raises:
        SubmissionError: A file is missing, is no plain file, or too large.
    """
    hashes = []
    for name, max_bytes in ((entry_file.FILE, entry_file.MAX_BYTES), (boxes_file.FILE, boxes_file.MAX_BYTES)):
        path = folder / name
        if without_boxes and name == boxes_file.FILE and not os.path.lexists(path):
            continue
        try:
            if not path.is_file() or path.is_symlink():
                raise SubmissionError(f"{name} is not there; an entry is {entry_file.FILE} and {boxes_file.FILE}")
            if path.stat().st_size > max_bytes:
                raise SubmissionError(f"{name} is larger than the {max_bytes:,} bytes it may have")
            shutil.copyfile(path, to / name)
            if (to / name).stat().st_size > max_bytes:
                raise SubmissionError(f"{name} is larger than the {max_bytes:,} bytes it may have")
        except OSError as error:
            raise SubmissionError(f"{name} cannot be read ({error.strerror})") from None
        hashes.append(sha256_file(to / name))
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def make_record(folder: Path, rules: Rules, *, id: str, account: str, submitted: str) -> Record:
    """Check the entry in a folder, and return its record for the board.

    Raises:
        SubmissionError: The entry is not accepted; the error has the reasons.
    """
    request: dict[str, Any] = {"id": id, "account": account, "submitted": submitted}
    if not (folder / boxes_file.FILE).exists():
        entry, figures = check_figures(folder, rules.find_suite)
        rules.check_seeds(entry.suite.name, entry.seeds)
        return Record(
            entry.name, tier=SELF_REPORTED, entry=dataclasses.replace(entry, claim={}), figures=figures, **request
        )
    checked = check_entry(folder, rules.find_suite)
    rules.check_seeds(checked.entry.suite.name, checked.entry.seeds)
    return Record(
        checked.entry.name,
        tier=RESCORED,
        entry=dataclasses.replace(checked.entry, claim={}),
        figures=checked.summary,
        passed=np.array([sample.score.passes() for sample in checked.samples], bool),
        sketch=sketch_videos(checked.samples),
        boxes_sha256=sha256_file(folder / boxes_file.FILE),
        **request,
    )


def count_today(today: Sequence[Event], account: str) -> int:
    """Return the number of submissions of an account among the events of a day."""
    requests = (event for event in today if event.event in ("received", "rejected"))
    return len({event.token for event in requests if same_account(event.account, account)})


def check_account(account: str) -> str:
    """Return the name of an account, checked.

    Raises:
        InputError: The name is malformed.
    """
    if not ACCOUNT.fullmatch(account):
        raise InputError(
            f"expected an account's name of letters, digits and . _ -, got {account[:100]!r}; log in first"
        )
    return account


def _is_same(record: Record, id: str, account: str) -> bool:
    return not record.withdrawn and record.id == id and same_account(record.account, account)


def _agreement(record: Record, run: Run) -> float:
    samples = sorted(run.samples(), key=lambda sample: (sample.prompt.id, sample.seed))
    if record.passed is None or len(samples) != len(record.passed):
        raise InputError(f"the run has {len(samples)} samples, entry {record.name!r} has another number")
    if share_of_same(sketch_videos(samples), record.sketch) < 1:
        raise InputError(f"the run is over other videos than those of entry {record.name!r}")
    share = float(np.mean([sample.score.passes() == bool(p) for sample, p in zip(samples, record.passed, strict=True)]))
    if share < MIN_AGREEMENT:
        raise InputError(
            f"{share:.1%} of the samples pass or fail as in entry {record.name!r}, {MIN_AGREEMENT:.0%} are needed"
        )
    return share


def _is_maintainer(account: str, rules: Rules) -> bool:
    return any(same_account(account, maintainer) for maintainer in rules.maintainers)


def _summary(name: str) -> str:
    return f"entries/{name}/{SUMMARY}"
