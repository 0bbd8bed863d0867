from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import threading

import pytest
from factories.board_stores import make_store
from factories.entries import MANIFEST, failed, make_rows, write_entry, write_whole_run

from dsrbench.board import REDETECTED, RESCORED, SELF_REPORTED, Board, Intake, open_stores
from dsrbench.board.audit import check_trail, read_events
from dsrbench.errors import InputError, StoreError
from dsrbench.submission import write_boxes

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

DAY = 86_400


@pytest.fixture
def intake(tmp_path):
    return Intake(*open_stores(tmp_path / "board"), clock=lambda: 20_000.5 * DAY)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return write_entry(tmp_path_factory.mktemp("good"))


def set_rules(intake, **rules):
    intake.results.change(lambda _: {"board.json": json.dumps(rules).encode()}, message="rules")


def names(intake):
    return [placed.name for placed in Board(intake.results).view().entries]


def events(intake):
    return [(event.event, event.account, event.name) for event in read_events(intake.submissions.look())]


@pytest.mark.parametrize("kind", ["folder", "hub"])
def test_an_entry_is_accepted_once(kind, request, good):
    intake = Intake(make_store(kind, request), make_store(kind, request, "submissions"))
    first = intake.submit(good, "lab")
    assert (first.is_accepted, first.is_repeated, first.record.tier, first.record.account) == (
        True,
        False,
        RESCORED,
        "lab",
    )
    again = intake.submit(good, "Lab")
    assert (again.is_accepted, again.is_repeated, again.id) == (True, True, first.id)
    seen = intake.results.look()
    assert seen.list("entries/") == [f"entries/wan/{name}" for name in ("boxes.parquet", "entry.json", "summary.json")]
    assert seen.read("entries/wan/boxes.parquet") == (good / "boxes.parquet").read_bytes()
    assert events(intake) == [("received", "lab", "wan"), ("accepted", "lab", "wan")]
    assert check_trail(intake.submissions.look()) == []


def test_every_reason_of_a_rejection_is_told_and_kept(intake, tmp_path):
    def change(row):
        row["claim"]["coverage"], row["claim"]["accuracy"]["0.7"]["value"] = 0.1, 0.99

    receipt = intake.submit(write_entry(tmp_path / "e", change=change), "lab")
    assert not receipt.is_accepted
    assert [problem.split()[0] for problem in receipt.problems] == ["coverage", "Accuracy@0.7"]
    assert read_events(intake.submissions.look())[-1].problems == receipt.problems
    assert names(intake) == []


def entry_of(tmp_path, name, **given):
    return write_entry(tmp_path / name / str(len(given)), name=name, **given)


def suite_version(row):
    row["suite"]["version"] = "0.9"


def unknown_suite(row):
    row["suite"]["name"] = "dsr-train"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"change": suite_version}, "suite dsr-core-mini has version 1.0 here, the entry is of '0.9'"),
        ({"change": unknown_suite}, "suite 'dsr-train' is not one of this board's"),
        ({"seeds": (0, 1)}, "entries of dsr-core-mini have the seeds 0, 1, 2, 3, 4 here, this one has 0, 1"),
        ({"entry": {"base": "nothing"}}, "its base 'nothing' is no entry of this board; submit that first"),
        ({"rows": make_rows()[1:]}, "1 of 120 samples are missing"),
    ],
)
def test_what_the_board_does_not_take(intake, tmp_path, given, problem):
    receipt = intake.submit(entry_of(tmp_path, "a", **given), "lab")
    assert not receipt.is_accepted
    assert receipt.problems[0].startswith(problem)
    assert names(intake) == []


def test_a_name_is_its_owners(intake, tmp_path, good):
    intake.submit(good, "lab")
    replayed = intake.submit(good, "thief")
    assert replayed.problems == ("the name 'wan' is taken; take another one",)
    other = write_entry(tmp_path / "o", luck=3)
    assert intake.submit(other, "lab").problems == (
        "an entry of this name is yours already; withdraw it first, or take another name",
    )
    for alike in ("WAN", "w-an", "w.a_n"):
        receipt = intake.submit(write_entry(tmp_path / alike, name=alike, luck=3), "thief")
        assert receipt.problems == (f"the name {alike!r} looks like that of entry 'wan'; take another one",)
    assert intake.submit(write_entry(tmp_path / "x", name="wan-2", luck=3), "thief").is_accepted


