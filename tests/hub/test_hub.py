"""Downloads against a real local server that drops connections, forgets files and lies on request."""

from __future__ import annotations

import hashlib
import http.server
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.loopback import LoopbackServer

from dsrbench.errors import DownloadError, InputError, WeightsError
from dsrbench.hub import WeightFile, cache_folder, check_sha256, find_weights, pull, weights, weights_folder

DATA = bytes(range(256)) * 1024
NAME = "toydet"


class Server(LoopbackServer):
    """Serves DATA at /model.bin; `script` says how each request in turn goes wrong."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.script: list[str] = []
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return super().url + "/model.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        fault = self.server.script.pop(0) if self.server.script else ""
        if fault.isdigit():
            self.send_error(int(fault))
            return
        body = {"wrong": b"x" * len(DATA), "short": DATA[:100], "long": DATA + b"x"}.get(fault, DATA)
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and fault != "no-range" else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : start + 100_000] if fault == "drop" else body[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no waiting between attempts, no proxy, and no offline switch from outside."""
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("DSRBENCH_OFFLINE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(weights, "FIRST_WAIT", 0.001)
    return tmp_path / "cache"


def weight(url: str, data: bytes = DATA) -> WeightFile:
    return WeightFile("model.bin", url, hashlib.sha256(data).hexdigest(), len(data), "Apache-2.0")


def in_cache(cache: Path) -> list[str]:
    return sorted(p.name for p in cache.rglob("*") if p.is_file() and p.name != ".lock")


SUCCESSES = [
    pytest.param([], [None], id="at-once"),
    # a dropped connection is taken up where it ended
    pytest.param(["drop"], [None, "bytes=100000-"], id="one-drop"),
    pytest.param(["drop", "drop"], [None, "bytes=100000-", "bytes=200000-"], id="two-drops"),
    # a server that does not know ranges sends the whole file again
    pytest.param(["drop", "no-range"], [None, "bytes=100000-"], id="no-ranges"),
    pytest.param(["503"], [None, None], id="busy"),
    pytest.param(["500", "429", "drop"], [None, None, None, "bytes=100000-"], id="busy-then-drop"),
    # the rest cannot be served: begin again
    pytest.param(["drop", "416"], [None, "bytes=100000-", None], id="range-refused"),
]


@pytest.mark.parametrize(("script", "ranges"), SUCCESSES)
def test_pull_gets_the_file(server, cache, script, ranges):
    server.script = list(script)
    seen: list[tuple[str, int, int]] = []
    files = [weight(server.url)]
    paths = pull(NAME, files, progress=lambda *step: seen.append(step))
    assert paths == [cache / "weights" / NAME / "model.bin"]
    assert paths[0].read_bytes() == DATA
    assert in_cache(cache) == ["model.bin"]
    assert server.ranges == ranges
    assert seen[-1] == ("model.bin", len(DATA), len(DATA))
    assert find_weights(NAME, files) == paths
    # A second time nothing is asked for.
    assert pull(NAME, files) == paths
    assert len(server.ranges) == len(ranges)


FAILURES = [
    pytest.param(["404"], "HTTP 404", 1, id="not-there"),
    pytest.param(["403"], "HTTP 403", 1, id="forbidden"),
    pytest.param(["wrong"], "another sha256", 1, id="wrong-content"),
    pytest.param(["short"], "has 100 bytes", 1, id="shorter"),
    pytest.param(["long"], "longer than", 1, id="longer"),
    pytest.param(["503"] * 9, "gave up after 4 attempts .HTTP 503", 4, id="never-ready"),
]


@pytest.mark.parametrize(("script", "message", "requests"), FAILURES)
def test_pull_says_why_not_and_leaves_nothing(server, cache, script, message, requests):
    server.script = list(script)
    with pytest.raises(DownloadError, match=message) as caught:
        pull(NAME, [weight(server.url)])
    assert "\n" not in str(caught.value)
    assert in_cache(cache) == []
    assert len(server.ranges) == requests


def test_a_stale_part_is_thrown_away(server, cache):
    folder = weights_folder(NAME)
    folder.mkdir(parents=True)
    (folder / "model.bin.part").write_bytes(b"of an older file")
    (path,) = pull(NAME, [weight(server.url)])
    assert path.read_bytes() == DATA
    assert server.ranges == ["bytes=16-", None]
    assert in_cache(cache) == ["model.bin"]


@pytest.mark.parametrize("content", [b"short", b"x" * len(DATA), DATA[:-1] + b"?"])
def test_an_altered_file_is_told_and_replaced(server, content):
    files = [weight(server.url)]
    (path,) = pull(NAME, files)
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.bin is altered .* dsrbench backends pull toydet"):
        find_weights(NAME, files)
    assert pull(NAME, files)[0].read_bytes() == DATA
    assert find_weights(NAME, files) == [path]


def test_absent_weights_name_the_command():
    with pytest.raises(WeightsError, match=r"model\.bin is absent .* dsrbench backends pull toydet") as caught:
        find_weights(NAME, [weight("https://example.org/model.bin")])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", ["argument", "DSRBENCH_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_asks_nothing(server, monkeypatch, how):
    files = [weight(server.url)]
    if how != "argument":
        monkeypatch.setenv(how, "1")
    with pytest.raises(DownloadError, match=r"offline.*dsrbench backends pull toydet"):
        pull(NAME, files, offline=how == "argument")
    assert server.ranges == []


def test_offline_is_fine_when_all_is_there(server):
    files = [weight(server.url)]
    paths = pull(NAME, files)
    assert pull(NAME, files, offline=True) == paths


def test_no_server_is_one_line(server):
    url = server.url
    server.server_close()
    server.socket.close()
    with pytest.raises(DownloadError, match="gave up after 4 attempts") as caught:
        pull(NAME, [weight(url.replace(str(server.server_port), "9"))])
    assert "\n" not in str(caught.value)


def test_no_such_host_is_one_line():
    with pytest.raises(DownloadError, match="no network, or no such host"):
        pull(NAME, [weight("http://nowhere.invalid/model.bin")])


def test_unwritable_cache_is_said(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DownloadError, match=r"cannot write to .* set DSRBENCH_CACHE"):
        pull(NAME, [weight(server.url)])
    assert server.ranges == []


@pytest.mark.skipif(os.geteuid() == 0 and not hasattr(os, "seteuid"), reason="cannot give up root")
def test_cache_without_permission_is_said(server, cache):
    cache.mkdir()
    cache.chmod(0o500)
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(DownloadError, match="cannot write to"):
            pull(NAME, [weight(server.url)])
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("DSRBENCH_CACHE")
    assert cache_folder().name == "dsrbench"
    assert cache_folder().is_absolute()


def test_check_sha256(tmp_path):
    (tmp_path / "a").write_bytes(DATA)
    digest = hashlib.sha256(DATA).hexdigest()
    assert check_sha256(tmp_path / "a", digest)
    assert check_sha256(tmp_path / "a", digest.upper())
    assert not check_sha256(tmp_path / "a", "0" * 64)
    assert not check_sha256(tmp_path / "absent", digest)


BAD_FILES = [
    pytest.param({"url": "file:///etc/passwd"}, "http or https", id="protocol"),
    pytest.param({"filename": "../model.bin"}, "plain name", id="folder-in-name"),
    pytest.param({"sha256": "abc"}, "64", id="sha256"),
    pytest.param({"size": 0}, "at least 1", id="size"),
]


@pytest.mark.parametrize(("change", "message"), BAD_FILES)
def test_bad_descriptions_are_refused(change, message):
    good = {"filename": "m", "url": "https://example.org/m", "sha256": "0" * 64, "size": 1, "licence": "MIT"}
    WeightFile(**good)
    with pytest.raises(InputError, match=message):
        WeightFile(**{**good, **change})


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_backend_names_stay_in_the_cache(name):
    with pytest.raises(InputError, match="plain name"):
        weights_folder(name)
