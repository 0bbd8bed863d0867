"""The documentation, built from a copy of its pages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def copy_pages(folder):
    """Copy what the site is built from; the package is linked."""
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    (folder / "dsrbench").symlink_to(ROOT / "dsrbench")
    return folder


def build_site(folder):
    """Build the site of a copy; the finished process."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(folder / "zensical.toml")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
