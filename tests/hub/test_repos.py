"""Datasets to and from a server that speaks like the Hub: whole, interrupted, refused."""

from __future__ import annotations

import pytest
from fakes.hub import FakeHub

pytest.importorskip("huggingface_hub")

from dsrbench.errors import DownloadError, HubError, InputError
from dsrbench.hub import HubPath, connection, fetch_file, fetch_folder, push_folder, repos

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub's own client

TOKEN = "hf_verysecrettoken"
FILES = {
    "data/train-00000-of-00002.parquet": b"PAR1" * 500,
    "data/train-00001-of-00002.parquet": b"other" * 900,
    "README.md": b"---\nlicense: mit\n---\n# data\n",
    "last.json": b"{}",
}
NAMES = ("data", "README.md", "last.json")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with FakeHub() as server:
        server.tokens[TOKEN] = {"me"}
        for name, value in server.environment(HF_TOKEN=TOKEN).items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DSRBENCH_OFFLINE", raising=False)
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(connection, "FIRST_WAIT", 0.01)
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        yield server


@pytest.fixture
def folder(tmp_path):
    for name, data in FILES.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(data)
    (tmp_path / "data" / "run.lock").write_bytes(b"")
    return tmp_path / "data"


def push(folder, id="me/data", **options):
    return push_folder(folder, id, names=NAMES, message="a push", **options)


def contents(hub, id="me/data"):
    return {name: data for name, data in hub.repos[id].files.items() if name != ".gitattributes"}


def test_a_push_and_the_way_back(hub, folder, tmp_path):
    told = []
    commit = push(folder, private=True, tell=lambda *step: told.append(step))
    assert contents(hub) == FILES
    assert hub.repos["me/data"].private
    assert hub.repos["me/data"].commits[0][0] == commit
    assert told[-1][:3] == ("sending", 4, 4)
    place, found = fetch_folder("hf://datasets/me/data", names=["data/*", "*.json"])
    assert found == commit
    assert {p.name for p in place.rglob("*") if p.is_file()} == {name.split("/")[-1] for name in FILES} - {"README.md"}
    out, found = fetch_folder("me/data", names=["*"], out=tmp_path / "out")
    assert (out, found) == (tmp_path / "out", commit)
    assert {name: (out / name).read_bytes() for name in FILES} == FILES
    assert fetch_file(f"hf://datasets/me/data@{commit}/last.json").read_bytes() == b"{}"


def test_a_second_push_sends_what_changed_and_removes_what_is_gone(hub, folder):
    first = push(folder)
    before = len(hub.requests)
    assert push(folder) == first
    assert not any(request.startswith("PUT") or "/commit/" in request for request in hub.requests[before:])
    (folder / "data/train-00001-of-00002.parquet").unlink()
    (folder / "last.json").write_bytes(b"{ }")
    assert push(folder) != first
    assert contents(hub) == {n: d for n, d in {**FILES, "last.json": b"{ }"}.items() if "00001" not in n}


FAULTS = [
    [("POST /api/repos/create", "503")],
    [("POST .*/commit/", "500"), ("POST .*/commit/", "drop")],
    [("PUT /lfs", "drop"), ("PUT /lfs", "503")],
    [("POST .*/preupload/", "drop"), ("POST .*/batch", "502")],
    [("GET .*/tree/", "drop"), ("GET /api/datasets/me/data", "503")],
]


@pytest.mark.parametrize("faults", FAULTS)
def test_a_push_survives(hub, folder, faults):
    hub.faults = list(faults)
    commit = push(folder)
    assert hub.faults == []
    assert contents(hub) == FILES
    assert hub.repos["me/data"].commits[0][0] == commit


def test_a_push_that_stopped_goes_on(hub, folder, monkeypatch):
    monkeypatch.setattr(repos, "BATCH_FILES", 1)
    sent = []

    def stop(*step):
        sent.append(step)
        if len(sent) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push(folder, tell=stop)
    assert len(contents(hub)) == 1
    before = len(hub.requests)
    push(folder)
    assert contents(hub) == FILES
    assert sum(request.startswith("PUT") for request in hub.requests[before:]) == 1, "the first was not sent again"


DOWNLOADS = [
    [("GET .*/resolve/", "drop"), ("GET .*/resolve/", "drop")],
    [("HEAD .*/resolve/", "503"), ("GET .*/resolve/", "500")],
    [("GET .*/revision/", "503"), ("GET .*/revision/", "drop")],
]


@pytest.mark.parametrize("faults", DOWNLOADS)
def test_a_download_survives(hub, folder, tmp_path, faults):
    push(folder)
    hub.faults = list(faults)
    place, _ = fetch_folder("me/data", names=["*"], out=tmp_path / "out")
    assert hub.faults == []
    assert {name: (place / name).read_bytes() for name in FILES} == FILES


def refused(error, match, ask, *arguments, **options):
    with pytest.raises(error, match=match) as caught:
        ask(*arguments, **options)
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_no_token(hub, folder, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    refused(HubError, "no token to write with; log in with hf auth login, or set HF_TOKEN", push, folder)
    assert hub.requests == []


def test_no_permission(hub, folder, monkeypatch):
    refused(HubError, r"no permission \(HTTP 403: .*rights.*write to you/data", push, folder, "you/data")
    monkeypatch.setenv("HF_TOKEN", "hf_unknown")
    refused(HubError, "no permission", push, folder)


def test_a_public_one_is_not_made_private_in_silence(hub, folder):
    push(folder)
    refused(HubError, "is there and is public", push, folder, private=True)


def test_a_server_that_never_answers(hub, folder):
    hub.faults = [("POST .*/commit/", "503")] * 9
    refused(DownloadError, r"gave up after 4 attempts \(HTTP 503.*what was sent or fetched is kept", push, folder)


@pytest.mark.parametrize(
    "id", ["data", "a/b/c", "", "me/", "/x", "me/a--b", "me/a b", "-me/x", "me/..", "mé/x", "me/" + 99 * "x"]
)
def test_names_that_are_no_repository_id(hub, folder, id):
    refused(InputError, "is no repository id; expected OWNER/NAME", push, folder, id)
    assert hub.requests == []


@pytest.mark.parametrize("text", ["hf://me/data", "hf://datasets/me", "hf://models/me/x", "hf://datasets/me/x/../../y"])
def test_texts_that_name_no_dataset(text):
    refused(InputError, r"expected hf://datasets/OWNER/NAME", HubPath.parse, text)


def test_what_is_not_there(hub, folder):
    refused(HubError, "no such dataset on the Hub", fetch_folder, "me/nothing", names=["*"])
    push(folder)
    refused(HubError, "no such revision", fetch_folder, "hf://datasets/me/data@v9", names=["*"])
    refused(HubError, "no such file", fetch_file, "hf://datasets/me/data/other.jsonl")
    refused(InputError, "names a dataset; expected a file", fetch_file, "hf://datasets/me/data")
    refused(InputError, "names a file; expected a dataset", fetch_folder, "hf://datasets/me/data/x.jsonl", names=["*"])


def test_offline_takes_what_was_fetched(hub, folder, monkeypatch):
    push(folder)
    fetch_file("hf://datasets/me/data/last.json")
    before = len(hub.requests)
    monkeypatch.setenv("DSRBENCH_OFFLINE", "1")
    assert fetch_file("hf://datasets/me/data/last.json").read_bytes() == b"{}"
    refused(DownloadError, "^offline, and hf://datasets/me/data/README.md is not in the cache", fetch_file,
            "hf://datasets/me/data/README.md")  # fmt: skip
    refused(DownloadError, "^offline", push, folder)
    assert len(hub.requests) == before
