"""What association trackers say when their packages are not installed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("ocsort", "trackers", "trackers"), ("ultralytics-botsort", "lap", "yolo")]
)
def test_a_missing_package_is_named(name, package, extra, tmp_path):
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from dsrbench.backends.registry import trackers\n"
        "from dsrbench.errors import MissingExtraError\n"
        f"try: trackers.create({name!r})\n"
        "except MissingExtraError as error: print(error)\n"
    )
    environment = {**os.environ, "DSRBENCH_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert f"tracker {name!r} needs the package {package!r}" in done.stdout
    assert f"pip install 'dsrbench[{extra}]'" in done.stdout
