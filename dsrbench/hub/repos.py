"""Download files and datasets from the Hub, and upload folders as datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dsrbench.errors import DownloadError, HubError, InputError
from dsrbench.hub.connection import Connection
from dsrbench.hub.paths import PREFIX, HubPath
from dsrbench.hub.weights import is_offline

BATCH_FILES, BATCH_BYTES = 100, 1e9
"""Maximum number of files and bytes of a commit, which an interrupted push may have to send again."""

Tell = Callable[[str, int, int, str], None]
"""Callback for progress, called with the stage, the count done, the total count and the name of the last file."""


def fetch_file(text: str) -> Path:
    """Fetch a file of a dataset on the Hub into the Hub's cache; when offline, use the cached file.

    Args:
        text: `hf://datasets/OWNER/NAME/FILE`.

    Raises:
        InputError: The text names no file.
        HubError: There is no such dataset, revision or file, or it may not be read.
        DownloadError: No network, or offline and not in the cache.
        MissingExtraError: huggingface_hub is not installed.
    """
    place = HubPath.parse(text)
    if not place.path:
        raise InputError(f"{text} names a dataset; expected a file in it, such as {text}/prompts.jsonl")
    hub = Connection(place, text)
    options = {"repo_type": "dataset", "revision": place.revision, "local_files_only": is_offline()}
    return Path(hub.ask(lambda: hub.api.hf_hub_download(place.id, place.path, **options)))


def fetch_folder(text: str, *, names: Sequence[str], out: Path | None = None) -> tuple[Path, str]:
    """Fetch the missing files of a dataset on the Hub into a local folder or the Hub's cache.

    Args:
        text: `hf://datasets/OWNER/NAME`, or OWNER/NAME.
        names: Patterns of the names of the files to fetch.
        out: The folder; by default one in the cache.

    Returns:
        The folder, and the commit.

    Raises:
        HubError: There is no such dataset or revision, or it may not be read.
        DownloadError: No network, or offline and not in the cache.
        InputError: The text names a file, or no dataset.
        MissingExtraError: huggingface_hub is not installed.
    """
    place = HubPath.parse(text)
    if place.path:
        raise InputError(f"{text} names a file; expected a dataset, such as {PREFIX}datasets/{place.id}")
    hub = Connection(place, text)
    options = {"repo_type": "dataset", "revision": place.revision}
    cached = hub.ask(
        lambda: hub.api.snapshot_download(
            place.id, allow_patterns=[*names], local_files_only=is_offline(), local_dir=out, **options
        )
    )
    if out is None:
        return Path(cached), Path(cached).name
    if is_offline():
        return out, ""
    return out, str(hub.ask(lambda: hub.api.repo_info(place.id, **options)).sha)


def push_folder(
    folder: Path, id: str, *, names: Sequence[str], private: bool = False, message: str, tell: Tell = lambda *_: None
) -> str:
    """Upload a folder to a dataset on the Hub, which is created if necessary; an interrupted push is continued.

    Files are sent in commits of about a gigabyte, in the order of `names`. Files that the dataset already has are not
    sent again. Files below the folders in `names` that no longer exist locally are removed with the last commit.

    Args:
        folder: Folder to upload.
        id: OWNER/NAME.
        names: Names of its files and folders, in the order of sending.
        private: Make the dataset private; an existing public dataset is refused.
        message: Message of the commits.
        tell: Callback for progress.

    Returns:
        The commit.

    Raises:
        InputError: The repository's id is not valid.
        HubError: No token, no permission, or the dataset is public and `private` is set.
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
    local = {path.relative_to(folder).as_posix() for path in files}
    remote = hub.ask(lambda: api.list_repo_files(id, repo_type="dataset"))
    gone = sorted(name for name in remote if name not in local and name.split("/")[0] in names and "/" in name)
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
