"""Weights that are plain files with a known address and sha256: find, check and fetch them.

They are stored in the cache folder as `weights/NAME/FILENAME`. Only `pull` downloads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.client
import os
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dsrbench.errors import DownloadError, InputError, WeightsError

Progress = Callable[[str, int, int], None]
"""Callback for progress, called with the file's name, the bytes received and the size of the file."""

ATTEMPTS = 4
"""Maximum number of attempts of a download after server errors or dropped connections."""

FIRST_WAIT = 0.5
"""Seconds before the second attempt; each later wait is twice the previous one."""

TIMEOUT = 30.0
"""Maximum silence of a server, seconds."""

_BLOCK = 1 << 16


@dataclasses.dataclass(frozen=True)
class HubModel:
    """The model on the Hub that a backend takes by default.

    Attributes:
        id: Its id on the Hub, "owner/name".
        licence: Name that the authors give the license.
    """

    id: str
    licence: str


@dataclasses.dataclass(frozen=True)
class WeightFile:
    """One file of weights.

    Attributes:
        filename: File name in the weights folder, without folders.
        url: Address of the file, http or https.
        sha256: 64 hexadecimal digits.
        size: Size of the file, bytes.
        licence: SPDX identifier of the license.
    """

    filename: str
    url: str
    sha256: str
    size: int
    licence: str

    def __post_init__(self) -> None:
        _check_component(self.filename, "file name")
        if urllib.parse.urlsplit(self.url).scheme not in ("http", "https"):
            raise InputError(f"{self.filename}: the url must be http or https, got {self.url!r}")
        if len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise InputError(f"{self.filename}: sha256 must be 64 lower-case hexadecimal digits, got {self.sha256!r}")
        if self.size < 1:
            raise InputError(f"{self.filename}: size must be at least 1 byte, got {self.size}")


