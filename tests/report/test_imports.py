"""Importing the report is cheap: what is heavy is loaded when it is used."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"scipy", "PIL", "av", "pyarrow", "rich", "click", "torch", "transformers", "gradio"}


def test_import_loads_nothing_heavy():
    code = "import sys, dsrbench.report; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY.isdisjoint(loaded)
