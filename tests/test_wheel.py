"""The wheel holds the package and nothing else, and works where there is no source tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from dsrbench import __version__

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


def run(*arguments, **options):
    done = subprocess.run(
        [str(a) for a in arguments], capture_output=True, text=True, timeout=300, check=False, **options
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy of the files git knows, as they are now."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("the files that belong to the project are those git knows: needs a clone")
    place = tmp_path_factory.mktemp("wheel")
    for name in run("git", "-C", ROOT, "ls-files", "-z").split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (place / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place / "source" / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place / "dist"]
    run(*build, place / "source")
    (built,) = (place / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    target = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", target, wheel)
    return target


def tracked():
    names = run("git", "-C", ROOT, "ls-files", "-z", "dsrbench").split("\0")
    return {name for name in names if name and (ROOT / name).is_file()}


def test_its_name(wheel):
    assert wheel.name == f"dsrbench-{__version__}-py3-none-any.whl"


def test_its_content(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"dsrbench-{__version__}.dist-info/"
    assert {name for name in names if not name.startswith(info)} == tracked()
    assert {"dsrbench/py.typed", "dsrbench/report/assets/report.js", "dsrbench/report/assets/template.html"} <= names
    for licence in ("LICENSE", "NOTICE"):
        assert {f"{info}licenses/{licence}", f"{info}{licence}"} & names
    assert f"{info}entry_points.txt" in names


def test_it_carries_the_weights(wheel):
    files = [path for path in (ROOT / "dsrbench" / "sprites" / "weights").rglob("*") if path.is_file()]
    with zipfile.ZipFile(wheel) as archive:
        for path in files:
            assert archive.read(path.relative_to(ROOT).as_posix()) == path.read_bytes(), path
    assert sum(path.stat().st_size for path in files) <= 15e6


def test_its_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"dsrbench-{__version__}.dist-info/METADATA").decode()
    head, _, readme = text.partition("\n\n")
    assert f"\nVersion: {__version__}\n" in head
    assert "Apache-2.0" in head
    assert "Provides-Extra: nanodet" in head
    assert readme.strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()


@pytest.fixture
def alone(installed, tmp_path):
    """Runs Python elsewhere with the installed package and the packages it needs, but not what pip linked to here.

    Without `site` no .pth file is read, so that an editable installation of this source tree is not there.
    """

    def python(*arguments):
        paths = [str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "COLUMNS": "100"}
        return run(sys.executable, "-S", *arguments, cwd=tmp_path, env=environment)

    where = python("-c", "import dsrbench; print(dsrbench.__file__)").strip()
    assert Path(where).is_relative_to(installed)
    return python


def test_it_scores(alone, installed, tmp_path):
    script = installed / "bin" / "dsrbench"
    assert alone(script, "--version") == f"dsrbench, version {__version__}\n"
    lines = alone(script, "score", ROOT / "benchmark/examples/boxes.jsonl").splitlines()
    assert {json.loads(line)["status"] for line in lines} <= {"scored", "invalid"}
    assert lines


def test_it_reports(alone, installed, rendered_run, tmp_path):
    run_folder = shutil.copytree(rendered_run.folder, tmp_path / "run")
    shutil.rmtree(run_folder / "report", ignore_errors=True)
    said = alone(installed / "bin" / "dsrbench", "report", "run", "--standalone")
    assert "standalone.html" in said.replace("\n", "")
    assert (run_folder / "report/standalone.html").stat().st_size > 20_000


def test_every_module_is_imported(alone):
    names = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in sorted(tracked())
             if name.endswith(".py") and not name.endswith("__main__.py")]  # fmt: skip
    assert len(names) > 40
    alone("-c", f"import importlib\nfor name in {names!r}: importlib.import_module(name)")
