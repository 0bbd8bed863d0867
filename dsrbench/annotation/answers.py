"""The answers of one annotator: a file of JSON lines that keeps every answer it has taken.

An answer is on the disk before it counts as taken. Undo writes the file anew without its last line, whole or not at
all.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsrbench.analysis.labels import Labels, read_labels
from dsrbench.errors import InputError
from dsrbench.lines import iter_objects
from dsrbench.store import LocalDisk, SampleKey
from dsrbench.store.disk import write_error

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
"""An answer as it is written."""

_NAME = re.compile(r"\w([\w .@+-]{0,62}[\w.@+-])?")


class AnswerFile:
    """The answers of one annotator in a folder.

    A last line that a crash cut short was never taken, and is removed.

    Args:
        folder: Folder of all answers; made on the first answer.
        annotator: Name of the annotator; the file is named after it.

    Raises:
        InputError: The name cannot be that of a file, or the file has something else than answers of this annotator.
        StoreError: The file cannot be read.
    """

    def __init__(self, folder: Path, annotator: str) -> None:
        check_name(annotator)
        self.annotator = annotator
        self._disk, self._name = LocalDisk(folder), f"{annotator}.jsonl"
        self.rows: list[Row] = []
        if self._disk.exists(self._name):
            self._load()

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self._disk.path(self._name)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add an answer; it is on the disk when this returns.

        Raises:
            StoreError: It cannot be written; the file is as it was.
        """
        line = _line({"annotator": self.annotator, **row})
        is_new = not self.path.exists()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                size = file.tell()
                try:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    with contextlib.suppress(OSError):
                        os.truncate(self.path, size)
                    raise
            if is_new:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise write_error(self.path, error) from error
        self.rows.append({"annotator": self.annotator, **row})

    def drop_last(self) -> None:
        """Remove the last answer.

        Raises:
            InputError: There is none.
            StoreError: The file cannot be written; it is as it was.
        """
        if not self.rows:
            raise InputError("there is no answer to undo")
        self._write(self.rows[:-1])

    def _load(self) -> None:
        data = self._disk.read(self._name)
        whole, _, rest = data.rpartition(b"\n")
        if rest.strip():
            with contextlib.suppress(InputError):
                list(iter_objects(rest, self.path))
                whole = data  # a whole line that only lacks its end
        self.rows = [row for _, row in iter_objects(whole, self.path)]
        for row in self.rows:
            if row.get("annotator") != self.annotator:
                raise InputError(
                    f"{self.path}: expected answers of {self.annotator!r} alone, got one of {row.get('annotator')!r}"
                )
        if rest:
            self._write(self.rows)

    def _write(self, rows: list[Row]) -> None:
        self._disk.write_atomic(self._name, b"".join(map(_line, rows)))
        self.rows = list(rows)


def check_name(annotator: str) -> None:
    """Check that the name of an annotator can be that of a file.

    Raises:
        InputError: It cannot.
    """
    if not _NAME.fullmatch(annotator):
        raise InputError(
            f"expected the name of an annotator of at most 64 letters, digits, spaces and .@+-_, got {annotator!r}"
        )


def sample_value(key: SampleKey) -> Row:
    """Return the key of a clip as answers have it."""
    return dict(key._asdict())


def answer_key(row: Mapping[str, Any]) -> frozenset[SampleKey] | None:
    """Return the clips that an answer is about; None for another value."""
    values = [row[name] for name in ("sample", "first", "second") if name in row]
    try:
        return frozenset(SampleKey(value["model"], value["prompt_id"], value["seed"]) for value in values) or None
    except (KeyError, TypeError):
        return None


def export_answers(folder: Path, path: Path) -> int:
    """Write all answers in a folder as a Parquet file, and return their number.

    Clips have `start`, `end` and `present`; pairs have `other_model`, `other_seed` and `better`.

    Raises:
        InputError: The folder has no answers, or something else.
        StoreError: The file cannot be written.
    """
    import pyarrow.parquet as pq

    table = tabulate(read_labels(folder))
    with LocalDisk(path.parent).writing(path.name) as file:
        pq.write_table(table, file)
    return int(table.num_rows)


def tabulate(labels: Labels) -> pa.Table:
    """Return answers as a table, those to clips first."""
    import pyarrow as pa

    text, count = pa.string(), pa.int64()
    names = ("start", "end", "present", "better")
    columns = [("annotator", text), ("kind", text), ("model", text), ("prompt_id", text), ("seed", count)]
    columns += [("other_model", text), ("other_seed", count), *((name, text) for name in names)]
    rows = [
        {"annotator": label.annotator, "kind": "clip", **label.sample._asdict()}
        | {name: getattr(label, name) for name in names[:3]}
        for label in labels.clips
    ]
    rows += [
        {"annotator": label.annotator, "kind": "pair", **label.first._asdict(), "better": label.better}
        | {"other_model": label.second.model, "other_seed": label.second.seed}
        for label in labels.pairs
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(columns))


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
