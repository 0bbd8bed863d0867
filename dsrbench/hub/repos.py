"""Datasets on the Hub: `hf://datasets/OWNER/NAME` names one, with `@REVISION`, and with `/FILE` a file in it.

`HF_ENDPOINT` may name another server than huggingface.co; `HF_TOKEN`, or `hf auth login`, says who asks. No message
has a token in it.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dsrbench.errors import DownloadError, DSRBenchError, HubError, InputError, MissingExtraError, first_line
from dsrbench.hub.weights import is_offline

PREFIX = "hf://"

ATTEMPTS = 4
"""Times the Hub is asked before a server error or a dropped connection is given up on."""

FIRST_WAIT = 1.0
"""Seconds before the second attempt; each later wait is twice the one before."""

BATCH_FILES, BATCH_BYTES = 100, 1e9
"""Most files and bytes of a commit: what a push that was stopped may have to send again."""

_FORM = re.compile(r"hf://datasets/(?P<id>[^/@]+/[^/@]+)(?:@(?P<revision>[^/@]+))?(?:/(?P<path>.+))?", re.ASCII)
_PART = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?", re.ASCII)

T = TypeVar("T")
Tell = Callable[[str, int, int, str], None]


@dataclasses.dataclass(frozen=True)
class HubPath:
    """A dataset on the Hub, or a file in it.

    Attributes:
        id: OWNER/NAME.
        revision: A branch, tag or commit; None for the main branch.
        path: Of a file in it; empty for all of it.
    """

    id: str
    revision: str | None = None
    path: str = ""

    def __post_init__(self) -> None:
        owner, _, name = self.id.partition("/")
        if not all(_PART.fullmatch(part) and "--" not in part and ".." not in part for part in (owner, name)):
            raise InputError(f"{self.id!r} is no repository id; expected OWNER/NAME, such as me/my-dataset")

    @classmethod
    def parse(cls, text: str) -> HubPath:
        """Read `hf://datasets/OWNER/NAME`, with `@REVISION` and `/FILE` where they are given, or a bare OWNER/NAME.

        Raises:
            InputError: Another form.

        >>> HubPath.parse("hf://datasets/me/mine@v2/prompts.jsonl")
        HubPath(id='me/mine', revision='v2', path='prompts.jsonl')
        """
        if not is_hub_path(text):
            return cls(text)
        found = _FORM.fullmatch(text)
        if found is None or ".." in (found["path"] or "").split("/"):
            raise InputError(f"expected hf://datasets/OWNER/NAME, with @REVISION and /FILE as needed, got {text!r}")
        return cls(found["id"], found["revision"], found["path"] or "")

    def __str__(self) -> str:
        return (
            f"{PREFIX}datasets/{self.id}{f'@{self.revision}' * bool(self.revision)}{f'/{self.path}' * bool(self.path)}"
        )


def is_hub_path(text: str | Path) -> bool:
    """Whether something is named by its place on the Hub.

    >>> is_hub_path("hf://datasets/me/mine"), is_hub_path("data/mine")
    (True, False)
    """
    return str(text).startswith(PREFIX)


def fetch_file(text: str) -> Path:
    """A file of a dataset on the Hub, in the Hub's cache on this disk; offline, the one that was fetched before.

    Args:
        text: `hf://datasets/OWNER/NAME/FILE`.

    Raises:
        InputError: It names no file.
        HubError: No such dataset, revision or file, or one that may not be read.
        DownloadError: No network, or offline and not in the cache.
        MissingExtraError: huggingface_hub is not installed.
    """
    place = HubPath.parse(text)
    if not place.path:
        raise InputError(f"{text} names a dataset; expected a file in it, such as {text}/prompts.jsonl")
    hub = _import_hub(text)
    found = _ask(
        lambda: hub.hf_hub_download(
            place.id,
            place.path,
            repo_type="dataset",
            revision=place.revision,
            endpoint=_endpoint(),
            local_files_only=is_offline(),
        ),
        place,
        hub,
    )
    return Path(found)


def fetch_folder(text: str, *, names: Sequence[str], out: Path | None = None) -> tuple[Path, str]:
    """All of a dataset on the Hub, in a folder of yours or in the Hub's cache; what is there is not fetched again.

    Args:
        text: `hf://datasets/OWNER/NAME`, or OWNER/NAME.
        names: What belongs to it: patterns of file names.
        out: The folder; by default one in the cache.

    Returns:
        The folder, and the commit.

    Raises:
        HubError: No such dataset or revision, or one that may not be read.
        DownloadError: No network, or offline and not in the cache.
        InputError: The text names a file, or no dataset.
        MissingExtraError: huggingface_hub is not installed.
    """
    place = HubPath.parse(text)
    if place.path:
        raise InputError(f"{text} names a file; expected a dataset, such as {PREFIX}datasets/{place.id}")
    hub = _import_hub(text)
    asked = {"repo_type": "dataset", "revision": place.revision, "endpoint": _endpoint()}
    cached = Path(
        _ask(
            lambda: hub.snapshot_download(
                place.id, allow_patterns=[*names], local_files_only=is_offline(), local_dir=out, **asked
            ),
            place,
            hub,
        )
    )
    if out is None:
        return cached, cached.name
    if is_offline():
        return out, ""
    api = hub.HfApi(endpoint=_endpoint())
    info = _ask(lambda: api.repo_info(place.id, repo_type="dataset", revision=place.revision), place, hub)
    return out, str(info.sha)


def push_folder(
    folder: Path, id: str, *, names: Sequence[str], private: bool = False, message: str, tell: Tell = lambda *_: None
) -> str:
    """Send a folder to a dataset on the Hub, which is made where there is none; a push that was stopped goes on.

    Files go in commits of about a gigabyte, those at the end of `names` last; what is there already is not sent again,
    and files below the folders in `names` that are no longer here are removed with the last commit.

    Args:
        folder: What to send.
        id: OWNER/NAME.
        names: Files and folders of it, in the order of sending.
        private: Make it private; a public one that is there is refused.
        message: Of the commits.
        tell: Told of progress.

    Returns:
        The commit.

    Raises:
        InputError: No repository id.
        HubError: No token, no permission, or a public dataset where a private one was asked for.
        DownloadError: Offline, no network, or a server that does not answer.
    """
    place = HubPath(id)
    hub = _import_hub(str(place))
    if is_offline():
        raise DownloadError(f"offline, and {place} is on the Hub; unset DSRBENCH_OFFLINE and HF_HUB_OFFLINE")
    if not hub.get_token():
        raise HubError(f"{place}: no token to write with; log in with hf auth login, or set HF_TOKEN")
    api = hub.HfApi(endpoint=_endpoint())
    _ask(lambda: api.create_repo(id, repo_type="dataset", private=private or None, exist_ok=True), place, hub)
    info = _ask(lambda: api.repo_info(id, repo_type="dataset"), place, hub)
    if private and not info.private:
        raise HubError(f"{place} is there and is public; make it private on its page, or leave out --private")
    files = [path for name in names for path in _files(folder / name)]
    here = {path.relative_to(folder).as_posix() for path in files}
    there = _ask(lambda: api.list_repo_files(id, repo_type="dataset"), place, hub)
    gone = sorted(name for name in there if name not in here and name.split("/")[0] in names and "/" in name)
    sent, commit = 0, str(info.sha)
    batches = list(_batches(files))
    for number, batch in enumerate(batches):
        removed = gone if number == len(batches) - 1 else []

        def send(batch: Sequence[Path] = batch, removed: Sequence[str] = removed) -> Any:
            added = [hub.CommitOperationAdd(path.relative_to(folder).as_posix(), str(path)) for path in batch]
            deleted = [hub.CommitOperationDelete(name, is_folder=False) for name in removed]
            return api.create_commit(id, [*added, *deleted], commit_message=message, repo_type="dataset")

        commit = _ask(send, place, hub).oid
        sent += len(batch)
        tell("sending", sent, len(files), batch[-1].name)
    return str(commit)


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path] * path.is_file()


def _batches(files: Sequence[Path]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    held = 0
    for path in files:
        size = path.stat().st_size
        if batch and (len(batch) == BATCH_FILES or held + size > BATCH_BYTES):
            yield batch
            batch, held = [], 0
        batch.append(path)
        held += size
    if batch:
        yield batch


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _import_hub(what: str) -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        raise MissingExtraError(what, "huggingface_hub", "dataset") from None
    hub: Any = huggingface_hub
    hub.utils.logging.set_verbosity(logging.CRITICAL)  # what it says of every attempt; the error says it once
    if not sys.stderr.isatty():
        hub.utils.disable_progress_bars()
    return hub


def _ask(ask: Callable[[], T], place: HubPath, hub: Any) -> T:
    """Ask the Hub, again where another attempt may help; whatever it says at last becomes one line."""
    for attempt in range(ATTEMPTS):
        try:
            return ask()
        except Exception as caught:  # HTTP, network, disk and more, of three libraries
            error = caught.__cause__ if type(caught) is RuntimeError and caught.__cause__ else caught
            final = _explain(error, place, hub)
            if final is not None:
                raise final from None
            if attempt == ATTEMPTS - 1:
                said = _status(error) or f"{type(error).__name__}"
                raise DownloadError(
                    f"{place}: gave up after {ATTEMPTS} attempts ({said}); run the same command again, what was "
                    "sent or fetched is kept"
                ) from None
            time.sleep(FIRST_WAIT * 2**attempt)
    raise AssertionError("every attempt returns or raises")


def _explain(error: BaseException, place: HubPath, hub: Any) -> DSRBenchError | None:
    """The error for what no other attempt will change; None where one may."""
    kinds, status = hub.errors, _status_code(error)
    if isinstance(error, kinds.GatedRepoError):
        return HubError(f"{place}: its terms must be accepted on its page on the Hub; then log in with hf auth login")
    if isinstance(error, kinds.RevisionNotFoundError):
        return HubError(f"{place}: no such revision on the Hub")
    if isinstance(error, kinds.RepositoryNotFoundError):
        return HubError(f"{place}: no such dataset on the Hub, or no permission to see it; log in with hf auth login")
    if isinstance(error, kinds.RemoteEntryNotFoundError):
        return HubError(f"{place}: no such file on the Hub")
    if isinstance(error, kinds.LocalEntryNotFoundError) and is_offline():
        return DownloadError(f"offline, and {place} is not in the cache; fetch it once with a network")
    if isinstance(error, kinds.HFValidationError):
        return InputError(f"{place.id!r} is no repository id; expected OWNER/NAME ({first_line(error)})")
    if status in (401, 403):
        return HubError(f"{place}: no permission ({_status(error)}); use a token that may write to {place.id}")
    if 400 <= status < 500 and status not in (408, 429):
        return HubError(f"{place}: the Hub refuses it ({_status(error)})")
    if isinstance(error, OSError) and error.errno is not None and not status:
        return DownloadError(f"{place}: {error.strerror or first_line(error)}")
    return None


def _status_code(error: BaseException) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _status(error: BaseException) -> str:
    """What the server said, without addresses, which may be signed."""
    response, said = getattr(error, "response", None), getattr(error, "server_message", None)
    if response is None:
        return ""
    return f"HTTP {response.status_code}{f': {first_line(Exception(said))}' if said else ''}"
