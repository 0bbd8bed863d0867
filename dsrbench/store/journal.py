"""A file with one JSON object a line that keeps every line it has taken, also after a crash."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dsrbench.errors import InputError
from dsrbench.lines import iter_objects
from dsrbench.store.disk import LocalDisk, sync_folder, write_error

Row = dict[str, Any]
"""An object as it is written."""


class Journal:
    """A file of JSON lines in a folder.

    A line is on the disk before it counts as taken. A last line that a crash cut short was never taken, and is removed.

    Args:
        disk: Folder of the file; made on the first line.
        name: Name of the file in the folder.

    Attributes:
        rows: The objects of the file, in its order.

    Raises:
        InputError: The file has something else.
        StoreError: The file cannot be read.
    """

    def __init__(self, disk: LocalDisk, name: str) -> None:
        self._disk, self._name = disk, name
        self.rows: list[Row] = []
        if disk.exists(name):
            self._load()

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self._disk.path(self._name)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add an object; it is on the disk when this returns.

        Raises:
            StoreError: It cannot be written; the file is as it was.
        """
        line = _line(row)
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
                with contextlib.suppress(OSError):
                    sync_folder(self.path.parent)
        except OSError as error:
            raise write_error(self.path, error) from error
        self.rows.append(dict(row))

    def rewrite(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the file anew, whole or not at all.

        Raises:
            StoreError: It cannot be written; it is as it was.
        """
        copies = [dict(row) for row in rows]
        self._disk.write_atomic(self._name, b"".join(map(_line, copies)))
        self.rows = copies

    def _load(self) -> None:
        data = self._disk.read(self._name)
        self.rows = [row for _, row in iter_objects(take_whole(data, self.path), self.path)]
        self._check()
        if data and not data.endswith(b"\n"):
            self.rewrite(self.rows)

    def _check(self) -> None:
        """Check the rows of a file that is there, before it is changed."""


def take_whole(data: bytes, path: Path) -> bytes:
    """Return the whole lines of a journal: without a last one that a crash cut short.

    Args:
        data: Content of the file.
        path: Path of the file, for messages.
    """
    whole, _, rest = data.rpartition(b"\n")
    if rest.strip():
        with contextlib.suppress(InputError):
            list(iter_objects(rest, path))
            return data  # a whole line that only lacks its end
    return whole


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass") + b"\n"