def test_the_same_videos_are_no_second_entry(intake, tmp_path, good):
    intake.submit(good, "lab")
    rows = make_rows()
    same = intake.submit(write_entry(tmp_path / "a", name="other", rows=rows), "thief")
    assert same.problems == ("its videos are those of entry 'wan', by the same detector and tracker",)
    third = [failed(row) if n % 3 == 0 else row for n, row in enumerate(rows)]
    assert intake.submit(write_entry(tmp_path / "b", name="other", rows=third), "thief").problems == same.problems
    detector = {"name": "picodet", "version": "1", "options": {}, "fingerprint": {}}
    entry = {"detector": detector}
    some = [dataclasses.replace(rows[0], text_used="x"), *rows[1:]]
    assert intake.submit(write_entry(tmp_path / "c", name="other", rows=some, entry=entry), "lab").is_accepted


def test_a_base_is_linked_with_its_gain(intake, tmp_path, good):
    intake.submit(good, "lab")
    aligned = write_entry(tmp_path / "a", name="aligned", share=0.9, luck=1, entry={"base": "wan"})
    assert intake.submit(aligned, "lab").is_accepted
    unlike = {"base": "wan", "stride": 2, "protocol": "custom"}
    receipt = intake.submit(write_entry(tmp_path / "u", name="unlike", luck=2, entry=unlike), "lab")
    assert receipt.problems[0].startswith("its base 'wan' was not made alike")


def test_a_quota_a_day(tmp_path, good):
    now = [20_000.5 * DAY]
    intake = Intake(*open_stores(tmp_path / "board"), clock=lambda: now[0])
    set_rules(intake, quota=2)
    bad = write_entry(tmp_path / "bad", name="bad", change=suite_version)
    broken = tmp_path / "broken"
    broken.mkdir()
    assert not intake.submit(bad, "lab").is_accepted
    assert "entry.json is not there" in intake.submit(broken, "lab").problems[0]
    for folder in (good, broken, bad):
        assert intake.submit(folder, "LAB").problems == (
            "an account may submit 2 times a day (UTC); come back tomorrow",
        )
    assert len(events(intake)) == 3
    assert intake.submit(good, "else").is_accepted
    now[0] += DAY
    assert intake.submit(write_entry(tmp_path / "n", name="next", luck=5), "lab").is_accepted


def test_withdrawal(intake, tmp_path, good):
    intake.submit(good, "lab")
    set_rules(intake, maintainers=["keeper"])
    with pytest.raises(InputError, match="is not of account thief"):
        intake.withdraw("wan", "thief")
    for name in ("none", "../wan", ""):
        with pytest.raises(InputError, match="no entry"):
            intake.withdraw(name, "lab")
    intake.withdraw("wan", "LAB")
    board = Board(intake.results)
    assert board.view().entries == ()
    with pytest.raises(InputError, match="'wan' was withdrawn on 2024-10-04"):
        board.open("wan")
    assert intake.results.look().list("entries/") == ["entries/wan/summary.json"]
    assert b"accuracy" not in intake.results.look().read("entries/wan/summary.json")
    assert intake.submit(good, "lab").problems == ("this entry was withdrawn on 2024-10-04; submit another one",)
    assert intake.submit(good, "thief").problems[0].startswith("the name 'wan' is taken")
    assert intake.submit(write_entry(tmp_path / "a", luck=2), "lab").is_accepted
    intake.withdraw("wan", "keeper")
    intake.withdraw("wan", "lab")
    assert names(intake) == []


def test_an_aligned_entry_whose_base_was_withdrawn_stands_alone(intake, tmp_path, good):
    intake.submit(good, "lab")
    intake.submit(write_entry(tmp_path / "a", name="aligned", share=0.9, luck=1, entry={"base": "wan"}), "lab")
    intake.withdraw("wan", "lab")
    (placed,) = Board(intake.results).view().entries
    assert (placed.name, placed.base, placed.gain) == ("aligned", "", None)


@pytest.mark.parametrize("account", ["", "a b", "../x", "a/b", "ä", "a\n", "<b>", "x" * 97])
def test_accounts_have_plain_names(intake, good, account):
    with pytest.raises(InputError, match="expected an account's name"):
        intake.submit(good, account)
    with pytest.raises(InputError, match="expected an account's name"):
        intake.withdraw("wan", account)


