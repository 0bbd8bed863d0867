"""The declared ranges, as the package's own metadata has them, and packages that are outside of them."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name

from dsrbench import requirements
from dsrbench.errors import UnsupportedVersionError
from dsrbench.requirements import Requirement, check_version, declared_requirements, unmet_requirements
from dsrbench.video import write_mp4

ROOT = Path(__file__).parents[1]


def declared():
    """Requirements of setup.cfg, as (extra, package, range)."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lists = {"": config["options"]["install_requires"], **config["options.extras_require"]}
    lines = [(extra, Parsed(line)) for extra, text in lists.items() for line in text.split("\n") if line]
    return {
        (extra, canonicalize_name(one.name), str(one.specifier))
        for extra, one in lines
        if one.name not in ("dsrbench", "ray", "moto")
    }


def test_they_are_those_of_the_source():
    read = {(one.extra, canonicalize_name(one.package), one.versions) for one in declared_requirements()}
    assert len(declared()) > 40
    assert declared() <= read


def test_every_requirement_has_a_lower_bound():
    assert all(re.fullmatch(r">=[\d.]+", versions) for _, _, versions in declared()), declared()


@pytest.mark.parametrize(
    ("version", "allowed"), [("17.0.0", True), ("17", True), ("19.1.0", True), ("18.0.0rc1", True), ("16.1.0", False)]
)
def test_versions_in_and_out_of_a_range(version, allowed):
    assert Requirement("av", ">=17").allows(version) == allowed


def test_names_are_compared_as_pip_does():
    assert unmet_requirements("PYYAML", "5.4") == unmet_requirements("pyyaml", "5.4") != []
    assert unmet_requirements("huggingface-hub", "0.1") == unmet_requirements("huggingface_hub", "0.1") != []
    assert unmet_requirements("no-such-package", "1") == []


def test_what_is_installed_is_in_range():
    for one in declared_requirements():
        if not one.extra:
            assert check_version(one.package) is None


@pytest.fixture
def old_pyav(tmp_path):
    """A folder with the metadata of an older PyAV; on the path before the real one it is the version installed."""
    folder = tmp_path / "old" / "av-16.1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: av\nVersion: 16.1.0\n")
    return folder.parent


COMMANDS = [
    ("explain", "a.mp4", "a cat is on the left of a chair, then the cat walks to the right of the chair"),
    ("eval", "--videos", "videos", "--suite", "suite.jsonl", "--detector", "scripted", "-o", "detector.boxes=b.jsonl"),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=[command[0] for command in COMMANDS])
def test_a_command_that_meets_another_pyav_says_so_in_one_line(tmp_path, old_pyav, arguments):
    (tmp_path / "videos").mkdir()
    write_mp4(tmp_path / "a.mp4", np.zeros((4, 16, 16, 3), np.uint8), fps=8)
    (tmp_path / "a.mp4").rename(tmp_path / "videos/p1.mp4")
    (tmp_path / "a.mp4").write_bytes((tmp_path / "videos/p1.mp4").read_bytes())
    text = COMMANDS[0][2]
    (tmp_path / "suite.jsonl").write_text(f'{{"id": "p1", "text": "{text}"}}\n')
    (tmp_path / "b.jsonl").write_text('{"video": "p1", "frames": []}\n')
    code = f"import sys; sys.path.insert(0, {str(old_pyav)!r}); from dsrbench.cli import main; main()"
    if arguments[0] == "explain":
        arguments = (*arguments, "--detector", "sprites-template")
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=tmp_path)
    expected = next(one.versions for one in declared_requirements() if one.package == "av")
    assert done.returncode == 5, done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"dsrbench: av 16.1.0 is installed, expected av{expected}; run: pip install 'av{expected}'"
    )
    assert "Traceback" not in done.stderr


def test_the_version_is_that_of_the_metadata(monkeypatch):
    assert requirements.package_version("av") == av.__version__
    monkeypatch.setattr(requirements, "package_version", lambda package: "1.0")
    check_version.cache_clear()
    with pytest.raises(UnsupportedVersionError, match=r"^scipy 1\.0 is installed, expected scipy>="):
        check_version("scipy")
    check_version.cache_clear()