def cache_folder() -> Path:
    """Return the folder of downloaded files: `$DSRBENCH_CACHE`, else the user's cache folder."""
    chosen = os.environ.get("DSRBENCH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("dsrbench", appauthor=False)


def weights_folder(name: str) -> Path:
    """Return the folder of the weights of backend `name`, which need not exist."""
    _check_component(name, "backend name")
    return cache_folder() / "weights" / name


def check_sha256(path: str | Path, expected: str) -> bool:
    """Tell whether a file's sha256 is `expected`; False also if the file cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return False
    return digest.hexdigest() == expected.lower()


def find_weights(name: str, files: Sequence[WeightFile]) -> list[Path]:
    """Return the paths of downloaded weights after checking the size and sha256 of each.

    Raises:
        WeightsError: A file is absent or altered; the message gives the command that fetches it.
    """
    folder = weights_folder(name)
    for file in files:
        state = _state(folder / file.filename, file)
        if state:
            raise WeightsError(
                f"weights of {name!r}: {file.filename} is {state} in {folder}. "
                f"Fetch it with: dsrbench backends pull {name}"
            )
    return [folder / file.filename for file in files]


def pull(
    name: str, files: Sequence[WeightFile], *, offline: bool = False, progress: Progress | None = None
) -> list[Path]:
    """Fetch the files that are absent or altered, check them, and move each into place as a whole.

    An interrupted download is kept as `FILENAME.part` and continued if the server allows it.

    Args:
        name: Name of the backend that the weights belong to.
        files: Files to fetch.
        offline: Refuse to download; the environment variables `DSRBENCH_OFFLINE=1` and `HF_HUB_OFFLINE=1` have the same
            effect.
        progress: Callback for every block received.

    Returns:
        The path of every file, in order.

    Raises:
        DownloadError: Offline, no network, no such address, an answer that is not the file, or a folder that cannot be
            written.
    """
    import filelock

    folder = weights_folder(name)
    missing = [file for file in files if _state(folder / file.filename, file)]
    if missing and (offline or is_offline()):
        raise DownloadError(
            f"offline, and {missing[0].filename} is not in {folder}. With a network, run: dsrbench backends pull {name}"
        )
    if missing:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(folder / ".lock"):
                for file in missing:
                    if _state(folder / file.filename, file):
                        _fetch(file, folder, progress)
    return [folder / file.filename for file in files]


class _BrokenOffError(Exception):
    """Interruption of a transfer that another attempt may complete, from the same or from the first byte."""

    def __init__(self, why: str, *, restart: bool = False) -> None:
        super().__init__(why)
        self.restart = restart


def _fetch(file: WeightFile, folder: Path, progress: Progress | None) -> None:
    part = folder / f"{file.filename}.part"
    if part.exists() and part.stat().st_size >= file.size:
        part.unlink()
    for attempt in range(ATTEMPTS):
        resumed = part.exists() and part.stat().st_size > 0
        try:
            _transfer(file, part, progress)
        except _BrokenOffError as error:
            if error.restart:
                part.unlink(missing_ok=True)
            if attempt == ATTEMPTS - 1:
                raise DownloadError(f"{file.url}: gave up after {ATTEMPTS} attempts ({error})") from None
            time.sleep(FIRST_WAIT * 2**attempt)
            continue
        if check_sha256(part, file.sha256):
            break
        part.unlink()
        if not resumed or attempt == ATTEMPTS - 1:
            raise DownloadError(f"{file.url}: the answer has another sha256 than {file.filename}; it was deleted")
    with open(part, "rb+") as handle:
        os.fsync(handle.fileno())
    os.replace(part, folder / file.filename)


def _transfer(file: WeightFile, part: Path, progress: Progress | None) -> None:
    """Append to `part` until it has the file's size; raise an error if it cannot."""
    start = part.stat().st_size if part.exists() else 0
    with _asking(file.url), _open(file.url, start) as answer:
        resumes = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        done = start if resumes else 0
        with open(part, "ab" if resumes else "wb") as handle:
            while block := answer.read(_BLOCK):
                done += len(block)
                if done > file.size:
                    break
                handle.write(block)
                if progress:
                    progress(file.filename, done, file.size)
    if done > file.size:
        part.unlink()
        raise DownloadError(f"{file.url}: the answer is longer than the {file.size} bytes of {file.filename}; deleted")
    if done < file.size and answer.headers.get("Content-Length") == str(done - (start if resumes else 0)):
        part.unlink()
        raise DownloadError(f"{file.url}: the answer has {done} bytes, {file.filename} has {file.size}; deleted")
    if done < file.size:
        raise _BrokenOffError(f"connection closed at {done} of {file.size} bytes")


def _open(url: str, start: int) -> Any:
    """Request `url` from byte `start`; the opener supports only http and https."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    headers = {"User-Agent": "dsrbench", **({"Range": f"bytes={start}-"} if start else {})}
    return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)


@contextlib.contextmanager
def _asking(url: str) -> Iterator[None]:
    """Convert network errors into final ones and those worth another attempt."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (408, 416, 429) or error.code >= 500:
            raise _BrokenOffError(f"HTTP {error.code} {error.reason}", restart=error.code == 416) from None
        raise DownloadError(f"{url}: HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, socket.gaierror):
            raise DownloadError(f"{url}: no network, or no such host ({error.reason.strerror})") from None
        raise _BrokenOffError(str(error.reason)) from None
    except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
        raise _BrokenOffError(str(error) or type(error).__name__) from None


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"cannot write to {folder} ({error.strerror or error}); set DSRBENCH_CACHE to a folder you may write to"
        ) from None


def _state(path: Path, file: WeightFile) -> str:
    """Return the problem of a file on disk: `absent`, `altered`, or empty if it is correct."""
    try:
        size = path.stat().st_size
    except OSError:
        return "absent"
    return "" if size == file.size and check_sha256(path, file.sha256) else "altered"


def is_offline() -> bool:
    """Tell whether the environment forbids requests to servers: `DSRBENCH_OFFLINE=1` or `HF_HUB_OFFLINE=1`."""
    truths = ("1", "true", "yes", "on")
    return any(os.environ.get(name, "").lower() in truths for name in ("DSRBENCH_OFFLINE", "HF_HUB_OFFLINE"))


def _check_component(name: str, what: str) -> None:
    if not name or name in (".", "..") or "/" in name or "\\" in name:
        raise InputError(f"{what} must be a plain name without folders, got {name!r}")
