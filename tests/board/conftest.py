"""Stores of both kinds, for tests that hold for either."""

from __future__ import annotations

import pytest
from factories.board_stores import KINDS, logged_in_hub, make_store


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with logged_in_hub(monkeypatch, tmp_path / "hub-cache") as server:
        yield server


@pytest.fixture(params=KINDS)
def storage(request):
    """An empty store of either kind."""
    return make_store(request.param, request)
