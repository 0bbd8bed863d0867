"""Storage of a board: a folder on this disk, or a dataset on the Hub.

A `Snapshot` is the state at one moment. A change is a function from a snapshot to the files to write; it is called
again where another writer came first. Its files are written together, in one commit or with the folder locked, so that
it can test for a file before it writes one.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from dsrbench.errors import InputError, StoreError
from dsrbench.hub import HubPath, is_hub_path
from dsrbench.hub.commits import Change, Head, commit_files, fetch_committed, read_head
from dsrbench.store import LocalDisk

MAX_LOCK_WAIT = 60.0
"""Maximum time a writer waits for the lock, in seconds."""

MAX_COMMITS = 40
"""Maximum number of attempts to commit while others write."""

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)


class Snapshot(Protocol):
    """The files of a store as they were at one moment."""

    @property
    def version(self) -> str:
        """Version of the store; a different text after every change."""
        ...

    def list(self, prefix: str = "", suffix: str = "") -> list[str]:
        """Return the names of the files with a prefix and a suffix, sorted."""
        ...

    def exists(self, name: str) -> bool:
        """Tell whether a file exists."""
        ...

    def mark(self, name: str) -> str:
        """Return a mark of a file without reading it; an equal mark means equal content."""
        ...

    def fetch(self, name: str) -> Path:
        """Return the path of a file on this disk; it must not be changed.

        Raises:
            StoreError: The file is missing, or cannot be read; on the Hub also `HubError` and `DownloadError`.
        """
        ...

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; raise the errors of `fetch`."""
        ...


Edit = Callable[[Snapshot], Mapping[str, Change]]
"""Function from a snapshot to the files to write, in order; None removes a file. It may be called several times."""


class Storage(Protocol):
    """Files that several processes read and write at once."""

    @property
    def shown(self) -> str:
        """Name of the store in messages."""
        ...

    def look(self) -> Snapshot:
        """Return the current state.

        Raises:
            StoreError: The store cannot be read; on the Hub also `HubError` and `DownloadError`.
        """
        ...

    def change(self, edit: Edit, *, message: str) -> None:
        """Write the files that `edit` returns for the current state; no other writer comes between.

        Raises:
            StoreError: The store cannot be written, or others write without a pause; on the Hub also `HubError` (no
                token, no permission) and `DownloadError` (no network).
        """
        ...


def open_storage(place: str | Path) -> Storage:
    """Return the store in a folder, made if need be, or at `hf://datasets/OWNER/NAME`.

    Raises:
        InputError: The address has another form.
        StoreError: The folder cannot be made.
    """
    if not is_hub_path(place):
        return LocalStorage(Path(place))
    path = HubPath.parse(str(place))
    if path.path or path.revision:
        raise InputError(f"{place}: expected a dataset without a revision and a file: hf://datasets/OWNER/NAME")
    return HubStorage(path.id)


def open_stores(place: str | Path) -> tuple[Storage, Storage]:
    """Return the stores of results and submissions: two folders in a folder, or two datasets on the Hub.

    Args:
        place: The folder, or `hf://datasets/OWNER/NAME` of the results; submissions are in `OWNER/NAME-submissions`.

    Raises:
        InputError: The address has another form.
        StoreError: The folders cannot be made.
    """
    if is_hub_path(place):
        return open_storage(place), open_storage(f"{place}-submissions")
    return open_storage(Path(place) / "results"), open_storage(Path(place) / "submissions")


