"""Datasets to and from the Hub, and the folder of one wherever it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from dsrbench.dataset.build import PARTS, REPORT, WORK
from dsrbench.dataset.collect import Tell
from dsrbench.dataset.read import is_dataset
from dsrbench.errors import InputError
from dsrbench.hub import HubPath, fetch_folder, is_hub_path, push_folder

PATTERNS = ("data/*", "plots/*", "README.md", "*.jsonl", REPORT)
"""What is fetched of a dataset."""


def push_dataset(folder: Path, repo: str, *, private: bool = False, tell: Tell = lambda *_: None) -> str:
    """Send a finished dataset to the Hub; errors as of `push_folder`.

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
    """Fetch a dataset; errors as of `fetch_folder`.

    Args:
        repo: OWNER/NAME, or `hf://datasets/OWNER/NAME`.
        out: The folder; by default one in the Hub's cache.
        revision: A branch, tag or commit.

    Returns:
        Its place on the Hub, the folder, and the commit.

    Raises:
        InputError: It is no dataset of videos by dsrbench.
    """
    place = HubPath.parse(repo)
    if revision is not None:
        place = dataclasses.replace(place, revision=revision)
    folder, commit = fetch_folder(str(place), names=PATTERNS, out=out)
    if not is_dataset(folder):
        raise InputError(f"{place} is no dataset that dsrbench built: it has no tables in data/")
    return dataclasses.replace(place, revision=None), folder, commit


def find_dataset(source: str) -> Path:
    """The folder of a dataset, fetched where it is named by its place on the Hub.

    Raises:
        InputError: It is none.
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
