"""Progress on a terminal leaves what goes to a file alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
from dsrbench.cli.progress import SampleProgress
with SampleProgress() as progress:
    progress.update("scoring", 1, 2, "a")
    print("figures")
"""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_the_bar_on_a_terminal_does_not_take_what_is_printed_to_a_file():
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.stdout.decode() == "figures\n"
    assert "scoring" in shown
    assert "figures" not in shown
