"""Files are there whole or not at all; a folder belongs to one process at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from dsrbench.errors import RunLockedError, StoreError
from dsrbench.store import LocalDisk


@pytest.fixture
def disk(tmp_path):
    return LocalDisk(tmp_path / "run")


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 1 MB; skipped where the test may not mount one."""
    place = tmp_path / "tiny"
    place.mkdir()
    done = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, text=True, check=False
        )
        if sys.platform == "linux" and os.geteuid() == 0
        else None
    )
    if done is None or done.returncode:
        pytest.skip(f"cannot mount a disk of 1 MB: {done.stderr.strip() if done else 'needs root on Linux'}")
    yield LocalDisk(place)
    subprocess.run(["umount", str(place)], check=True)


def files(disk):
    return sorted(p.relative_to(disk.root).as_posix() for p in disk.root.rglob("*") if p.is_file())


DATA = [b"", b"x", b"\0\xff\r\n" * 1000]


@pytest.mark.parametrize("data", DATA, ids=len)
def test_what_is_written_is_read(disk, data):
    disk.write_atomic("a/b/c.bin", data)
    assert disk.read("a/b/c.bin") == data
    assert files(disk) == ["a/b/c.bin"]
    disk.write_atomic("a/b/c.bin", b"new")
    assert disk.read("a/b/c.bin") == b"new"


def test_others_may_read_what_the_umask_lets_them(disk):
    before = os.umask(0o027)
    try:
        disk.write_atomic("a", b"x")
    finally:
        os.umask(before)
    assert disk.path("a").stat().st_mode & 0o777 == 0o640
    # and the mask is as it was
    assert os.umask(before) == before


def test_reading_what_is_not_there(disk):
    assert not disk.exists("none")
    with pytest.raises(StoreError, match=r"cannot read .*none: No such file"):
        disk.read("none")
    disk.write_atomic("folder/file", b"")
    with pytest.raises(StoreError, match="Is a directory"):
        disk.read("folder")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(disk):
    disk.write_atomic("a", b"old")
    with pytest.raises(TypeError):
        disk.write_atomic("a", "no bytes")
    assert disk.read("a") == b"old"
    assert files(disk) == ["a"]


def test_a_file_in_the_way_of_a_folder(disk):
    disk.write_atomic("a", b"old")
    with pytest.raises(StoreError, match="cannot write"):
        disk.write_atomic("a/b", b"x")
    with pytest.raises(StoreError, match="cannot write"):
        disk.append("a/b", "x")
    disk.write_atomic("folder/file", b"x")
    with pytest.raises(StoreError, match="cannot write"):
        disk.write_atomic("folder", b"x")
    assert files(disk) == ["a", "folder/file"]


def test_a_full_disk(tiny_disk):
    tiny_disk.write_atomic("small", b"old")
    with pytest.raises(StoreError, match=r"disk full while writing .*small; nothing is lost"):
        tiny_disk.write_atomic("small", b"x" * 2_000_000)
    assert tiny_disk.read("small") == b"old"
    assert files(tiny_disk) == ["small"]
    # once there is room, it goes on
    tiny_disk.write_atomic("small", b"new")
    assert tiny_disk.read("small") == b"new"


def test_a_log_on_a_full_disk(tiny_disk):
    tiny_disk.append("log", "first")
    with pytest.raises(StoreError, match="disk full"):
        tiny_disk.append("log", "x" * 2_000_000)
    assert tiny_disk.read("log").startswith(b"first\n")


WRITER = """
import sys, pathlib
from dsrbench.store import LocalDisk
disk, data = LocalDisk(pathlib.Path(sys.argv[1])), [b"a" * 3_000_000, b"b" * 3_000_000]
print("ready", flush=True)
while True:
    for each in data:
        disk.write_atomic("folder/file", each)
"""


def test_killed_while_writing(disk):
    for delay in (0.005, 0.02, 0.05):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(disk.root)], stdout=subprocess.PIPE, env=here())
        with child:
            child.stdout.readline()
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
        if disk.exists("folder/file"):
            assert disk.read("folder/file") in (b"a" * 3_000_000, b"b" * 3_000_000)
    assert disk.list("folder") in ([], ["folder/file"])
    disk.sweep("folder")
    assert set(files(disk)) <= {"folder/file"}


def here():
    """The environment of a child process that finds this dsrbench."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def test_appending(disk):
    for line in ("one", "two\n", "", "drei ü"):
        disk.append("logs/log", line)
    assert disk.read("logs/log").decode() == "one\ntwo\n\ndrei ü\n"


def test_listing(disk):
    assert disk.list("samples") == []
    for name in ("samples/b/2.json", "samples/a/1.json", "samples/a/1.txt", "samples/.hidden.tmp", "other/3.json"):
        disk.write_atomic(name, b"")
    assert disk.list("samples") == ["samples/a/1.json", "samples/a/1.txt", "samples/b/2.json"]
    assert disk.list("samples", ".json") == ["samples/a/1.json", "samples/b/2.json"]


def test_sweeping(disk):
    left = ["samples/a/.x1.tmp", "samples/.x2.tmp", ".x3.tmp"]
    kept = ["samples/a/1.json", "samples/x.tmp", "samples/.keep", "mine/.x4.tmp"]
    for name in left + kept:
        disk.write_atomic(name, b"")
    disk.sweep("samples")
    assert files(disk) == sorted([*kept, ".x3.tmp"])
    # the root, and nothing below
    disk.sweep()
    assert files(disk) == sorted(kept)
    disk.sweep("not there")


LOCKER = """
import sys, pathlib
from dsrbench.errors import RunLockedError
from dsrbench.store import LocalDisk
try:
    with LocalDisk(pathlib.Path(sys.argv[1])).lock():
        print("held", flush=True)
        sys.stdin.read()
except RunLockedError as error:
    print(error, flush=True)
"""


def start_locker(disk):
    return subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(disk.root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=here(),
    )  # fmt: skip


def test_a_lock_held_here_keeps_others_out(disk):
    with disk.lock(), start_locker(disk) as other:
        assert other.stdout.readline().startswith(f"another process works on {disk.root}; wait")


def test_a_lock_held_elsewhere_keeps_us_out_until_that_process_ends(disk):
    with start_locker(disk) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunLockedError, match="another process works on"), disk.lock():
            pass
        # however it ends
        other.send_signal(signal.SIGKILL)
        other.wait()
        with disk.lock():
            pass


def test_a_lock_is_given_back_after_an_error(disk):
    with pytest.raises(ZeroDivisionError), disk.lock():
        1 / 0  # noqa: B018
    with disk.lock(), pytest.raises(RunLockedError), LocalDisk(disk.root).lock():
        pass


def test_no_lock_where_nothing_can_be_written(disk):
    disk.write_atomic("file", b"")
    with pytest.raises(StoreError, match="cannot write"), LocalDisk(disk.path("file")).lock():
        pass
