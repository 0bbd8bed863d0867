"""Run folders at URLs: an S3-compatible server on this machine, and a folder reached as a URL."""

from __future__ import annotations

import json
import shutil
import socket
import time

import pytest

moto_server = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

from dsrbench.errors import MissingExtraError, RunLockedError, StoreError  # noqa: E402
from dsrbench.store import Mirror, Run  # noqa: E402
from dsrbench.store.mirror import LOCKS  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets botocore leaves to the garbage collector
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(moto|botocore|aiobotocore|s3fs|werkzeug).*"),
]


@pytest.fixture(scope="module")
def server():
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["s3", "file"])
def url(request, tmp_path, monkeypatch):
    """An empty folder, and a cache of this test's own."""
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path / "cache"))
    if request.param == "file":
        return f"file://{tmp_path}/there"
    for name, value in {
        "AWS_ENDPOINT_URL": request.getfixturevalue("server"),
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = f"b{time.time_ns()}"
    s3fs.S3FileSystem(skip_instance_cache=True).mkdir(bucket)
    return f"s3://{bucket}/some/run"


def elsewhere(url, tmp_path):
    """The same folder as another machine has it."""
    return Mirror(url, tmp_path / f"machine{time.time_ns()}")


def lock_of(disk):
    """The name of the one lock file."""
    (name,) = disk.list(LOCKS)
    return name


def test_what_is_written_is_there_for_others(url, tmp_path):
    disk = Mirror(url)
    with disk.lock():
        disk.write_atomic("a/b.json", b"1")
        disk.write_atomic("a/b.json", b"22")
        with disk.writing("table.parquet") as file:
            file.write(b"333")
        assert disk.list("a") == ["a/b.json"]
        disk.append("log.jsonl", "line")
    other = elsewhere(url, tmp_path)
    assert (other.read("a/b.json"), other.read("table.parquet"), other.read("log.jsonl")) == (b"22", b"333", b"line\n")
    assert other.exists("a/b.json")
    assert not other.exists("a/c.json")
    assert other.list("a", ".json") == ["a/b.json"]
    other.remove("a/b.json")
    assert not elsewhere(url, tmp_path).exists("a/b.json")
    with pytest.raises(StoreError, match="cannot read"):
        other.read("a/c.json")


def test_a_file_that_was_not_sent_whole_is_not_there(url, tmp_path, monkeypatch):
    disk = Mirror(url)
    with disk.lock():
        disk.write_atomic("a.json", b"old")

        def breaks(source, target, **_):
            """The connection goes after some bytes; only stores that show them have them."""
            if url.startswith("file"):
                shutil.copy(source, target)
            raise OSError("connection reset")

        monkeypatch.setattr(disk._remote, "put_file", breaks)
        with pytest.raises(StoreError, match=r"cannot write .*connection reset.*nothing is lost"):
            disk.write_atomic("a.json", b"new")
    monkeypatch.undo()
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path / "cache"))
    if url.startswith("file"):
        other = elsewhere(url, tmp_path)
        assert other.read("a.json") == b"old"
        assert other.list("") == ["a.json", lock_of(other)]


def test_one_writer(url, tmp_path):
    disk, other = Mirror(url), elsewhere(url, tmp_path)
    with disk.lock():
        with pytest.raises(RunLockedError), Mirror(url).lock():
            pass
        lock = lock_of(disk)
        owner = json.loads(disk.read(lock))
        disk.write_atomic(lock, json.dumps({**owner, "host": "another"}).encode())
        with pytest.raises(RunLockedError, match=r"works on .* \(another, last sign of life \d+ s ago\)"), other.lock():
            pass
        # no sign of life for minutes: it is taken over
        disk.write_atomic(lock, json.dumps({**owner, "host": "another", "time": time.time() - 300}).encode())
        with other.lock():
            assert json.loads(other.read(lock_of(other)))["host"] == socket.gethostname()
            assert lock_of(other) > lock


def test_of_two_that_begin_at_once_one_goes_on(url, tmp_path, monkeypatch):
    """The other has looked, and then finds its number taken."""
    disk, other = Mirror(url), elsewhere(url, tmp_path)
    monkeypatch.setattr(other, "_last_number", lambda: 0)
    with disk.lock():
        with pytest.raises(RunLockedError, match="has just begun to work on"), other.lock():
            pass
        assert disk.list(LOCKS) == [lock_of(disk)]
    third, slow = elsewhere(url, tmp_path), elsewhere(url, tmp_path)
    numbers = iter([0, 2])
    monkeypatch.setattr(slow, "_last_number", lambda: next(numbers))
    with third.lock(), pytest.raises(RunLockedError, match="has just begun to work on"), slow.lock():
        pass  # its number had been held, and given back, since it looked


def test_a_mirror_is_believed_only_while_nobody_else_wrote(url, tmp_path):
    disk, other = Mirror(url), elsewhere(url, tmp_path)
    with disk.lock():
        disk.write_atomic("a.json", b"one")
        disk.write_atomic("videos/v.mp4", b"video")
    with disk.lock():
        disk.path("a.json").write_bytes(b"mine")
        assert disk.read("a.json") == b"mine", "from this disk"
    with other.lock():
        other.write_atomic("a.json", b"two")
    with disk.lock():
        assert disk.read("a.json") == b"two"
        assert disk.read("videos/v.mp4") == b"video"


def test_what_a_process_that_died_had_not_sent_is_not_believed(url):
    disk = Mirror(url)
    with disk.lock():
        disk.write_atomic("a.json", b"one")
        disk.write_atomic("videos/v.mp4", b"video")
        lock = lock_of(disk)
        owner = disk.read(lock)
    disk.write_atomic(lock, owner)  # as if it had been killed
    disk.path("a.json").write_bytes(b"not sent")
    disk.path("videos/w.mp4").write_bytes(b"not sent")
    with disk.lock():
        assert disk.read("a.json") == b"one"
        assert disk.path("videos/v.mp4").exists(), "a video is known by its hash"
        assert disk.list("videos") == ["videos/v.mp4", "videos/w.mp4"]


def test_a_mirror_in_another_process_is_its_own(url):
    import pickle

    disk = Mirror(url)
    with disk.lock():
        disk.write_atomic("a.json", b"one")
        other = pickle.loads(pickle.dumps(disk))
        assert other.root != disk.root
        assert other.read("a.json") == b"one"
        other.write_atomic("samples/aa/b.json", b"two")
        assert not disk.exists("samples/aa/b.json")
        disk.refresh()
        assert disk.read("samples/aa/b.json") == b"two"
    shutil.rmtree(other.root)


def test_a_password_is_not_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path))
    disk = Mirror(f"file://{tmp_path}/x")
    disk.url = "sftp://user:secret@host/run"
    with pytest.raises(MissingExtraError) as caught:
        Run("sftp://user:secret@host/run")
    assert "secret" not in str(caught.value)
    assert "pip install 'dsrbench[s3]'" in str(caught.value)


@pytest.mark.parametrize("place", ["nonsense://x/y", "s3://"])
def test_what_is_no_place(place, tmp_path, monkeypatch):
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path))
    with pytest.raises((StoreError, MissingExtraError)), Run(place).lock():
        pass


def test_no_server(tmp_path, monkeypatch):
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    run = Run("s3://nowhere/run")
    with pytest.raises(StoreError, match=r"cannot read s3://nowhere/run .*when it can be reached"), run.lock():
        pass
    s3fs.S3FileSystem.clear_instance_cache()