class LocalStorage:
    """A store in a folder on this disk.

    Args:
        root: The folder, made if need be; if it disappears later, the store counts as down, not as empty.

    Raises:
        StoreError: The folder cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self._disk = LocalDisk(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{root}: no folder to keep a board in ({error.strerror})") from None

    @property
    def shown(self) -> str:
        """Path of the folder."""
        return str(self._disk.root)

    def look(self) -> Snapshot:
        """Return the current state; raise `StoreError` where the folder cannot be read."""
        return _LocalSnapshot(self._disk)

    def change(self, edit: Edit, *, message: str) -> None:
        """Write with the folder locked; each file appears whole, in the order of `edit`."""
        import filelock

        del message
        self.look()
        try:
            with filelock.FileLock(self._disk.path(".lock"), timeout=MAX_LOCK_WAIT):
                for name, data in edit(self.look()).items():
                    self._write(check_name(name), data)
        except filelock.Timeout:
            raise StoreError(f"{self.shown}: others have been writing for {MAX_LOCK_WAIT:.0f} s; try again") from None
        except OSError as error:
            raise StoreError(f"{self.shown} cannot be written ({error.strerror or error})") from None

    def _write(self, name: str, data: Change) -> None:
        if data is None:
            self._disk.remove(name)
        elif isinstance(data, bytes):
            self._disk.write_atomic(name, data)
        else:
            with data.open("rb") as source, self._disk.writing(name) as target:
                shutil.copyfileobj(source, target, 1 << 20)


class _LocalSnapshot:
    """The names and marks of the files at one moment; their bytes are those of the moment of reading."""

    def __init__(self, disk: LocalDisk) -> None:
        self._disk = disk
        self._marks: dict[str, str] = {}
        try:
            self._walk(disk.root, "")
        except OSError as error:
            raise StoreError(f"{disk.shown} cannot be read ({error.strerror or error})") from None

    def _walk(self, folder: Path, prefix: str) -> None:
        with os.scandir(folder) as items:
            for item in items:
                if item.name.startswith("."):
                    continue
                if item.is_dir(follow_symlinks=False):
                    self._walk(folder / item.name, f"{prefix}{item.name}/")
                elif item.is_file(follow_symlinks=False):
                    stat = item.stat(follow_symlinks=False)
                    self._marks[prefix + item.name] = f"{stat.st_mtime_ns}-{stat.st_size}-{stat.st_ino}"

    @property
    def version(self) -> str:
        return sha256(repr(sorted(self._marks.items())).encode()).hexdigest()

    def list(self, prefix: str = "", suffix: str = "") -> list[str]:
        return sorted(name for name in self._marks if name.startswith(prefix) and name.endswith(suffix))

    def exists(self, name: str) -> bool:
        return name in self._marks

    def mark(self, name: str) -> str:
        return self._marks.get(name, "")

    def fetch(self, name: str) -> Path:
        if name not in self._marks:
            raise StoreError(f"{self._disk.shown} has no file {name}")
        path = self._disk.path(name)
        if not path.is_file():
            raise StoreError(f"{self._disk.shown} cannot be read (file {name} is not there any more)")
        return path

    def read(self, name: str) -> bytes:
        self.fetch(name)
        return self._disk.read(name)


class HubStorage:
    """A store in a dataset on the Hub, which must exist.

    Args:
        id: OWNER/NAME of the dataset.

    Raises:
        InputError: The id is malformed.
    """

    def __init__(self, id: str) -> None:
        self._place = HubPath(id)
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        """OWNER/NAME of the dataset."""
        return self._place.id

    @property
    def shown(self) -> str:
        """Address of the dataset."""
        return str(self._place)

    def look(self) -> Snapshot:
        """Return the last commit; raise `HubError` or `DownloadError` where it cannot be read."""
        return _HubSnapshot(self._place.id, read_head(self._place.id))

    def change(self, edit: Edit, *, message: str) -> None:
        """Write one commit on top of the state that `edit` was given; try again where another commit came between."""
        with self._lock:
            for attempt in range(MAX_COMMITS):
                snapshot = self.look()
                changes = {check_name(name): data for name, data in edit(snapshot).items()}
                changes = {name: data for name, data in changes.items() if data is not None or snapshot.exists(name)}
                if not changes or commit_files(self._place.id, changes, after=snapshot.version, message=message):
                    return
                time.sleep(random.uniform(0, 0.05 * min(attempt + 1, 20)))
        raise StoreError(f"{self.shown}: others wrote first {MAX_COMMITS} times in a row; try again")


class _HubSnapshot:
    def __init__(self, id: str, head: Head) -> None:
        self._id, self._head = id, head

    @property
    def version(self) -> str:
        return self._head.commit

    def list(self, prefix: str = "", suffix: str = "") -> list[str]:
        return sorted(name for name in self._head.files if name.startswith(prefix) and name.endswith(suffix))

    def exists(self, name: str) -> bool:
        return name in self._head.files

    def mark(self, name: str) -> str:
        return self._head.files.get(name, "")

    def fetch(self, name: str) -> Path:
        if name not in self._head.files:
            raise StoreError(f"hf://datasets/{self._id} has no file {name}")
        return fetch_committed(self._id, self._head.commit, name)

    def read(self, name: str) -> bytes:
        return self.fetch(name).read_bytes()


def check_name(name: str) -> str:
    """Return the name of a file in a store, checked: plain letters, no hidden part, no way out of the store.

    Raises:
        InputError: The name is malformed.

    >>> check_name("entries/wan-2.1/entry.json")
    'entries/wan-2.1/entry.json'
    """
    parts = name.split("/")
    if not all(_PART.fullmatch(part) for part in parts) or len(parts) > 6:
        raise InputError(f"{name[:80]!r} is no name of a file in a store")
    return name
