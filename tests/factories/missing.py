"""Processes in which a package is not installed."""

from __future__ import annotations

import subprocess
import sys


def message_without(package, kind, name):
    """What making a backend says where a package is missing: `kind` is detectors or trackers."""
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"from dsrbench.backends.registry import {kind}\n"
        "from dsrbench.errors import MissingExtraError\n"
        f"try: {kind}.create({name!r})\n"
        "except MissingExtraError as error: print(error)\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
