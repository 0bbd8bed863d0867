"""Datasets to and from the Hub: a file of one, all of one, and a folder sent as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dsrbench.errors import DownloadError, HubError, InputError
from dsrbench.hub.connection import Connection
from dsrbench.hub.paths import PREFIX, HubPath
from dsrbench.hub.weights import is_offline

BATCH_FILES, BATCH_BYTES = 100, 1e9
"""Most files and bytes of a commit: what a push that was stopped may have to send again."""

Tell = Callable[[str, int, int, str], None]


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
    hub = Connection(place, text)
    asked = {"repo_type": "dataset", "revision": place.revision, "local_files_only": is_offline()}
    return Path(hub.ask(lambda: hub.api.hf_hub_download(place.id, place.path, **asked)))


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
    hub = Connection(place, text)
    asked = {"repo_type": "dataset", "revision": place.revision}
    cached = hub.ask(
        lambda: hub.api.snapshot_download(
            place.id, allow_patterns=[*names], local_files_only=is_offline(), local_dir=out, **asked
        )
    )
    if out is None:
        return Path(cached), Path(cached).name
    if is_offline():
        return out, ""
    return out, str(hub.ask(lambda: hub.api.repo_info(place.id, **asked)).sha)


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
        message: Message of the commits.
        tell: Told of progress.

    Returns:
        The commit.

    Raises:
        InputError: No repository id.
        HubError: No token, no permission, or a public dataset where a private one was asked for.
        DownloadError: Offline, no network, or a server that does not answer.
    """
    place = HubPath(id)
    hub = Connection(place)
    api = hub.api
    if is_offline():
        raise DownloadError(f"offline, and {place} is on the Hub; unset DSRBENCH_OFFLINE and HF_HUB_OFFLINE")
    if not hub.hub.get_token():
        raise HubError(f"{place}: no token to write with; log in with hf auth login, or set HF_TOKEN")
    hub.ask(lambda: api.create_repo(id, repo_type="dataset", private=private or None, exist_ok=True))
    info = hub.ask(lambda: api.repo_info(id, repo_type="dataset"))
    if private and not info.private:
        raise HubError(f"{place} is there and is public; make it private on its page, or leave out --private")
    files = [path for name in names for path in _files(folder / name)]
    here = {path.relative_to(folder).as_posix() for path in files}
    there = hub.ask(lambda: api.list_repo_files(id, repo_type="dataset"))
    gone = sorted(name for name in there if name not in here and name.split("/")[0] in names and "/" in name)
    sent, commit = 0, str(info.sha)
    batches = list(_batches(files))
    for number, batch in enumerate(batches):
        removed = gone if number == len(batches) - 1 else []

        def send(batch: Sequence[Path] = batch, removed: Sequence[str] = removed) -> Any:
            added = [hub.hub.CommitOperationAdd(path.relative_to(folder).as_posix(), str(path)) for path in batch]
            deleted = [hub.hub.CommitOperationDelete(name, is_folder=False) for name in removed]
            return api.create_commit(id, [*added, *deleted], commit_message=message, repo_type="dataset")

        commit = hub.ask(send).oid
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
