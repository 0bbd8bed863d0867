"""Commits to a dataset on the Hub that several write to: each says which commit it follows, so that none is lost."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsrbench.hub.repos import HubPath, _ask, _endpoint, _import_hub, _status_code

Change = bytes | Path | None
"""What becomes of a file: these bytes, that file's, or nothing (it is removed)."""


STAMP = ".last-write"
"""A file that no two commits write alike: the Hub's client sends no commit that would change nothing, and then does not
ask whether another came in between."""


@dataclasses.dataclass(frozen=True)
class Head:
    """A commit, and the files in it.

    Attributes:
        commit: Its name.
        files: A mark of its content for each file's name: equal marks, equal bytes; without hidden files.
    """

    commit: str
    files: Mapping[str, str]


def read_head(id: str) -> Head:
    """The last commit of a dataset.

    Raises:
        HubError: No such dataset, or one that may not be read.
        DownloadError: No network, or a server that does not answer.
        MissingExtraError: huggingface_hub is not installed.
    """
    place, hub, api = _connect(id)
    commit = str(_ask(lambda: api.repo_info(id, repo_type="dataset"), place, hub).sha)
    tree = _ask(lambda: list(api.list_repo_tree(id, recursive=True, revision=commit, repo_type="dataset")), place, hub)
    files = {file.path: file.blob_id for file in tree if hasattr(file, "blob_id")}
    return Head(commit, {name: mark for name, mark in files.items() if not name.startswith(".")})


def fetch_committed(id: str, commit: str, name: str) -> Path:
    """A file of a commit, in the Hub's cache on this disk; errors as for `read_head`."""
    place, hub, api = _connect(id)
    return Path(_ask(lambda: api.hf_hub_download(id, name, repo_type="dataset", revision=commit), place, hub))


def commit_files(id: str, changes: Mapping[str, Change], *, after: str, message: str) -> bool:
    """Write files in one commit, if nothing was written since the commit `after`.

    Returns:
        Whether it was written; False where another commit came in between.

    Raises:
        HubError: No such dataset, no token, or no permission.
        DownloadError: No network, or a server that does not answer.
    """
    place, hub, api = _connect(id)
    stamped = {**changes, STAMP: secrets.token_hex(16).encode()}

    def send() -> bool:
        try:
            api.create_commit(
                *(id, _operations(hub, stamped)), commit_message=message, repo_type="dataset", parent_commit=after
            )
        except hub.errors.HfHubHTTPError as error:
            if _status_code(error) in (409, 412):
                return False
            raise
        return True

    return _ask(send, place, hub)


def propose_files(id: str, changes: Mapping[str, Change], *, message: str, kind: str = "dataset") -> str:
    """Open a pull request with files; its address. Errors as for `commit_files`.

    Args:
        id: OWNER/NAME.
        changes: What becomes of which file.
        message: Its title.
        kind: `dataset` or `model`.
    """
    place, hub, api = _connect(id)
    made = _ask(
        lambda: api.create_commit(
            *(id, _operations(hub, changes)), commit_message=message, repo_type=kind, create_pr=True
        ),
        *(place, hub),
    )
    return str(made.pr_url)


def fetch_text(id: str, name: str, *, kind: str = "dataset") -> str:
    """A small text file of a repository; empty where there is no such file. Errors as for `read_head`."""
    place, hub, api = _connect(id)

    def ask() -> str:
        try:
            return Path(api.hf_hub_download(id, name, repo_type=kind)).read_text(encoding="utf-8")
        except hub.errors.RemoteEntryNotFoundError:
            return ""

    return _ask(ask, place, hub)


def _connect(id: str) -> tuple[HubPath, Any, Any]:
    place = HubPath(id)
    hub = _import_hub(str(place))
    return place, hub, hub.HfApi(endpoint=_endpoint())


def _operations(hub: Any, changes: Mapping[str, Change]) -> list[Any]:
    return [
        hub.CommitOperationDelete(name, is_folder=False)
        if data is None
        else hub.CommitOperationAdd(name, str(data) if isinstance(data, Path) else data)
        for name, data in changes.items()
    ]
