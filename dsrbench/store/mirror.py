"""A run folder at a URL: worked on in a copy on this disk, every file of which is sent as soon as it is whole."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from dsrbench.errors import MissingExtraError, RunLockedError, StoreError
from dsrbench.hub import cache_folder
from dsrbench.store.disk import LocalDisk

WHOLE_OR_NOTHING = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory"})
"""Protocols on which a file that is being sent is not seen before it is whole; on others it is renamed at the end."""

LOCKS = "lock"
"""Folder of the lock files. Each holder makes the next number, which the store lets one process alone do."""

SIGN_OF_LIFE = 30.0
"""Seconds between two signs of life of the process that holds a folder; after four without one it is taken over."""


def is_url(place: str | Path) -> bool:
    """Tell whether a run folder is at a URL.

    >>> is_url("s3://bucket/run"), is_url("runs/a")
    (True, False)
    """
    return "://" in str(place)


class Mirror(LocalDisk):
    """Files at a URL of any protocol fsspec speaks, mirrored in a folder on this disk.

    What is written is written here and then sent; what is read is taken from here, or else fetched. When the folder is
    locked, and its last holder was another or died, what is here is thrown away: the URL is right. Videos stay if the
    one that died was here, for they are known by their hash.

    Args:
        url: The folder.
        root: The mirror; by default a folder in the cache that belongs to this URL.

    Raises:
        MissingExtraError: fsspec or the package for the protocol is not installed.
        StoreError: The URL cannot be used.
    """

    def __init__(self, url: str, root: Path | None = None) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self._shown = self.url.replace(f"{parts.username}:{parts.password}@", "", 1) if parts.password else self.url
        super().__init__(root or cache_folder() / "runs" / sha256(self.url.encode()).hexdigest()[:16])
        self._names: set[str] | None = None
        self._number = 0
        if not (parts.netloc or parts.path.strip("/")):
            raise StoreError(f"expected a folder such as s3://bucket/run, got {url!r}")
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise MissingExtraError(f"run folder {self.shown}", "fsspec", "s3") from None
        try:
            self._remote, self._base = url_to_fs(self.url, **({"use_listings_cache": False} if "s3" in url[:3] else {}))
        except ImportError as error:
            raise MissingExtraError(f"run folder {self.shown}", error.name or str(error), "s3") from None
        except Exception as error:  # what the protocols raise is not documented
            raise StoreError(f"{self.shown} is no folder that can be used ({_one_line(error)})") from error

    def __reduce__(self) -> tuple[Any, ...]:
        """Make, in another process, an empty mirror of its own that reads from the URL."""
        return _join, (self.url,)

    @property
    def shown(self) -> str:
        """The URL without a password."""
        return self._shown

    def exists(self, name: str) -> bool:
        """Tell whether the file is there."""
        if super().exists(name):
            return True
        if self._names is not None:
            return name in self._names
        with self._asking("read"):
            return bool(self._remote.exists(self._at(name)))

    def fetch(self, name: str) -> Path:
        """Return the path of a copy on this disk.

        Raises:
            StoreError: It cannot be fetched.
        """
        path = self.path(name)
        if not path.exists() and self.exists(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{secrets.token_hex(8)}.tmp")
            with self._asking("read"):
                try:
                    self._remote.get_file(self._at(name), str(part))
                    os.replace(part, path)
                finally:
                    part.unlink(missing_ok=True)
        return path

    def read(self, name: str) -> bytes:
        """Read the whole file.

        Raises:
            StoreError: It cannot be read.
        """
        self.fetch(name)
        return super().read(name)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for writing; it is there whole or not at all, here and at the URL.

        Raises:
            StoreError: It cannot be written, for instance because the disk is full.
        """
        with super().writing(name) as file:
            yield file
        self.publish(name)

    def publish(self, name: str) -> None:
        """Send a file that is whole.

        Raises:
            StoreError: It cannot be sent.
        """
        at = self._at(name)
        with self._asking("write"):
            if urlsplit(self.url).scheme in WHOLE_OR_NOTHING:
                self._remote.put_file(str(self.path(name).resolve()), at)
            else:
                folder, _, last = at.rpartition("/")
                part = f"{folder}/.{last}.{secrets.token_hex(4)}.tmp"
                self._remote.makedirs(folder, exist_ok=True)
                self._remote.put_file(str(self.path(name).resolve()), part)
                self._remote.mv(part, at)
        if self._names is not None:
            self._names.add(name)

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        is_there = self.exists(name)
        super().remove(name)
        if is_there:
            with self._asking("write"), contextlib.suppress(FileNotFoundError):
                self._remote.rm_file(self._at(name))
        if self._names is not None:
            self._names.discard(name)

    def list(self, prefix: str, suffix: str = "") -> list[str]:
        """List all files under the folder `prefix` that end in `suffix`, sorted; temporary files are left out."""
        names = self._names if self._names is not None else self._look()
        inside = f"{prefix}/" if prefix else ""
        remote = {name for name in names if name.startswith(inside) and name.endswith(suffix)}
        return sorted(remote | set(super().list(prefix, suffix)))

    def refresh(self) -> None:
        """Look at what the workers have sent, and fetch the samples at once."""
        self._names = self._look()
        absent = [name for name in self._names if name.startswith("samples/") and not self.path(name).exists()]
        if absent:
            for name in absent:
                self.path(name).parent.mkdir(parents=True, exist_ok=True)
            with self._asking("read"):
                self._remote.get([self._at(name) for name in absent], [str(self.path(name)) for name in absent])

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder, here and at the URL; a holder that gives no sign of life for two minutes has lost it.

        A lock file is made by an exclusive write, on S3 a put with `If-None-Match`. On a store without such writes, let
        no two machines begin at once.

        Raises:
            RunLockedError: Another process holds it.
            StoreError: The folder cannot be written.
        """
        with super().lock():
            self._take()
            ended = threading.Event()
            alive = threading.Thread(target=self._stay, args=(ended,), daemon=True)
            alive.start()
            try:
                yield
            finally:
                ended.set()
                alive.join()
                with contextlib.suppress(StoreError):
                    if self.path("log.jsonl").exists():
                        self.publish("log.jsonl")
                    self.write_atomic(self._lock_name(), self._sign(held=False))
                self._names = None

    def _take(self) -> None:
        last = self._last_number()
        name = f"{LOCKS}/{last:06}.json"
        theirs = self._read_lock(name) if last else {}
        # This machine's own lock is held, so that a holder of this name has died.
        if theirs.get("held") and theirs.get("host") != socket.gethostname():
            silent = time.time() - float(theirs.get("time", 0))
            if silent < 4 * SIGN_OF_LIFE:
                raise RunLockedError(
                    f"another process works on {self.shown} ({theirs.get('host')}, last sign of life {silent:.0f} s "
                    f"ago); wait for it to end, or give another --out"
                )
        mine = json.loads(super().read(name)) if super().exists(name) else {}
        is_ours = bool(mine) and mine.get("token") == theirs.get("token")
        if not is_ours or theirs.get("held"):
            self._forget(keep=("run.lock", "videos") if is_ours else ("run.lock",))
        self._number, self._token = last + 1, secrets.token_hex(8)
        self._make_lock()
        self._names = self._look()
        for video in LocalDisk.list(self, "videos"):
            if video not in self._names:  # killed between writing and sending
                self.publish(video)
        if last:
            self.remove(name)

    def _make_lock(self) -> None:
        """Make the lock file of this process.

        Raises:
            RunLockedError: Another process has just made it.
        """
        taken = RunLockedError(f"another process has just begun to work on {self.shown}; wait for it to end")
        name = self._lock_name()
        with self._asking("write"):
            self._remote.makedirs(self._at(LOCKS), exist_ok=True)
            try:
                with self._remote.open(self._at(name), "xb") as file:
                    file.write(self._sign())
            except Exception:
                if self._remote.exists(self._at(name)):
                    raise taken from None
                raise
        super().write_atomic(name, self._sign())
        if self._last_number() != self._number:  # the number had been held, and given back, since this process looked
            self.remove(name)
            raise taken

    def _stay(self, ended: threading.Event) -> None:
        while not ended.wait(SIGN_OF_LIFE):
            with contextlib.suppress(StoreError):
                self.write_atomic(self._lock_name(), self._sign())

    def _sign(self, *, held: bool = True) -> bytes:
        sign = {"token": self._token, "host": socket.gethostname(), "pid": os.getpid(), "time": time.time()}
        return json.dumps({**sign, "held": held}).encode()

    def _lock_name(self) -> str:
        return f"{LOCKS}/{self._number:06}.json"

    def _last_number(self) -> int:
        numbers = (Path(name).stem for name in self._look(LOCKS))
        return max((int(number) for number in numbers if number.isdecimal()), default=0)

    def _read_lock(self, name: str) -> dict[str, Any]:
        with self._asking("read"):
            try:
                lock = json.loads(self._remote.cat_file(self._at(name)))
            except (FileNotFoundError, ValueError):
                return {}
        return lock if isinstance(lock, dict) else {}

    def _forget(self, keep: tuple[str, ...]) -> None:
        for path in self.root.iterdir():
            if path.name in keep:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _look(self, folder: str = "") -> set[str]:
        with self._asking("read"):
            try:
                paths = self._remote.find(self._at(folder).rstrip("/"))
            except FileNotFoundError:
                return set()
        start = len(self._base.rstrip("/")) + 1
        return {str(path)[start:] for path in paths if not str(path).rpartition("/")[2].startswith(".")}

    def _at(self, name: str) -> str:
        return f"{self._base.rstrip('/')}/{name}"

    @contextlib.contextmanager
    def _asking(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (StoreError, RunLockedError):
            raise
        except Exception as error:  # what the protocols raise is not documented
            raise StoreError(
                f"cannot {verb} {self.shown} ({_one_line(error)}); nothing is lost: run the same command again when it "
                f"can be reached"
            ) from error


def _join(url: str) -> Mirror:
    return Mirror(url, Path(tempfile.mkdtemp(prefix="dsrbench-")))


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
