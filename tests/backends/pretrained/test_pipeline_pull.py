"""`dsrbench backends pull` of a text-to-video pipeline, from a Hub of our own on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse

import pytest
from fakes.loopback import AnsweringHandler, LoopbackServer

from dsrbench.backends.pretrained.pipelines import find_pipeline
from dsrbench.errors import WeightsError

COMMIT = "a" * 40
SECOND_COPIES = {
    "transformer/diffusion_pytorch_model.fp16.safetensors": b"half",
    "transformer/diffusion_pytorch_model.bin": b"pickled",
    "transformer/modeling.py": b"raise SystemExit('remote code ran')",
    "everything-in-one-10-gb.safetensors": b"all",
    "README.md": b"words",
    "example.gif": b"picture",
}


class Hub(LoopbackServer):
    """Answers what `snapshot_download` asks about the one model me/own."""

    def __init__(self, files):
        super().__init__(Handler)
        self.files, self.given = files, []


class Handler(AnsweringHandler):
    def answer(self, head=False):
        path, files = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path), self.server.files
        if path.startswith("/api/models/me/own/revision/"):
            siblings = [{"rfilename": name} for name in files]
            return self.send(200, json.dumps({"id": "me/own", "sha": COMMIT, "siblings": siblings}).encode())
        if path.startswith("/api/models/me/own/tree/"):
            rows = [{"type": "file", "path": n, "size": len(d), "oid": n} for n, d in files.items()]
            return self.send(200, json.dumps(rows).encode())
        name = path.partition(f"/me/own/resolve/{COMMIT}/")[2]
        if name not in files:
            return self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if not head:
            self.server.given.append(name)
        return self.send(200, files[name], {"ETag": f'"{name}"', "X-Repo-Commit": COMMIT}, head)

    def send(self, status, body, headers=None, head=False):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if not head:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(pipeline_folder):
    folder = pipeline_folder("wan2.1-1.3b")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with Hub({**files, **SECOND_COPIES}) as server:
        yield server


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The Hub's cache of this process, empty."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    for name in ("DSRBENCH_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def pull(server, home, *arguments, **environment):
    """`dsrbench backends pull` in a process of its own, whose Hub is the server."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "DSRBENCH_"))}
    url = f"http://127.0.0.1:{server.server_port}"
    settings = {"HF_ENDPOINT": url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "no_proxy": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, "-m", "dsrbench", "backends", "pull", *arguments],
        capture_output=True,
        text=True,
        env={**kept, **settings, **environment},
    )


def test_components_are_fetched_and_nothing_else(server, home):
    with pytest.raises(WeightsError, match="me/own is not in the Hub's cache"):
        find_pipeline("me/own")
    done = pull(server, home, "diffusers", "--model", "me/own")
    assert (done.returncode, done.stderr) == (0, "")
    found = find_pipeline("me/own")
    assert done.stdout == f"{found.folder}  me/own, Apache-2.0, commit {COMMIT}\n"
    assert (found.pipeline, found.commit) == ("WanPipeline", COMMIT)
    assert found.fingerprint() == {"model": "me/own", "commit": COMMIT}
    wanted = {name for name in server.files if name not in SECOND_COPIES}
    assert set(server.given) == wanted
    again = pull(server, home, "diffusers", "--model", "me/own", "--offline", DSRBENCH_OFFLINE="1")
    assert (again.returncode, again.stdout) == (0, done.stdout)


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        (("diffusers", "--model", "me/other"), {}, 7, "me/other: no such model on the Hub"),
        (("diffusers", "--model", "me/own"), {"DSRBENCH_OFFLINE": "1"}, 7, "offline, and me/own"),
        (("diffusers", "--model", "me/own", "--offline"), {}, 5, "me/own is not in the Hub's cache"),
        (("diffusers", "--model", "no id"), {}, 7, "no such folder: no id"),
        (("diffusers",), {}, 3, "expected the short name of a model, or"),
        (("wan2.1", "--model", "me/own"), {}, 3, "expected the short name of a model, or"),
        (("wan2.1",), {}, 7, "Wan-AI/Wan2.1-T2V-1.3B-Diffusers: no such model on the Hub"),
        (("wan2.9",), {}, 5, "no backend named 'wan2.9'; did you mean"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(server, home, arguments, environment, code, words):
    done = pull(server, home, *arguments, **environment)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
