"""The answers of one annotator: a file of JSON lines that keeps every answer it has taken.

An answer is on the disk before it counts as taken. Undo writes the file anew without its last line, whole or not at
all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsrbench.analysis.labels import Labels, read_labels
from dsrbench.errors import InputError
from dsrbench.store import Journal, LocalDisk, SampleKey
from dsrbench.store.journal import Row

if TYPE_CHECKING:
    import pyarrow as pa

_NAME = re.compile(r"\w([\w .@+-]{0,62}[\w.@+-])?")


class AnswerFile(Journal):
    """The answers of one annotator in a folder.

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
        super().__init__(LocalDisk(folder), f"{annotator}.jsonl")

    def append(self, row: Mapping[str, Any]) -> None:
        """Add an answer; it is on the disk when this returns.

        Raises:
            StoreError: It cannot be written; the file is as it was.
        """
        super().append({"annotator": self.annotator, **row})

    def drop_last(self) -> None:
        """Remove the last answer.

        Raises:
            InputError: There is none.
            StoreError: The file cannot be written; it is as it was.
        """
        if not self.rows:
            raise InputError("there is no answer to undo")
        self.rewrite(self.rows[:-1])

    def _check(self) -> None:
        for row in self.rows:
            if row.get("annotator") != self.annotator:
                raise InputError(
                    f"{self.path}: expected answers of {self.annotator!r} alone, got one of {row.get('annotator')!r}"
                )


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
