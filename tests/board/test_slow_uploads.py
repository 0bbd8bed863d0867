"""Uploads that stop, trickle or do not end, over loopback, while others read and submit."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import threading
import time
from collections import namedtuple

import pytest
from factories.entries import write_entry
from factories.served_board import SERVED, serving

from dsrbench.board import open_stores

pytest.importorskip("gradio")
httpx = pytest.importorskip("httpx")

pytestmark = SERVED

HEAD = (
    b"POST /gradio_api/upload HTTP/1.1\r\nHost: board\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    b"Content-Length: 100000000\r\n\r\n"
)
PART = b'--x\r\nContent-Disposition: form-data; name="files"; filename="boxes.parquet"\r\n\r\n'


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A board with little patience: its address, and the folder of its uploads."""
    from dsrbench.board.app import Site, middleware

    folder = tmp_path_factory.mktemp("served")
    rules = {"suites": {"dsr-core-mini": [0]}, "quota": 100}
    open_stores(folder / "board")[0].change(lambda _: {"board.json": json.dumps(rules).encode()}, message="rules")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        patch.setattr(middleware, "TIMEOUT", 1.0)
        with serving(Site.open(folder / "board", account="lab")) as address:
            yield address, folder / "uploads"


@pytest.fixture(autouse=True)
def tidy(served):
    yield
    shutil.rmtree(served[1], ignore_errors=True)


def connect(address):
    port = int(address.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def read_all(connection):
    """What is answered, until the server closes the connection."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(1 << 16):
            answer += data
    return answer


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def is_tidy(folder):
    """Whether nothing lies there but whole files; gradio itself makes an empty one for each that it hands on."""
    return {path.name for path in files_in(folder) if path.stat().st_size} == {"entry.json", "boxes.parquet"}


def wait_until(is_so):
    until = time.monotonic() + 30
    while True:
        with contextlib.suppress(FileNotFoundError):  # a file may be removed between its listing and its stat
            if is_so():
                return
        assert time.monotonic() < until
        time.sleep(0.05)


def silent(connection):
    connection.sendall(HEAD + PART + b"half")


def trickling(connection):
    connection.sendall(HEAD + PART)
    with contextlib.suppress(OSError):
        for _ in range(400):
            connection.sendall(b".")
            time.sleep(0.05)


def banked(connection):
    """Much at once, and then nothing: what was sent earns no long silence."""
    connection.sendall(HEAD + PART + b"." * 2_000_000)


def headless(connection):
    """No part begins."""
    connection.sendall(HEAD + b"--x\r\n")


@pytest.mark.parametrize("how", [silent, trickling, banked, headless])
def test_a_slow_upload_is_cut_off_and_leaves_nothing(served, how):
    address, uploads = served
    with connect(address) as connection:
        begun = time.monotonic()
        how(connection)
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer.lower()
        assert b"too slowly" in answer
        assert time.monotonic() - begun < 15
    assert files_in(uploads) == []


def test_who_leaves_half_way_leaves_nothing(served):
    address, uploads = served
    with connect(address) as connection:
        silent(connection)
        wait_until(lambda: files_in(uploads))
    wait_until(lambda: not files_in(uploads))


def test_too_much_is_refused_and_leaves_nothing(served, monkeypatch):
    from dsrbench.board.app import middleware

    address, uploads = served
    monkeypatch.setattr(middleware, "MAX_UPLOAD", 100_000)
    monkeypatch.setattr(middleware, "MAX_BODY", 1_000)
    many = [("files", (f"{number}.parquet", b"." * 30_000)) for number in range(5)]
    assert httpx.post(f"{address}/gradio_api/upload", files=many).status_code == 413
    assert files_in(uploads) == []
    nested = b"[" * 2_000
    answer = httpx.post(
        f"{address}/gradio_api/queue/join", content=nested, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    one = [("files", ("a.parquet", b"." * 30_000))]
    assert httpx.post(f"{address}/gradio_api/upload", files=one).status_code == 200
    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - 10**8, 10**8))
    assert httpx.post(f"{address}/gradio_api/upload", files=one).status_code == 507
    assert httpx.get(f"{address}/board.csv").status_code == 200


def test_what_gradio_forgets_is_taken_away_later(served):
    address, uploads = served
    parts = [("other", ("forgotten.parquet", b"." * 1000)), ("files", ("a.parquet", b"."))]
    assert httpx.post(f"{address}/gradio_api/upload", files=parts).status_code == 200
    (forgotten,) = (path for path in files_in(uploads) if path.parent == uploads)
    assert httpx.post(f"{address}/gradio_api/upload", files=parts[1:]).status_code == 200
    assert forgotten.exists()
    os.utime(forgotten, (0, time.time() - 3700))
    assert httpx.post(f"{address}/gradio_api/upload", files=parts[1:]).status_code == 200
    assert [path.name for path in files_in(uploads)] == ["a.parquet"]


@pytest.mark.parametrize("path", ["component_server", "process_recording", "queue/join"])
def test_files_are_taken_in_one_place(served, path):
    address, uploads = served
    before = set(files_in(uploads))
    answer = httpx.post(f"{address}/gradio_api/{path}", files=[("video", ("a.mp4", b"."))])
    assert (answer.status_code, answer.text) == (404, "no files are taken here\n")
    assert set(files_in(uploads)) == before


def test_others_read_and_submit_meanwhile(served, tmp_path, monkeypatch):
    from gradio_client import Client, handle_file

    from dsrbench.board.app import middleware

    monkeypatch.setattr(middleware, "TIMEOUT", 3.0)
    address, uploads = served
    given = write_entry(tmp_path / "given", name="mine", seeds=(0,))
    stop, waits, cut = threading.Event(), [], []

    def trickle():
        while not stop.is_set():
            with contextlib.suppress(OSError), connect(address) as connection:
                connection.sendall(HEAD + PART)
                while not stop.is_set():
                    connection.sendall(b".")
                    time.sleep(0.02)
            cut.append("cut off")

    def read():
        while not stop.is_set():
            begun = time.monotonic()
            assert httpx.get(f"{address}/board.json", timeout=30).status_code == 200
            waits.append(time.monotonic() - begun)

    threads = [threading.Thread(target=trickle) for _ in range(20)] + [threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    try:
        client = Client(address, verbose=False)
        said = client.predict(
            [handle_file(str(given / name)) for name in ("entry.json", "boxes.parquet")], api_name="/submit"
        )
        wait_until(lambda: len(cut) >= 20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert "Accepted: " in said
    assert len(waits) > 3
    assert max(waits) < 10
    wait_until(lambda: is_tidy(uploads))
