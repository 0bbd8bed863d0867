"""The small storage interface a run folder is built on, for a local disk."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from dsrbench.errors import RunLockedError, StoreError


class LocalDisk:
    """Files under one root, addressed by relative POSIX paths.

    Args:
        root: The folder; made on first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Return the local path of `name`."""
        return self.root / name

    def exists(self, name: str) -> bool:
        """Tell whether the file is there."""
        return self.path(name).exists()

    @property
    def shown(self) -> str:
        """Name of the folder in messages."""
        return str(self.root)

    def fetch(self, name: str) -> Path:
        """Return the path of a file, brought to this disk where it is elsewhere; it need not exist."""
        return self.path(name)

    def publish(self, name: str) -> None:
        """Bring a file that was written at its path to where the folder is."""

    def refresh(self) -> None:
        """Look at what other processes have written."""

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        self.path(name).unlink(missing_ok=True)

    def read(self, name: str) -> bytes:
        """Read the whole file.

        Raises:
            StoreError: It cannot be read.
        """
        try:
            return self.path(name).read_bytes()
        except OSError as error:
            raise StoreError(f"cannot read {self.path(name)}: {error.strerror}") from error

    def write_atomic(self, name: str, data: bytes) -> None:
        """Write a file so that it is there whole or not at all, also after a crash.

        Raises:
            StoreError: It cannot be written, for instance because the disk is full.
        """
        with self.writing(name) as file:
            file.write(data)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for writing; it is there whole or not at all (temporary file, fsync, rename).

        Raises:
            StoreError: It cannot be written, for instance because the disk is full.
        """
        path = self.path(name)
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
            sync_folder(path.parent)
        except OSError as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
            raise write_error(path, error) from error
        except BaseException:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
            raise

    def append(self, name: str, line: str) -> None:
        """Add one line to a log.

        Raises:
            StoreError: It cannot be written.
        """
        path = self.path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(line.rstrip("\n") + "\n")
        except OSError as error:
            raise write_error(path, error) from error

    def list(self, prefix: str, suffix: str = "") -> list[str]:
        """List all files under the folder `prefix` that end in `suffix`, sorted; temporary files are left out."""
        base = self.path(prefix)
        return sorted(
            p.relative_to(self.root).as_posix()
            for p in base.rglob(f"*{suffix}")
            if p.is_file() and not p.name.startswith(".")
        )

    def sweep(self, prefix: str = "") -> None:
        """Remove temporary files that a killed process left; call it only with the lock held.

        Args:
            prefix: The folder to clear with all below it; by default the root itself, but nothing below.
        """
        folder = self.path(prefix)
        for suffix in ("tmp", "part"):
            for path in folder.rglob(f".*.{suffix}") if prefix else folder.glob(f".*.{suffix}"):
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one process; the lock goes when the process does, however it ends.

        Raises:
            RunLockedError: Another process holds it.
            StoreError: The folder cannot be written.
        """
        import filelock

        path = self.path("run.lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held = filelock.FileLock(path, timeout=0)
            held.acquire()
        except filelock.Timeout:
            raise RunLockedError(
                f"another process works on {self.root}; wait for it to end, or give another --out folder"
            ) from None
        except OSError as error:
            raise write_error(path, error) from error
        try:
            yield
        finally:
            held.release()


def place_link(source: Path, target: Path, *, otherwise: Callable[[Path, Path], object]) -> None:
    """Put a hard link to a file in the place of another, or of none; it is there whole or not at all.

    Args:
        source: The file.
        target: Where the link is to be; its folder is made.
        otherwise: From the file and a path makes what is put there where hard links cannot be made.

    Raises:
        OSError: Neither can be made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        os.link(source, part)
    except OSError:
        otherwise(source, part)
    os.replace(part, target)


def write_error(path: Path, error: OSError) -> StoreError:
    """Return one line for a failed write, with what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(f"disk full while writing {path}; nothing is lost: free space and run the same command again")
    return StoreError(f"cannot write {path}: {error.strerror or error}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Bring the names of new files in a folder to the disk."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