@pytest.mark.parametrize("file", ["entry.json", "boxes.parquet"])
def test_links_and_folders_are_no_files(intake, tmp_path, good, file):
    folder = write_entry(tmp_path / "e")
    (folder / file).unlink()
    (folder / file).symlink_to(good / file)
    assert f"{file} is not there" in intake.submit(folder, "lab").problems[0]
    (folder / file).unlink()
    os.mkfifo(folder / file)
    assert f"{file} is not there" in intake.submit(folder, "lab").problems[0]


def test_gigantic_files_are_not_read(intake, tmp_path):
    for name, size in (("entry.json", 300 * 1024), ("boxes.parquet", 257 * 2**20)):
        folder = write_entry(tmp_path / name)
        with (folder / name).open("r+b") as file:
            file.truncate(size)
        assert f"{name} is larger than" in intake.submit(folder, "lab").problems[0]


def test_files_are_those_that_were_checked(intake, tmp_path, monkeypatch):
    """Somebody changes a file while it is checked: what is kept is what was checked."""
    folder = write_entry(tmp_path / "e")
    true = (folder / "boxes.parquet").read_bytes()
    check = Intake._accept

    def swap(self, *args):
        (folder / "boxes.parquet").write_bytes(b"forged")
        return check(self, *args)

    monkeypatch.setattr(Intake, "_accept", swap)
    assert intake.submit(folder, "lab").is_accepted
    assert intake.results.look().read("entries/wan/boxes.parquet") == true


def test_stopped_before_the_outcome_was_written_down(intake, good, monkeypatch):
    monkeypatch.setattr(Intake, "_log_accepted", lambda *_, **__: (_ for _ in ()).throw(StoreError("killed")))
    with pytest.raises(StoreError, match="killed"):
        intake.submit(good, "lab")
    monkeypatch.undo()
    for _ in "12":
        assert intake.submit(good, "lab").is_repeated
    assert events(intake) == [("received", "lab", "wan"), ("accepted", "lab", "wan")]


def test_stopped_between_two_files_is_as_if_never_asked(intake, good, monkeypatch):
    write = type(intake.results)._write

    def stop(self, name, data):
        if name.endswith("summary.json"):
            raise StoreError("killed")
        write(self, name, data)

    monkeypatch.setattr(type(intake.results), "_write", stop)
    with pytest.raises(StoreError, match="killed"):
        intake.submit(good, "lab")
    monkeypatch.undo()
    assert names(intake) == []
    assert intake.submit(good, "lab").is_accepted


def test_a_store_that_is_down_accepts_nothing(intake, good):
    gone = intake.results._disk.root
    for name in gone.iterdir():
        name.unlink()
    gone.rmdir()
    with pytest.raises(StoreError, match="cannot be read"):
        intake.submit(good, "lab")


def test_a_slow_one_does_not_hold_up_the_others(intake, tmp_path, good, monkeypatch):
    from dsrbench.board import intake as module

    slow, started, go_on = write_entry(tmp_path / "slow", name="slow", luck=8), threading.Event(), threading.Event()
    check = module.check_entry

    def wait(folder, find_suite):
        if json.loads((folder / "entry.json").read_bytes())["name"] == "slow":
            started.set()
            assert go_on.wait(30)
        return check(folder, find_suite)

    monkeypatch.setattr(module, "check_entry", wait)
    thread = threading.Thread(target=intake.submit, args=(slow, "tortoise"))
    thread.start()
    assert started.wait(30)
    assert intake.submit(good, "hare").is_accepted
    go_on.set()
    thread.join()
    assert sorted(names(intake)) == ["slow", "wan"]


def together(calls):
    results = [None] * len(calls)

    def run(n):
        results[n] = calls[n]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("kind", ["folder", "hub"])
def test_at_once_none_is_lost_and_none_doubled(kind, request, tmp_path):
    stores = make_store(kind, request), make_store(kind, request, "submissions")
    folders = [write_entry(tmp_path / f"e{n}", name=f"e{n}", luck=n) for n in range(4)]
    calls = [lambda folder=folder: Intake(*stores).submit(folder, "lab") for folder in folders for _ in "12"]
    receipts = together(calls)
    assert all(receipt.is_accepted for receipt in receipts), receipts
    assert sorted(names(Intake(*stores))) == ["e0", "e1", "e2", "e3"]
    trail = events(Intake(*stores))
    assert sorted(name for event, _, name in trail if event == "accepted") == ["e0", "e1", "e2", "e3"]
    assert check_trail(stores[1].look()) == []


