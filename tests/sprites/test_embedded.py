"""Folders of weights: whole ones are found, and every way of not being whole is told."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from dsrbench.errors import WeightsError
from dsrbench.sprites import embedded
from dsrbench.sprites.embedded import (
    DEPTH,
    DEPTH_MODEL,
    DETECTOR,
    EMBEDDED,
    ENTRY,
    MODEL,
    SUMS,
    find_weights_folder,
    write_sums,
)


@pytest.fixture(params=["model", "detector", "depth", "depth-model"])
def kind(request):
    return request.param


@pytest.fixture
def folder(tmp_path, kind):
    made = tmp_path / "made"
    (made / "part").mkdir(parents=True)
    (made / ENTRY[kind]).write_text("{}")
    (made / "part" / "some weights.safetensors").write_bytes(bytes(100))
    write_sums(made)
    return made


def test_places():
    assert EMBEDDED == {"model": MODEL, "detector": DETECTOR, "depth": DEPTH, "depth-model": DEPTH_MODEL}
    assert MODEL.parts[-3:] == ("sprites", "weights", "model")


def test_a_whole_folder_is_found(folder, kind):
    assert find_weights_folder(kind, folder) == folder
    before = (folder / SUMS).read_bytes()
    write_sums(folder)
    assert (folder / SUMS).read_bytes() == before


def test_by_default_the_embedded_one(folder, kind, monkeypatch):
    monkeypatch.setitem(embedded.EMBEDDED, kind, folder)
    assert find_weights_folder(kind, None) == folder
    (folder / ENTRY[kind]).unlink()
    with pytest.raises(WeightsError, match=rf"^{folder}: no sprites {kind} here.*; reinstall dsrbench, or train anew"):
        find_weights_folder(kind, None)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_sha256sum_reads_it(folder, kind):
    done = subprocess.run(["sha256sum", "-c", SUMS], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == f"{ENTRY[kind]}: OK\npart/some weights.safetensors: OK\n"


def alter(folder, kind):
    (folder / "part" / "some weights.safetensors").write_bytes(bytes(99) + b"x")


def lose_a_file(folder, kind):
    (folder / "part" / "some weights.safetensors").unlink()


def lose_sums(folder, kind):
    (folder / SUMS).unlink()


def empty_sums(folder, kind):
    (folder / SUMS).write_text("")


def spoil_sums(folder, kind):
    (folder / SUMS).write_bytes(b"\xff\x00")


def lose_folder(folder, kind):
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("harm", "file", "says"),
    [
        (alter, "part/some weights.safetensors", "altered, expected sha256 [0-9a-f]{12}"),
        (lose_a_file, "part/some weights.safetensors", "cannot be read \\(No such file"),
        (lose_sums, SUMS, "cannot be read \\(No such file"),
        (empty_sums, SUMS, "says nothing of "),
        (spoil_sums, SUMS, "cannot be read \\(no lines of digest and file"),
        (lose_folder, "", "no sprites (model|detector|depth|depth-model) here"),
    ],
)
def test_what_is_not_whole_is_told_in_one_line(folder, kind, harm, file, says):
    harm(folder, kind)
    with pytest.raises(
        WeightsError, match=rf"^{folder / file}: {says}.*; train anew with: dsrbench sprites train"
    ) as told:
        find_weights_folder(kind, folder)
    assert "\n" not in str(told.value)
