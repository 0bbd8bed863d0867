"""Stores of a board, of both kinds."""

from __future__ import annotations

import pytest
from fakehub import Repo

from dsrbench.board import HubStorage, LocalStorage

KINDS = ("folder", "hub")


def make_store(kind: str, request: pytest.FixtureRequest, name: str = "results"):
    """An empty store."""
    if kind == "folder":
        return LocalStorage(request.getfixturevalue("tmp_path") / name)
    server = request.getfixturevalue("hub")
    server.repos[f"lab/{name}"] = Repo()
    server.repos[f"lab/{name}"].commit({".gitattributes": b""})
    return HubStorage(f"lab/{name}")
