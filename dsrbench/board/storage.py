"""Where a board keeps its files: a folder on this disk, or a dataset on the Hub.

Both can be looked at as they are at one moment, and changed by several writers at once: a change is a function from
what is there to the files to write. It is called again where another writer came first, and what it returns is written
as one - in one commit, or with the folder locked - so that it can say "only if it is not there".
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

LOCK_WAIT = 60.0
"""Seconds a writer waits for the others."""

COMMIT_ATTEMPTS = 40
"""Times a commit is tried before the other writers have won."""

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)


class Snapshot(Protocol):
    """The files of a store as they were at one moment."""

    @property
    def version(self) -> str:
        """Another text after every change."""
        ...

    def list(self, prefix: str = "", suffix: str = "") -> list[str]:
        """Names of the files that begin and end so, sorted."""
        ...

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        ...

    def mark(self, name: str) -> str:
        """A mark of a file's content, without reading it: as long as it is equal, so is the content."""
        ...

    def fetch(self, name: str) -> Path:
        """The file on this disk; not to be changed.

        Raises:
            StoreError: It is not there, or cannot be read; on the Hub also `HubError` and `DownloadError`.
        """
        ...

    def read(self, name: str) -> bytes:
        """Its bytes; errors as for `fetch`."""
        ...


Edit = Callable[[Snapshot], Mapping[str, Change]]
"""From what is there to what is to be written, in this order; None removes a file. It may be called several times."""


class Storage(Protocol):
    """Files that several read and write at once."""

    @property
    def shown(self) -> str:
        """What to call it in messages."""
        ...

    def look(self) -> Snapshot:
        """What is there now.

        Raises:
            StoreError: It cannot be read; on the Hub also `HubError` and `DownloadError`.
        """
        ...

    def change(self, edit: Edit, *, message: str) -> None:
        """Write what `edit` makes of what is there, unless that is nothing; no other writer comes in between.

        Raises:
            StoreError: It cannot be written, or others write without a pause; on the Hub also `HubError` (no token, no
                permission) and `DownloadError` (no network).
        """
        ...


def open_storage(place: str | Path) -> Storage:
    """The store at a folder, made if need be, or at `hf://datasets/OWNER/NAME`.

    Raises:
        InputError: An address of another form.
        StoreError: The folder cannot be made.
    """
    if not is_hub_path(place):
        return LocalStorage(Path(place))
    path = HubPath.parse(str(place))
    if path.path or path.revision:
        raise InputError(f"{place}: expected a dataset without a revision and a file: hf://datasets/OWNER/NAME")
    return HubStorage(path.id)


def open_stores(place: str | Path) -> tuple[Storage, Storage]:
    """Results and submissions of a board: `results/` and `submissions/` in a folder, or two datasets on the Hub.

    Args:
        place: The folder, or `hf://datasets/OWNER/NAME` of the results; submissions are in `OWNER/NAME-submissions`.

    Raises:
        InputError: An address of another form.
        StoreError: The folders cannot be made.
    """
    if is_hub_path(place):
        return open_storage(place), open_storage(f"{place}-submissions")
    return open_storage(Path(place) / "results"), open_storage(Path(place) / "submissions")


class LocalStorage:
    """A folder on this disk.

    Args:
        root: Made if need be; where it is gone later, the store is down and not empty.

    Raises:
        StoreError: It cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self._disk = LocalDisk(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{root}: no folder to keep a board in ({error.strerror})") from None

    @property
    def shown(self) -> str:
        """The folder."""
        return str(self._disk.root)

    def look(self) -> Snapshot:
        """What is there now; raises `StoreError`."""
        return _LocalSnapshot(self._disk)

    def change(self, edit: Edit, *, message: str) -> None:
        """Write with the folder locked; files appear whole, one after the other, the last one last."""
        import filelock

        del message
        self.look()
        try:
            with filelock.FileLock(self._disk.path(".lock"), timeout=LOCK_WAIT):
                for name, data in edit(self.look()).items():
                    self._write(check_name(name), data)
        except filelock.Timeout:
            raise StoreError(f"{self.shown}: others have been writing for {LOCK_WAIT:.0f} s; try again") from None
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
    """Which files there are is kept; their bytes are those of the moment of reading."""

    def __init__(self, disk: LocalDisk) -> None:
        self._disk = disk
        self._marks: dict[str, str] = {}
        try:
            self._walk(disk.root, "")
        except OSError as error:
            raise StoreError(f"{disk.shown} cannot be read ({error.strerror or error})") from None

    def _walk(self, folder: Path, prefix: str) -> None:
        with os.scandir(folder) as found:
            for item in found:
                if item.name.startswith("."):
                    continue
                if item.is_dir(follow_symlinks=False):
                    self._walk(folder / item.name, f"{prefix}{item.name}/")
                elif item.is_file(follow_symlinks=False):
                    facts = item.stat(follow_symlinks=False)
                    self._marks[prefix + item.name] = f"{facts.st_mtime_ns}-{facts.st_size}-{facts.st_ino}"

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
    """A dataset on the Hub; it must be there.

    Args:
        id: OWNER/NAME.

    Raises:
        InputError: No such id.
    """

    def __init__(self, id: str) -> None:
        self._place = HubPath(id)
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        """OWNER/NAME."""
        return self._place.id

    @property
    def shown(self) -> str:
        """Its address."""
        return str(self._place)

    def look(self) -> Snapshot:
        """Its last commit; raises `HubError`, `DownloadError`."""
        return _HubSnapshot(self._place.id, read_head(self._place.id))

    def change(self, edit: Edit, *, message: str) -> None:
        """Write in one commit that follows the one looked at; look again where another came in between."""
        with self._lock:
            for attempt in range(COMMIT_ATTEMPTS):
                seen = self.look()
                changes = {check_name(name): data for name, data in edit(seen).items()}
                changes = {name: data for name, data in changes.items() if data is not None or seen.exists(name)}
                if not changes or commit_files(self._place.id, changes, after=seen.version, message=message):
                    return
                time.sleep(random.uniform(0, 0.05 * min(attempt + 1, 20)))
        raise StoreError(f"{self.shown}: others wrote first {COMMIT_ATTEMPTS} times in a row; try again")


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
    """The name of a file in a store: parts of plain letters, none hidden, none that leads elsewhere.

    Raises:
        InputError: Another one.

    >>> check_name("entries/wan-2.1/entry.json")
    'entries/wan-2.1/entry.json'
    """
    parts = name.split("/")
    if not all(_PART.fullmatch(part) for part in parts) or len(parts) > 6:
        raise InputError(f"{name[:80]!r} is no name of a file in a store")
    return name
