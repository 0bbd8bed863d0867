"""A board served in this process."""

from __future__ import annotations

import contextlib
import gc

import pytest

SERVED = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""Marks of a module of tests with one: gradio leaves event loops open."""


@contextlib.contextmanager
def serving(site):
    """Its address, without a slash at the end."""
    from dsrbench.board.app.serve import start

    app, address = start(site, wait=False)
    try:
        yield address.rstrip("/")
    finally:
        app.close(verbose=False)
        del app
        gc.collect()  # so that what is left open is found here, where it is expected
