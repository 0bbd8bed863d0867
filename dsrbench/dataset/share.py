"""Upload datasets to the Hub, download them, and find the folder of one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from dsrbench.dataset.build import PARTS, REPORT, WORK
from dsrbench.dataset.collect import Tell
from dsrbench.dataset.read import is_dataset
from dsrbench.errors import InputError
from dsrbench.hub import HubPath, fetch_folder, is_hub_path, push_folder

PATTERNS = ("data/*", "plots/*", "README.md", "*.jsonl", REPORT)
"""Patterns of a dataset's files that are fetched."""


def push_dataset(folder: Path, repo: str, *, private: bool = False, tell: Tell = lambda *_: None) -> str:
    """Upload a finished dataset to the Hub; errors as for `push_folder`.

    Returns:
        The commit.

    Raises:
        InputError: The folder holds no finished dataset.
    """
    HubPath(repo)
    if not (is_dataset(folder) and (folder / REPORT).is_file()) or (folder / WORK).exists():
        raise InputError(
            f"{folder} holds no finished dataset; build one with: dsrbench dataset build RUN --out {folder}"
        )
    return push_folder(folder, repo, names=PARTS, private=private, message="dsrbench dataset push", tell=tell)


def pull_dataset(repo: str, *, out: Path | None = None, revision: str | None = None) -> tuple[HubPath, Path, str]:
    """Fetch a dataset; errors as for `fetch_folder`.

    Args:
        repo: OWNER/NAME, or `hf://datasets/OWNER/NAME`.
        out: Folder to write to; by default one in the Hub's cache.
        revision: A branch, tag or commit.

    Returns:
        The dataset's path on the Hub, the local folder, and the commit.

    Raises:
        InputError: The dataset was not built by dsrbench.
    """
    place = HubPath.parse(repo)
    if revision is not None:
        place = dataclasses.replace(place, revision=revision)
    folder, commit = fetch_folder(str(place), names=PATTERNS, out=out)
    if not is_dataset(folder):
        raise InputError(f"{place} is no dataset that dsrbench built: it has no tables in data/")
    return dataclasses.replace(place, revision=None), folder, commit


def find_dataset(source: str) -> Path:
    """Find the folder of a dataset; a dataset on the Hub is fetched.

    Raises:
        InputError: The source is no dataset.
    """
    if is_hub_path(source):
        return pull_dataset(source)[1]
    folder = Path(source)
    if not is_dataset(folder):
        raise InputError(
            f"{source} is no dataset: it has no tables in data/; build one with dsrbench dataset build, or name one on "
            "the Hub as hf://datasets/OWNER/NAME"
        )
    return folder
