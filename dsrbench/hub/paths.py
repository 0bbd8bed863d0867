"""Paths of datasets on the Hub: `hf://datasets/OWNER/NAME[@REVISION][/FILE]`."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from dsrbench.errors import InputError

PREFIX = "hf://"
"""Prefix of paths on the Hub."""

_FORM = re.compile(r"hf://datasets/(?P<id>[^/@]+/[^/@]+)(?:@(?P<revision>[^/@]+))?(?:/(?P<path>.+))?", re.ASCII)
_PART = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?", re.ASCII)


@dataclasses.dataclass(frozen=True)
class HubPath:
    """A dataset on the Hub, or a file in it.

    Attributes:
        id: OWNER/NAME.
        revision: A branch, tag or commit; None for the main branch.
        path: Path of a file in the dataset; empty for the whole dataset.
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
        """Parse `hf://datasets/OWNER/NAME`, optionally with `@REVISION` and `/FILE`, or a bare OWNER/NAME.

        Raises:
            InputError: The text has another form.

        >>> HubPath.parse("hf://datasets/me/mine@v2/prompts.jsonl")
        HubPath(id='me/mine', revision='v2', path='prompts.jsonl')
        """
        if not is_hub_path(text):
            return cls(text)
        match = _FORM.fullmatch(text)
        if match is None or ".." in (match["path"] or "").split("/"):
            raise InputError(f"expected hf://datasets/OWNER/NAME, with @REVISION and /FILE as needed, got {text!r}")
        return cls(match["id"], match["revision"], match["path"] or "")

    def __str__(self) -> str:
        return (
            f"{PREFIX}datasets/{self.id}{f'@{self.revision}' * bool(self.revision)}{f'/{self.path}' * bool(self.path)}"
        )


def is_hub_path(text: str | Path) -> bool:
    """Tell whether a text is a path on the Hub.

    >>> is_hub_path("hf://datasets/me/mine"), is_hub_path("data/mine")
    (True, False)
    """
    return str(text).startswith(PREFIX)
