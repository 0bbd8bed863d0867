"""Commits to a dataset on the Hub with several writers: each commit names its parent, so that no change is lost."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsrbench.hub.connection import Connection, status_code
from dsrbench.hub.paths import HubPath

Change = bytes | Path | None
"""New content of a file: bytes, the content of another file, or None to remove it."""


STAMP = ".last-write"
"""File that differs in every commit. The Hub's client does not send a commit without changes, and then does not check
whether another commit came in between."""


@dataclasses.dataclass(frozen=True)
class Head:
    """A commit, and the files in it.

    Attributes:
        commit: Hash of the commit.
        files: Content hash of each file by its name, without hidden files.
    """

    commit: str
    files: Mapping[str, str]


def read_head(id: str) -> Head:
    """Read the last commit of a dataset.

    Raises:
        HubError: There is no such dataset, or it may not be read.
        DownloadError: No network, or a server that does not answer.
        MissingExtraError: huggingface_hub is not installed.
    """
    hub = Connection(HubPath(id))
    commit = str(hub.ask(lambda: hub.api.repo_info(id, repo_type="dataset")).sha)
    options = {"recursive": True, "revision": commit, "repo_type": "dataset"}
    tree = hub.ask(lambda: list(hub.api.list_repo_tree(id, **options)))
    files = {file.path: file.blob_id for file in tree if hasattr(file, "blob_id")}
    return Head(commit, {name: mark for name, mark in files.items() if not name.startswith(".")})


def fetch_committed(id: str, commit: str, name: str) -> Path:
    """Fetch a file of a commit into the Hub's cache on this disk; errors as for `read_head`."""
    hub = Connection(HubPath(id))
    return Path(hub.ask(lambda: hub.api.hf_hub_download(id, name, repo_type="dataset", revision=commit)))


def commit_files(id: str, changes: Mapping[str, Change], *, after: str, message: str) -> bool:
    """Write files in one commit, if no commit followed `after`.

    Returns:
        Whether the commit was written; False if another commit came in between.

    Raises:
        HubError: No such dataset, no token, or no permission.
        DownloadError: No network, or a server that does not answer.
    """
    hub = Connection(HubPath(id))
    stamped = {**changes, STAMP: secrets.token_hex(16).encode()}

    def send() -> bool:
        try:
            hub.api.create_commit(
                id,
                _operations(hub.hub, stamped),
                commit_message=message,
                repo_type="dataset",
                parent_commit=after,
            )
        except hub.hub.errors.HfHubHTTPError as error:
            if status_code(error) in (409, 412):
                return False
            raise
        return True

    return hub.ask(send)


def propose_files(id: str, changes: Mapping[str, Change], *, message: str, kind: str = "dataset") -> str:
    """Open a pull request with files and return its address. Errors as for `commit_files`.

    Args:
        id: OWNER/NAME.
        changes: New content of each file, by name.
        message: Title of the pull request.
        kind: `dataset` or `model`.
    """
    hub = Connection(HubPath(id))
    options = {"commit_message": message, "repo_type": kind, "create_pr": True}
    commit = hub.ask(lambda: hub.api.create_commit(id, _operations(hub.hub, changes), **options))
    return str(commit.pr_url)


def fetch_text(id: str, name: str, *, kind: str = "dataset") -> str:
    """Fetch a small text file of a repository; empty if there is no such file. Errors as for `read_head`."""
    hub = Connection(HubPath(id))

    def ask() -> str:
        try:
            return Path(hub.api.hf_hub_download(id, name, repo_type=kind)).read_text(encoding="utf-8")
        except hub.hub.errors.RemoteEntryNotFoundError:
            return ""

    return hub.ask(ask)


def _operations(hub: Any, changes: Mapping[str, Change]) -> list[Any]:
    return [
        hub.CommitOperationDelete(name, is_folder=False)
        if data is None
        else hub.CommitOperationAdd(name, str(data) if isinstance(data, Path) else data)
        for name, data in changes.items()
    ]
