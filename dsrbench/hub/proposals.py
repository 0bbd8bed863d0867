"""Pull requests to a dataset on the Hub: list the open ones, fetch their files, answer them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from dsrbench.errors import InputError
from dsrbench.hub.connection import Connection
from dsrbench.hub.paths import HubPath


def check_may_write(id: str) -> None:
    """Check that the user's token may write to a dataset; errors as for `list_proposals`."""
    hub = Connection(HubPath(id))
    hub.ask(lambda: hub.api.auth_check(id, repo_type="dataset", write=True))


def list_proposals(id: str) -> list[tuple[int, str]]:
    """List number and author of every open pull request, oldest first.

    Raises:
        HubError: There is no such dataset, or it may not be read.
        DownloadError: No network, or a server that does not answer.
        MissingExtraError: huggingface_hub is not installed.
    """
    hub = Connection(HubPath(id))

    def ask() -> list[tuple[int, str]]:
        discussions = hub.api.get_repo_discussions(
            id, repo_type="dataset", discussion_type="pull_request", discussion_status="open"
        )
        return sorted((one.num, one.author) for one in discussions)

    return hub.ask(ask)


def fetch_proposed(id: str, number: int, pattern: re.Pattern[str], folder: Path, *, most_bytes: int) -> None:
    """Fetch the files of a pull request that match a pattern into one folder.

    Args:
        id: OWNER/NAME.
        number: Number of the pull request.
        pattern: Pattern of whole file names; its first group must be the same for all matching files.
        folder: Folder to write to; files have their names without folders.
        most_bytes: Maximum size of a file, bytes.

    Raises:
        InputError: No file matches, the matching files have several first groups, or a file is too large. Other errors
            are those of `list_proposals`.
    """
    hub = Connection(HubPath(id))
    revision = f"refs/pr/{number}"

    def sizes(at: str) -> dict[str, int]:
        tree = hub.api.list_repo_tree(id, recursive=True, revision=at, repo_type="dataset")
        return {file.path: file.size for file in tree if hasattr(file, "blob_id") and pattern.fullmatch(file.path)}

    matching = hub.ask(lambda: sizes(revision))
    groups = {match[1] for name in matching if (match := pattern.fullmatch(name))}
    if len(groups) != 1:
        raise InputError(f"the pull request brings {len(groups)} entries; expected one, in files {pattern.pattern}")
    for name, size in matching.items():
        if size > most_bytes:
            raise InputError(f"{name} is larger than the {most_bytes:,} bytes it may have")

        def fetch(name: str = name) -> Path:
            return Path(hub.api.hf_hub_download(id, name, repo_type="dataset", revision=revision))

        shutil.copyfile(hub.ask(fetch), folder / name.rpartition("/")[2])


def answer_proposal(id: str, number: int, text: str) -> None:
    """Close a pull request with a comment; errors as for `list_proposals`, and `HubError` without permission."""
    hub = Connection(HubPath(id))
    hub.ask(lambda: hub.api.change_discussion_status(id, number, "closed", comment=text, repo_type="dataset"))
