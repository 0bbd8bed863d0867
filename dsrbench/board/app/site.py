"""The settings of a served board: its stores, the account that submits, and videos on this disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from dsrbench.board.entries import Board
from dsrbench.board.intake import Intake, check_account
from dsrbench.board.storage import open_stores
from dsrbench.errors import InputError

TITLE = "dsrbench leaderboard"
"""Title of a board that has none."""

VIDEOS = (".mp4", ".webm")
"""Suffixes of videos that browsers play."""


@dataclasses.dataclass(frozen=True)
class Site:
    """One board, as it is served.

    Attributes:
        board: Entries of the board.
        intake: Intake of submissions; None for a board that takes none.
        account: Account of all submissions on a board without login; empty where the Hub's login is used.
        videos: Video files by sha256, shown with their boxes.
        title: Title of the page where the board itself has none.
    """

    board: Board
    intake: Intake | None = None
    account: str = ""
    videos: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    title: str = TITLE

    @classmethod
    def open(cls, place: str | Path, *, account: str = "", videos: Path | None = None, read_only: bool = False) -> Site:
        """Open the board in a folder, made if need be, or in datasets on the Hub.

        Args:
            place: Folder or address that `dsrbench.board.open_stores` accepts.
            account: Account of all submissions; empty for the Hub's login.
            videos: Folder with videos, in any subfolder.
            read_only: Whether to take no submissions.

        Raises:
            InputError: The address or the account name is malformed, or the folder of videos does not exist.
            StoreError: The folders cannot be made.
        """
        if account:
            check_account(account)
        results, submissions = open_stores(place)
        return cls(
            board=Board(results),
            intake=None if read_only else Intake(results, submissions),
            account=account,
            videos=find_videos(videos) if videos is not None else {},
        )

    @property
    def has_login(self) -> bool:
        """Whether submitters must log in at the Hub."""
        return self.intake is not None and not self.account

    def video_address(self, sha256: str) -> str:
        """Return the address of the video with a hash; empty where there is none."""
        return f"videos/{sha256}{self.videos[sha256].suffix}" if sha256 in self.videos else ""


def find_videos(folder: Path) -> dict[str, Path]:
    """Return the videos in a folder and its subfolders that a browser plays, by sha256.

    Raises:
        InputError: The folder does not exist.
        VideoError: A file cannot be read.
    """
    from dsrbench.video import sha256_file

    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder with videos")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEOS and path.is_file())
    return {sha256_file(path): path for path in files}
