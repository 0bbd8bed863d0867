"""Models from folders, from the Hub's cache, and from a Hub of our own on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse

import pytest
from fakes.loopback import AnsweringHandler, LoopbackServer

from dsrbench.backends.pretrained.snapshots import find_snapshot, pull_snapshot
from dsrbench.errors import OptionError, WeightsError
from dsrbench.hub import HubModel

OWN = HubModel("me/own", "Apache-2.0")
COMMITS = {"main": "a" * 40, "v2": "b" * 40}
FILES = {
    "config.json": b'{"model_type": "toy"}',
    "model.safetensors": b"weights " * 100,
    "vocab.txt": b"cat",
    "chat_template.jinja": b"{{ messages }}",
    "pytorch_model.bin": b"pickled",
    "modeling_toy.py": b"raise SystemExit('remote code ran')",
}


class Hub(LoopbackServer):
    """Answers what `snapshot_download` asks about the one model me/own; `missing` files are not there."""

    def __init__(self):
        super().__init__(Handler)
        self.asked, self.missing, self.broken, self.status = [], set(), set(), 0


class Handler(AnsweringHandler):
    def answer(self, head=False):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if not head:
            self.server.asked.append(path)
        files = {name: data for name, data in FILES.items() if name not in self.server.missing}
        if self.server.status:
            return self.send(
                self.server.status, b"{}", {"X-Error-Code": "GatedRepo"} if self.server.status == 403 else {}
            )
        if path.startswith("/api/models/me/own/revision/"):
            commit = COMMITS.get(path.rpartition("/")[2])
            if commit is None:
                return self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            siblings = [{"rfilename": name} for name in files]
            return self.send(200, json.dumps({"id": "me/own", "sha": commit, "siblings": siblings}).encode())
        if path.startswith("/api/models/me/own/tree/"):
            rows = [{"type": "file", "path": n, "size": len(d), "oid": n} for n, d in files.items()]
            return self.send(200, json.dumps(rows).encode())
        name = path.rpartition("/")[2]
        if path.startswith("/me/own/resolve/") and name in files:
            return self.send(200, files[name], {"ETag": f'"{name}"', "X-Repo-Commit": path.split("/")[4]}, head)
        return self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def send(self, status, body, headers=None, head=False):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        broken = self.path.rpartition("/")[2] in self.server.broken
        if not head:
            self.wfile.write(body[: len(body) // 2] if broken else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Hub() as server:
        yield server


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The Hub's cache of this process, empty."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    for name in ("DSRBENCH_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def pull(server, cache, *arguments, backend="owlv2", **environment):
    """`dsrbench backends pull` in a process of its own, whose Hub is the server."""
    code = (
        "import sys\nfrom dsrbench.backends.detectors.zero_shot import Owlv2\n"
        "from dsrbench.hub import HubModel\n"
        "Owlv2.hub_model = HubModel('me/own', 'Apache-2.0')\nfrom dsrbench.cli import main\nmain()\n"
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "DSRBENCH_"))}
    settings = {"HF_ENDPOINT": server.url, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1", "no_proxy": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, "-c", code, "backends", "pull", backend, *arguments],
        capture_output=True,
        text=True,
        env={**kept, **settings, **environment},
    )


def find(model="me/own", **more):
    return find_snapshot(model, backend="owlv2", default=OWN, **more)


def test_what_is_pulled_is_found_with_its_commit_and_without_a_server(server, cache):
    done = pull(server, cache)
    assert (done.returncode, done.stderr) == (0, "")
    found = find()
    assert done.stdout == f"{found.folder}  me/own, Apache-2.0, commit {'a' * 40}\n"
    assert found.commit == COMMITS["main"]
    assert found.fingerprint() == {"model": "me/own", "commit": COMMITS["main"]}
    assert found.model_type == "toy"
    kept = ["chat_template.jinja", "config.json", "model.safetensors", "vocab.txt"]
    assert sorted(path.name for path in found.folder.iterdir()) == kept
    assert not any(path.endswith((".bin", ".py")) for path in server.asked)


def test_a_language_model_is_pulled_for_the_upsampler(server, cache):
    done = pull(server, cache, "--model", "me/own", backend="upsampler")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{find().folder}  me/own, commit {'a' * 40}\n"


def test_a_revision_is_pinned(server, cache):
    assert pull(server, cache, "--revision", "v2").returncode == 0
    assert find(revision="v2").commit == find(revision=COMMITS["v2"]).commit == COMMITS["v2"]
    with pytest.raises(WeightsError, match=r"me/own is not in the cache.* dsrbench backends pull owlv2$"):
        find()


@pytest.mark.parametrize("how", ["--offline", "HF_HUB_OFFLINE", "DSRBENCH_OFFLINE"])
def test_offline_asks_nothing(server, cache, how):
    arguments, environment = ([how], {}) if how == "--offline" else ([], {how: "1"})
    done = pull(server, cache, *arguments, **environment)
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith("dsrbench: offline, and owlv2: me/own is not in the cache")
    assert done.stderr.count("\n") == 1
    assert server.asked == []
    assert pull(server, cache).returncode == 0
    asked = len(server.asked)
    assert pull(server, cache, *arguments, **environment).returncode == 0
    assert len(server.asked) == asked


FAULTS = [
    # what the Hub answers, and what is said
    ({"status": 403}, [], "accept its terms at https://huggingface.co/me/own, then log in with: hf auth login"),
    ({}, ["--model", "me/nothing"], "me/nothing: no such model on the Hub, or a private one"),
    ({}, ["--revision", "v9"], "me/own@v9: no such revision on the Hub"),
    (
        {"missing": {"model.safetensors"}},
        [],
        "me/own on the Hub has no model.safetensors; pickled weights are not read",
    ),
    ({}, ["--model", "no/such/id"], "no such folder: no/such/id"),
]


@pytest.mark.parametrize(("answer", "arguments", "message"), FAULTS)
def test_what_cannot_be_pulled_is_one_line(server, cache, answer, arguments, message):
    vars(server).update(answer)
    done = pull(server, cache, *arguments)
    assert done.returncode in (5, 7)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_an_interrupted_download_is_no_model_and_is_taken_up_again(server, cache):
    server.broken = {"model.safetensors"}
    done = pull(server, cache)
    assert done.returncode == 7
    assert done.stderr.count("\n") == 1
    with pytest.raises(WeightsError, match=r"Fetch it with: dsrbench backends pull owlv2$"):
        find()
    server.broken = set()
    assert pull(server, cache).returncode == 0
    assert find().commit == COMMITS["main"]


def test_no_network_is_one_line(server, cache):
    server.server_close()
    done = pull(server, cache)
    assert done.returncode == 7
    assert done.stderr.count("\n") == 1
    assert "no network, or the Hub does not answer" in done.stderr


def test_a_half_removed_model_is_noticed(server, cache):
    pull(server, cache)
    (find().folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="not in the cache") as caught:
        find()
    assert "\n" not in str(caught.value)


def test_shards_are_all_needed(tmp_path):
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (tmp_path / "config.json").write_text('{"model_type": "toy"}')
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"model-00002-of-00002\.safetensors is not in it"):
        find(str(tmp_path))
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(b"")
    assert find(str(tmp_path)).folder == tmp_path
    (tmp_path / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(WeightsError, match=r"a readable model\.safetensors\.index\.json"):
        find(str(tmp_path))


def test_a_folder_is_told_from_others_by_its_files(tmp_path):
    folders = [tmp_path / name for name in ("one", "same", "other")]
    for folder in folders:
        folder.mkdir()
        for name in ("config.json", "model.safetensors", "modeling_toy.py"):
            (folder / name).write_bytes(FILES[name])
    (folders[2] / "model.safetensors").write_bytes(b"others")
    one, same, other = (find(str(folder)).fingerprint() for folder in folders)
    assert one["weights"] == same["weights"] != other["weights"]
    assert sorted(one["weights"]) == ["config.json", "model.safetensors"]
    assert (one["model"], find(str(folders[0])).commit) == ("one", "")


def test_a_folder_has_no_revision_and_is_not_downloaded(tmp_path):
    with pytest.raises(OptionError, match="a revision belongs to a model on the Hub"):
        find(str(tmp_path), revision="main")
    with pytest.raises(WeightsError, match=r"config\.json is not in it"):
        pull_snapshot(str(tmp_path), backend="owlv2", default=OWN)


def test_the_command_names_what_is_not_the_default():
    with pytest.raises(WeightsError, match=r"dsrbench backends pull owlv2 --model me/mine --revision v2$"):
        find("me/mine", revision="v2")


@pytest.mark.parametrize("model", ["./nowhere", "a/b/c", "/no/such", "model", "", "https://example.org/m"])
def test_what_is_no_id_is_taken_for_a_folder(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((WeightsError, OptionError), match=r"no such folder|is no model") as caught:
        find(model)
    assert "\n" not in str(caught.value)