def test_at_once_one_account_gets_a_name_and_the_quota_holds(tmp_path, good):
    stores = open_stores(tmp_path / "board")
    receipts = together([lambda n=n: Intake(*stores).submit(good, f"account-{n}") for n in range(6)])
    assert sum(receipt.is_accepted for receipt in receipts) == 1
    stores[0].change(lambda _: {"board.json": b'{"quota": 3}'}, message="rules")
    folders = [write_entry(tmp_path / f"q{n}", name=f"q{n}", luck=20 + n) for n in range(6)]
    receipts = together([lambda folder=folder: Intake(*stores).submit(folder, "greedy") for folder in folders])
    assert sum(receipt.is_accepted for receipt in receipts) == 3


def _submit(board, folders):
    intake = Intake(*open_stores(board))
    for folder in folders:
        assert intake.submit(folder, "lab").is_accepted


def test_at_once_in_processes(tmp_path):
    folders = [write_entry(tmp_path / f"p{n}", name=f"p{n}", luck=40 + n) for n in range(4)]
    context = multiprocessing.get_context("fork")
    orders = folders, folders[::-1], folders[2:] + folders[:2]
    workers = [context.Process(target=_submit, args=(tmp_path / "board", order)) for order in orders]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    intake = Intake(*open_stores(tmp_path / "board"))
    assert sorted(names(intake)) == ["p0", "p1", "p2", "p3"]
    assert sum(event == "accepted" for event, _, _ in events(intake)) == 4


def test_maintainers_detect_again(intake, tmp_path, good):
    intake.submit(good, "lab")
    run = write_whole_run(tmp_path / "run")
    with pytest.raises(InputError, match="lab is no maintainer"):
        intake.redetect("wan", run, "lab")
    set_rules(intake, maintainers=["keeper"])
    others = write_whole_run(tmp_path / "others", rows=make_rows(luck=9))
    with pytest.raises(InputError, match="over other videos"):
        intake.redetect("wan", others, "keeper")
    rows = [dataclasses.replace(failed(row), video_sha256=row.video_sha256) for row in make_rows()]
    with pytest.raises(InputError, match=r"of the samples pass or fail as in entry 'wan', 98% are needed"):
        intake.redetect("wan", write_whole_run(tmp_path / "all-failed", rows=rows, manifest=MANIFEST), "keeper")
    assert intake.redetect("wan", run, "Keeper") == 1
    (placed,) = Board(intake.results).view().entries
    assert (placed.record.tier, placed.tie) == (REDETECTED, 1)
    assert events(intake)[-1] == ("re-detected", "Keeper", "wan")


def test_a_trail_that_was_changed_shows(intake, tmp_path, good):
    intake.submit(good, "lab")
    intake.withdraw("wan", "lab")
    (file,) = intake.submissions.look().list("audit/")
    text = intake.submissions.look().read(file)
    assert check_trail(intake.submissions.look()) == []
    lines = text.splitlines(keepends=True)
    for forged in (text.replace(b'"lab"', b'"bob"', 1), lines[0] + lines[2], lines[1] + lines[0] + lines[2]):
        intake.submissions.change(lambda _, data=forged: {file: data}, message="forge")
        assert check_trail(intake.submissions.look()) != []


def test_figures_without_boxes_are_shown_apart_where_the_board_takes_them(intake, tmp_path, good):
    intake.submit(good, "lab")
    alone = write_entry(tmp_path / "alone", name="alone", share=0.95, luck=1)
    (alone / "boxes.parquet").unlink()
    assert intake.submit(alone, "lab").problems[0].startswith("boxes.parquet is not there")
    set_rules(intake, self_reported=True)
    receipt = intake.submit(alone, "lab")
    assert (receipt.is_accepted, receipt.record.tier) == (True, SELF_REPORTED)
    assert intake.submit(alone, "lab").is_repeated
    board = Board(intake.results)
    assert [(p.name, p.tie, p.key == "") for p in board.view().entries] == [("wan", 1, False), ("alone", None, True)]
    with pytest.raises(InputError, match="figures alone"):
        board.open("alone")
    (alone / "boxes.parquet").symlink_to(good / "boxes.parquet")
    assert intake.submit(alone, "lab").problems[0].startswith("boxes.parquet is not there")


def test_write_boxes_is_what_submitters_use(good, tmp_path):
    write_boxes(tmp_path, make_rows())
    assert (tmp_path / "boxes.parquet").read_bytes() == (good / "boxes.parquet").read_bytes()
