"""Stores of a board, of both kinds."""

from __future__ import annotations

import contextlib

import pytest
from fakes.hub import FakeHub, Repo

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


@contextlib.contextmanager
def logged_in_hub(monkeypatch, cache):
    """A local server in the Hub's place, that this process is logged in to, with an empty cache."""
    import huggingface_hub.constants as constants

    with FakeHub() as server:
        server.tokens["secret"] = {"lab"}
        for name, value in server.environment(HF_TOKEN="secret").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("dsrbench.hub.connection.FIRST_WAIT", 0.01)
        yield server
