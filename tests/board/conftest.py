"""Stores of both kinds, for tests that hold for either."""

from __future__ import annotations

import pytest
from boardstores import KINDS, make_store
from fakehub import FakeHub


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A local server in the Hub's place, that this process is logged in to, with an empty cache."""
    import huggingface_hub.constants as constants

    with FakeHub() as server:
        server.tokens["secret"] = {"lab"}
        for name, value in server.environment(HF_TOKEN="secret").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("dsrbench.hub.connection.FIRST_WAIT", 0.01)
        yield server


@pytest.fixture(params=KINDS)
def storage(request):
    """An empty store of either kind."""
    return make_store(request.param, request)
