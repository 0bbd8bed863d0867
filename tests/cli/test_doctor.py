"""`dsrbench doctor` on this machine and on poorer ones."""

from __future__ import annotations

import configparser
import itertools
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dsrbench import __version__, cli
from dsrbench.backends.detectors.grid_detectors import PicoDet
from dsrbench.backends.registry import detectors, trackers
from dsrbench.cli import installed
from dsrbench.cli.installed import EXTRAS
from dsrbench.hub import WeightFile, weights_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def rows():
    """What is printed, name to text."""
    done = CliRunner().invoke(cli.group, ["doctor"], catch_exceptions=False)
    assert done.exit_code == 0
    return {line[2:24].strip(): line[25:] for line in done.stdout.splitlines() if line.startswith("  ")}


def config():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_it_says_what_is_here(cache):
    found = rows()
    assert found["Python"].startswith(platform.python_version())
    assert found["dsrbench"].startswith(__version__)
    assert "usable of" in found["CPU"]
    assert found["Folder"] == f"{cache} (DSRBENCH_CACHE)"
    assert re.fullmatch(r"[\d.]+ GB", found["Free disk"])
    for packages in EXTRAS.values():
        for package in packages:
            version = installed.package_version(package)
            assert found[package] == (version or found[package])  # and nothing of a range that it is outside of
            assert version or "not installed: pip install 'dsrbench[" in found[package]
    for package in config()["options"]["install_requires"].split():
        package = re.match(r"[\w-]+", package)[0]
        assert found[package] == installed.package_version(package)
    assert not cache.exists()  # looking makes nothing


def test_versions_outside_the_declared_ranges_are_told(monkeypatch):
    real = installed.package_version
    old = {"av": "16.1.0", "diffusers": "0.33.0", "protobuf": "6.31.0rc1"}
    monkeypatch.setattr(installed, "package_version", lambda package: old.get(package) or real(package))
    found, ranges = rows(), config()["options"]["install_requires"] + config()["options.extras_require"]["sprites"]
    (av,) = re.findall(r"^av(.+)$", ranges, re.M)
    (diffusers,) = re.findall(r"^diffusers(.+)$", ranges, re.M)
    assert found["av"] == f"16.1.0; dsrbench needs {av}: pip install 'av{av}'"
    problems = found["diffusers"].split("; ")
    assert problems[0] == "0.33.0"
    assert f"extra sprites needs {diffusers}: pip install 'diffusers{diffusers}'" in problems
    assert found["protobuf"] == "6.31.0rc1"


def test_it_ends_with_0_and_asks_nothing_where_all_is_missing(tmp_path):
    code = (
        "import sys\n"
        "def watch(event, args):\n"
        "    assert not event.startswith('socket.'), event\n"
        "sys.addaudithook(watch)\n"
        "for m in ('ncnn', 'onnxruntime', 'trackers', 'supervision', 'ultralytics', 'lap', 'torch', 'scipy'):\n"
        "    sys.modules[m] = None\n"
        "from dsrbench.cli import installed\n"
        "installed.package_version = lambda package: None\n"
        "sys.argv = ['dsrbench', 'doctor']\n"
        "from dsrbench.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for extra, packages in EXTRAS.items():
        for package in packages:
            assert re.search(rf"{package} +not installed: .*pip install 'dsrbench\[{extra}\]'", done.stdout)
    assert "unknown: torch is not installed" in done.stdout
    assert "pull nanodet" in done.stdout


def test_a_torch_that_cannot_be_imported_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(installed, "package_version", lambda package: "9.9")
    assert "torch 9.9 cannot be used (ModuleNotFoundError" in rows()["CUDA"]


def test_weights_are_fetched_absent_or_altered(monkeypatch):
    import hashlib

    file = WeightFile("a.onnx", "https://example.org/a", hashlib.sha256(b"abc").hexdigest(), 3, "MIT")
    monkeypatch.setattr(PicoDet, "weight_files", (file,))
    assert "a.onnx is absent" in rows()["picodet"]
    folder = weights_folder("picodet")
    folder.mkdir(parents=True)
    (folder / "a.onnx").write_bytes(b"abc")
    assert rows()["picodet"] == "fetched, 0.0 MB, sha256 as expected"
    (folder / "a.onnx").write_bytes(b"abd")
    assert "a.onnx is altered" in rows()["picodet"]


def test_a_broken_backend_is_told(monkeypatch):
    monkeypatch.setitem(detectors._builtin, "broken", "dsrbench.nowhere:Nothing")
    assert "cannot be imported" in rows()["broken"]


def test_the_extras_are_those_of_the_package():
    """Extras for users, with its packages, as setup.cfg has them; `all` is of others, others are not for users."""
    declared = {}
    for extra, lines in config()["options.extras_require"].items():
        if extra not in ("all", "test", "light-test", "s3-test", "dev", "docs"):
            words = [re.match(r"(dsrbench\[\w+\]|[\w.-]+)", line)[0] for line in lines.split("\n") if line]
            of_others = [declared[word[len("dsrbench[") : -1]] for word in words if "[" in word]
            declared[extra] = (*itertools.chain(*of_others), *(word for word in words if "[" not in word))
    assert declared == EXTRAS


def test_every_backend_names_an_extra_there_is():
    for registry in (detectors, trackers):
        for name in registry.names():
            extra = registry.load(name).extra
            assert not extra or extra in EXTRAS, name
