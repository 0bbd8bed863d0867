from __future__ import annotations

import multiprocessing
import threading

import pytest
from fakes.hub import Repo

from dsrbench.board import HubStorage, LocalStorage
from dsrbench.board.storage import check_name, open_storage
from dsrbench.errors import DownloadError, HubError, InputError, StoreError

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub's own client


def write(storage, **files):
    storage.change(lambda _: {name.replace("__", "/") + ".txt": data for name, data in files.items()}, message="w")


def test_what_is_written_is_read(storage, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(b"x" * 10_000)
    storage.change(lambda _: {"a/one.json": b"1", "a/boxes.parquet": big, "b/two.json": b"2"}, message="first")
    seen = storage.look()
    assert seen.list() == ["a/boxes.parquet", "a/one.json", "b/two.json"]
    assert seen.list("a/") == ["a/boxes.parquet", "a/one.json"]
    assert seen.list("a/", ".json") == ["a/one.json"]
    assert (seen.read("a/one.json"), seen.read("a/boxes.parquet")) == (b"1", b"x" * 10_000)
    assert seen.fetch("b/two.json").read_bytes() == b"2"
    assert seen.exists("a/one.json")
    assert not seen.exists("a")


def test_marks_and_version_change_with_the_content_alone(storage):
    write(storage, a=b"1", b=b"1")
    before = storage.look()
    assert storage.look().version == before.version
    write(storage, a=b"22")
    after = storage.look()
    assert after.version != before.version
    assert after.mark("a.txt") != before.mark("a.txt")
    assert after.mark("b.txt") == before.mark("b.txt")


def test_a_file_is_removed_and_one_that_is_not_there_stays_so(storage):
    write(storage, a=b"1", b=b"1")
    storage.change(lambda _: {"a.txt": None, "never.txt": None}, message="remove")
    assert storage.look().list() == ["b.txt"]
    with pytest.raises(StoreError, match=r"has no file a\.txt"):
        storage.look().read("a.txt")


def test_an_edit_sees_what_is_there_and_may_decline(storage):
    write(storage, a=b"1")
    version = storage.look().version
    storage.change(lambda seen: {} if seen.exists("a.txt") else {"a.txt": b"2"}, message="if not there")
    assert (storage.look().version, storage.look().read("a.txt")) == (version, b"1")


def test_an_edit_that_fails_writes_nothing(storage):
    def edit(seen):
        raise StoreError("no")

    with pytest.raises(StoreError, match=r"^no$"):
        storage.change(edit, message="x")
    assert storage.look().list() == []


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../b", ".lock", "a//b", "", "a\\b", "C:x", "a/.b", "a\n", "é"])
def test_no_name_leads_elsewhere(storage, name):
    with pytest.raises(InputError, match="no name of a file"):
        storage.change(lambda _: {name: b"1"}, message="x")
    assert storage.look().list() == []


def count_up(storage, n):
    def edit(seen):
        return {"n.txt": str(int(seen.read("n.txt")) + 1).encode()}

    for _ in range(n):
        storage.change(edit, message="count")


def test_concurrent_threads_lose_nothing(storage):
    write(storage, n=b"0")
    # each with a store of its own, as processes have
    others = [
        type(storage)(storage._place.id if isinstance(storage, HubStorage) else storage._disk.root) for _ in "123"
    ]
    threads = [threading.Thread(target=count_up, args=(other, 5)) for other in [*others, storage]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert storage.look().read("n.txt") == b"20"


def _count_in_folder(root, n):
    count_up(LocalStorage(root), n)


def test_concurrent_processes_lose_nothing(tmp_path):
    store = LocalStorage(tmp_path / "store")
    write(store, n=b"0")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_count_in_folder, args=(tmp_path / "store", 10)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert store.look().read("n.txt") == b"30"


def test_hub_another_writer_in_between_is_seen(hub):
    hub.repos["lab/results"] = Repo()
    hub.repos["lab/results"].commit({"n.txt": b"1"})
    storage, seen = HubStorage("lab/results"), []

    def edit(snapshot):
        seen.append(snapshot.read("n.txt"))
        if len(seen) == 1:
            hub.repos["lab/results"].commit({"n.txt": b"7"})
        return {"n.txt": snapshot.read("n.txt") + b"!"}

    storage.change(edit, message="x")
    assert seen == [b"1", b"7"]
    assert storage.look().read("n.txt") == b"7!"


def test_hub_an_answer_that_is_lost_is_no_second_write(hub):
    """The commit is made and its answer dropped: tried again, its parent is no longer the last one."""
    hub.repos["lab/results"] = Repo()
    hub.repos["lab/results"].commit({"log.txt": b""})

    def edit(snapshot):
        log = snapshot.read("log.txt")
        return {} if b"mine\n" in log else {"log.txt": log + b"mine\n"}

    hub.faults = [("POST /api/datasets/lab/results/commit", "503"), ("POST /api/datasets/lab/results/commit", "lost")]
    HubStorage("lab/results").change(edit, message="x")
    assert hub.faults == []
    assert hub.repos["lab/results"].files["log.txt"] == b"mine\n"
    assert len(hub.repos["lab/results"].commits) == 2


def test_down_is_not_empty(tmp_path, hub):
    root = tmp_path / "gone"
    storage = LocalStorage(root)
    root.rmdir()
    with pytest.raises(StoreError, match="cannot be read"):
        storage.look()
    with pytest.raises(StoreError, match="cannot be read"):
        write(storage, a=b"1")
    assert not root.exists()
    with pytest.raises(HubError, match="no such dataset"):
        HubStorage("lab/none").look()
    hub.faults = [("GET", "503")] * 20
    with pytest.raises(DownloadError, match="gave up"):
        HubStorage("lab/none").look()


def test_hub_without_permission(hub):
    hub.repos["other/results"] = Repo()
    hub.repos["other/results"].commit({"a.txt": b""})
    with pytest.raises(HubError, match="no permission"):
        write(HubStorage("other/results"), a=b"1")


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret.txt").write_text("x")
    storage = LocalStorage(tmp_path / "store")
    (tmp_path / "store" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "store" / "up").symlink_to(tmp_path)
    assert storage.look().list() == []
    with pytest.raises(StoreError, match="has no file"):
        storage.look().fetch("link.txt")


def test_open_storage(tmp_path):
    assert isinstance(open_storage(tmp_path / "a"), LocalStorage)
    assert open_storage("hf://datasets/lab/results").shown == "hf://datasets/lab/results"
    for bad in ("hf://datasets/lab/results@v1", "hf://datasets/lab/results/file", "hf://models/lab/x"):
        with pytest.raises(InputError, match="expected"):
            open_storage(bad)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="no folder"):
        open_storage(tmp_path / "file")


def test_check_name_keeps_depth():
    assert check_name("a/b/c/d/e/f") == "a/b/c/d/e/f"
    with pytest.raises(InputError):
        check_name("/".join("a" * 7))
