"""The guides' commands run as they stand; those that are comments need weights, and only their options are read."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDES = sorted(path for path in (ROOT / "benchmark/guides").glob("*.md") if path.stem != "README")
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.M | re.S)


def commands(guide):
    """The guide's script."""
    return "".join(BLOCK.findall(guide.read_text(encoding="utf-8")))


def test_the_list_has_them_all():
    text = (ROOT / "benchmark/guides/README.md").read_text(encoding="utf-8")
    assert {f"({path.name})" for path in GUIDES} == set(re.findall(r"\(\w+\.md\)", text))


@pytest.mark.parametrize("guide", GUIDES, ids=[path.stem for path in GUIDES])
def test_every_option_exists(guide):
    script = commands(guide).replace("\\\n", " ")
    found = re.findall(r"dsrbench ((?:[^\n&|]|&(?!&))+)", script)
    assert len(found) >= 2
    for line in found:
        name, *words = shlex.split(line)
        command = importlib.import_module(f"dsrbench.cli.{name}").command
        if hasattr(command, "commands") and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        known = {opt for parameter in command.params for opt in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, line


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES, ids=[path.stem for path in GUIDES])
def test_the_commands_run(guide, tmp_path):
    pytest.importorskip("peft")
    shim = tmp_path / "bin" / "dsrbench"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m dsrbench "$@"\n')
    shim.chmod(0o755)
    (tmp_path / "place").mkdir()
    path = os.pathsep.join([str(shim.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "DSRBENCH_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands(guide)],
        cwd=tmp_path / "place",
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
