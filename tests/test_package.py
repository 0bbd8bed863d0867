"""What importing costs, and the public names. (Each in a new interpreter, against lists of what may be loaded.)"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dsrbench

ROOT = Path(dsrbench.__file__).parents[1]


SILENT = {"pyexpat", "cython_runtime"}
"""Modules that others bring along: of the standard library, and of what Cython compiled (numpy before 2)."""


def loaded_by(code):
    """Top-level modules a new interpreter has loaded after `code`, without those of the standard library."""
    code = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nbefore = set(sys.modules)\n{code}\n" + (
        "print('\\n' + ' '.join(sorted({name.split('.')[0] for name in set(sys.modules) - before})))"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    names = set(done.stdout.splitlines()[-1].split())
    return {
        name
        for name in names
        if name not in sys.stdlib_module_names and name not in SILENT and not name.startswith("_")
    }


HELP = "from dsrbench.cli import group\ngroup(['{}'], standalone_mode=False)"

BUDGETS = [
    # the name alone
    ("import dsrbench", {"dsrbench"}),
    # every public name
    ("from dsrbench import *", {"dsrbench", "numpy"}),
    # to score boxes
    (
        "import dsrbench\ndsrbench.score_tracks(dsrbench.VideoTracks([[0, 0, 1, 1]], [[0, 0, 1, 1]]), 'LR')",
        {"dsrbench", "numpy"},
    ),
    # each of the pure packages
    *(
        (f"import dsrbench.{name}", {"dsrbench", "numpy"})
        for name in ("errors", "types", "geometry", "backends.registry")
    ),
    *(
        (f"import dsrbench.{name}", {"dsrbench", "numpy"})
        for name in ("backends.registry", "prompts", "metric", "metric.box_files", "store")
    ),
    ("import dsrbench.analysis.statistics", {"dsrbench", "numpy"}),
    # the renderer of the sprites world, and its split
    ("import dsrbench.sprites.world, dsrbench.sprites.split", {"dsrbench", "numpy"}),
    # a list of backends imports none of them
    (
        "from dsrbench.backends import registry; registry.detectors.names(), registry.trackers.names()",
        {"dsrbench", "numpy"},
    ),
    # help
    (HELP.format("--help"), {"dsrbench", "click"}),
    (HELP.format("--version"), {"dsrbench", "click"}),
]


@pytest.mark.parametrize(("code", "allowed"), BUDGETS, ids=[code for code, _ in BUDGETS])
def test_imports(code, allowed):
    assert loaded_by(code) <= allowed


def test_the_list_would_notice():
    assert loaded_by("import dsrbench, scipy") >= {"scipy", "numpy"}


def test_public_names_are_sorted_and_resolve():
    assert dsrbench.__all__ == sorted(dsrbench.__all__)
    assert len(set(dsrbench.__all__)) == len(dsrbench.__all__)
    for name in dsrbench.__all__:
        assert getattr(dsrbench, name) is not None
    assert dir(dsrbench) == dsrbench.__all__


def test_public_names_are_those_type_checkers_see():
    source = Path(dsrbench.__file__).read_text().partition("if TYPE_CHECKING:")[2].partition("\ndef ")[0]
    seen = {word.strip("(),") for line in source.splitlines() for word in line.split("import")[-1].split()}
    assert set(dsrbench.__all__) - {"__version__"} == {name for name in seen if name in dsrbench._HOME}


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'dsrbench' has no attribute 'scores'"):
        _ = dsrbench.scores
