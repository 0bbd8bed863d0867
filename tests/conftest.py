"""Shared by all tests; lying here, it also puts `tests/` on the import path."""

from __future__ import annotations

import pytest
from rendered import SHOWN, write_run


@pytest.fixture(scope="session")
def rendered_run(tmp_path_factory):
    """A finished run of two models with real videos, tracks and scores; tests must not change it."""
    return write_run(tmp_path_factory.mktemp("runs") / "two-models", SHOWN)
