from __future__ import annotations

import dataclasses
import math
import threading
import time

import numpy as np
import pytest
from factories.boards import make_board
from factories.entries import make_rows, write_entry

from dsrbench.analysis import summarize
from dsrbench.analysis.statistics import Interval, paired_difference
from dsrbench.board import Board, Intake, Record, open_stores
from dsrbench.board.entries import RecordReader
from dsrbench.board.records import TIERS, comparable_key, share_of_same
from dsrbench.board.rules import read_rules
from dsrbench.errors import DSRBenchError, InputError, StoreError
from dsrbench.store import SuiteRecord
from dsrbench.types import Certainty, FrameCounts, Status

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    make_board(folder, "near", "elsewhere")
    return folder


@pytest.fixture
def board(made):
    return Board(open_stores(made)[0])


def test_order_and_tie_groups(board):
    view = board.view()
    assert [(p.name, p.tie) for p in view.entries[:1]] == [("aligned", 1)]
    assert sorted(p.name for p in view.entries[1:3]) == ["base", "near"]
    assert [p.tie for p in view.entries[1:3]] == [2, 2]
    assert [(p.name, p.tie) for p in view.entries[3:]] == [("elsewhere", 1), ("paper", None)]
    keys = [p.key for p in view.entries]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert keys[4] == ""
    assert [p.accuracy for p in view.entries[:3]] == sorted((p.accuracy for p in view.entries[:3]), reverse=True)


def test_published_figures_are_never_ranked(board):
    placed = board.view().get("paper")
    assert (placed.record.is_ranked, placed.tie, placed.accuracy) == (False, None, 0.307)
    assert TIERS[placed.record.tier] == "published, not re-scored"
    with pytest.raises(InputError, match="figures alone, and no boxes"):
        board.open("paper")


def test_a_pair_has_its_gain(board):
    aligned, base = board.view().get("aligned"), board.view().get("base")
    assert (aligned.base, base.aligned, base.base) == ("base", ("aligned",), "")
    samples = [board.open(name).samples for name in ("base", "aligned")]
    passed = [[sample.score.passes() for sample in side] for side in samples]
    clusters = [sample.prompt.source_id for sample in samples[0]]
    assert aligned.gain == paired_difference(*passed, clusters)
    assert aligned.gain.difference == pytest.approx(aligned.accuracy - base.accuracy)


def test_samples_are_scored_from_the_boxes(board):
    opened = board.open("near")
    assert summarize(opened.samples) == opened.record.figures
    assert [sample.score.passes() for sample in opened.samples] == opened.record.passed.tolist()
    assert [(row.prompt_id, row.seed) for row in opened.rows] == [(s.prompt.id, s.seed) for s in opened.samples]
    assert len(opened.rows[0].tracks) == 17
    assert board.open("near") is opened


def test_claimed_certainties_come_to_the_figures_and_the_samples(tmp_path):
    rows = make_rows(share=0.5)
    unsure = next(n for n, row in enumerate(rows) if row.status is Status.SCORED)
    rows[unsure] = dataclasses.replace(rows[unsure], certainty=Certainty(0.5, 0.25, 0.75))
    intake = Intake(*open_stores(tmp_path / "board"))
    assert intake.submit(write_entry(tmp_path / "given", name="unsure", rows=rows), "lab").is_accepted
    opened = Board(open_stores(tmp_path / "board")[0]).open("unsure")
    figures = opened.record.figures
    assert (figures.n_certain, figures.n_uncertain) == (0, 1)
    assert summarize(opened.samples) == figures
    assert [s.score.certainty for s in opened.samples if s.score.certainty] == [Certainty(0.5, 0.25, 0.75)]


def test_names_that_are_none(board):
    with pytest.raises(InputError, match="no entry 'nerr'; did you mean 'near'"):
        board.view().get("nerr")
    for name in ("../../etc/passwd", "", "near/../base"):
        with pytest.raises(InputError, match="no entry"):
            board.open(name)


@pytest.mark.parametrize("kind", ["folder", "hub"])
def test_down_the_last_good_state_is_shown(kind, made, tmp_path, request):
    from factories.board_stores import make_store

    source, storage = open_stores(made)[0], make_store(kind, request, "copy")
    seen = source.look()
    storage.change(lambda _: {name: seen.read(name) for name in seen.list("entries/")}, message="copy")
    board = Board(storage, fresh=0)
    before = board.view()
    assert before.notice == ""
    opened = board.open("near")
    if kind == "hub":
        request.getfixturevalue("hub").faults = [("GET", "503")] * 8
    else:
        storage._disk.root.rename(tmp_path / "away")
    down = board.view()
    assert down.entries == before.entries
    assert down.notice.startswith("The store of the board cannot be read; this is the last good state, read-only (")
    assert board.open("near") is opened
    if kind == "hub":
        request.getfixturevalue("hub").faults = []
    else:
        (tmp_path / "away").rename(storage._disk.root)
    assert board.view().notice == ""


def test_down_from_the_start_is_an_error(tmp_path):
    results, _ = open_stores(tmp_path / "board")
    results._disk.root.rmdir()
    with pytest.raises(StoreError, match="cannot be read"):
        Board(results).view()


def test_what_is_damaged_is_told_and_the_rest_shown(made, tmp_path):
    results = open_stores(tmp_path)[0]
    seen = open_stores(made)[0].look()
    results.change(lambda _: {name: seen.read(name) for name in seen.list("entries/")}, message="copy")
    bad = {"broken": b"{", "newer": b'{"schema": 2}', "other": seen.read("entries/near/summary.json"), "list": b"[]"}
    results.change(lambda _: {f"entries/{name}/summary.json": data for name, data in bad.items()}, message="bad")
    results.change(lambda _: {"entries/near/boxes.parquet": b"PAR1"}, message="bad")
    board = Board(results)
    assert len(board.view().entries) == 5
    assert [line.split("/")[1].split()[0] for line in board.view().damaged] == ["broken", "list", "newer", "other"]
    with pytest.raises(DSRBenchError, match="no such table"):
        board.open("near")


def test_a_store_that_goes_away_meanwhile_damages_no_entry(made, tmp_path):
    """An entry that cannot be fetched now is not left out for good: the whole look counts for nothing."""
    results = open_stores(tmp_path)[0]
    seen = open_stores(made)[0].look()
    results.change(lambda _: {name: seen.read(name) for name in seen.list("entries/")}, message="copy")
    looked, reader = results.look(), RecordReader()
    path = looked.fetch("entries/near/summary.json")
    path.rename(tmp_path / "away")
    with pytest.raises(StoreError, match="not there any more"):
        reader.read(looked)
    (tmp_path / "away").rename(path)
    assert (len(reader.read(results.look())[0]), reader.read(results.look())[1]) == (5, [])


def test_a_change_is_seen_when_it_is_time(made, tmp_path, monkeypatch):
    intake = Intake(*open_stores(tmp_path))
    intake.submit(write_entry(tmp_path / "a", name="a"), "lab")
    board = Board(intake.results, fresh=60)
    assert len(board.view().entries) == 1
    intake.submit(write_entry(tmp_path / "b", name="b", luck=1), "lab")
    assert len(board.view().entries) == 1
    assert len(board.view(fresh=0).entries) == 2
    reads = []
    monkeypatch.setattr("dsrbench.board.entries._read_record", lambda *_: reads.append(1))
    board.view(fresh=0)
    assert reads == []


class Failing:
    """A store that is read once, and then holds every reader until it is let go, and fails."""

    def __init__(self, store):
        self.store, self.held, self.go = store, threading.Event(), threading.Event()

    def look(self):
        if not self.held.is_set():
            self.held.set()
            return self.store.look()
        self.go.wait(30)
        raise StoreError("it is away")


@pytest.mark.parametrize(("fresh", "notices"), [(0, 2), (1e-9, 1)])
def test_readers_at_once(made, fresh, notices):
    """Where every view is to be new, a reader waits for another; otherwise it gets the last view meanwhile."""
    store = Failing(open_stores(made)[0])
    board = Board(store, fresh=fresh)
    board.view()
    seen = []
    readers = [threading.Thread(target=lambda: seen.append(board.view())) for _ in range(2)]
    readers[0].start()
    while not board._reading.locked():
        time.sleep(0.001)
    readers[1].start()
    if fresh:
        readers[1].join()
    store.go.set()
    for reader in readers:
        reader.join()
    assert sum("it is away" in view.notice for view in seen) == notices


def test_records_come_back_equal(board):
    for placed in board.view().entries:
        again = Record.from_json(placed.record.to_json())
        np.testing.assert_equal(dataclasses.asdict(again), dataclasses.asdict(placed.record))
    withdrawn = board.view().get("near").record.withdraw("2026-01-01T00:00:00Z")
    assert Record.from_json(withdrawn.to_json()) == withdrawn
    assert not withdrawn.is_ranked


def test_what_makes_entries_comparable(board):
    entry = board.view().get("near").record.entry
    key = comparable_key(entry)
    same = [{"name": "x"}, {"base": "base"}, {"seeds": (4, 3, 2, 1, 0)}, {"generator": None}]
    for change in same:
        assert comparable_key(dataclasses.replace(entry, **change)) == key
    detector = entry.detector
    newer = dataclasses.replace(detector, version="2", fingerprint={**detector.fingerprint, "torch": "2.9"})
    assert comparable_key(dataclasses.replace(entry, detector=newer)) == key
    weights = dataclasses.replace(detector, fingerprint={"weights": {"a.bin": "8" * 64}})
    other = [{"stride": 2}, {"counts": FrameCounts.published()}, {"seeds": (0,)}, {"detector": weights}]
    other.append({"suite": SuiteRecord(sha256="x")})
    assert len({key, *(comparable_key(dataclasses.replace(entry, **change)) for change in other)}) == 6


def test_share_of_the_same_videos():
    rng = np.random.default_rng(0)
    a, b = ([f"{n:016x}" for n in rng.integers(0, 2**63, 500)] for _ in "ab")
    for same in (0.0, 0.3, 0.6, 1.0):
        mixed = a[: int(500 * same)] + b[int(500 * same) :]
        true = len({*a} & {*mixed}) / len({*a, *mixed})
        assert share_of_same(sorted(a)[:64], sorted(mixed)[:64]) == pytest.approx(true, abs=0.15)


@pytest.mark.parametrize("text", ["{", "[]", '{"suites": 3}', '{"suites": {"none": [0]}}', '{"quota": "x"}'])
def test_damaged_rules_are_told(tmp_path, text):
    results = open_stores(tmp_path)[0]
    results.change(lambda _: {"board.json": text.encode()}, message="x")
    with pytest.raises(StoreError, match=r"board\.json of the board is damaged"):
        read_rules(results.look())


def test_rules_name_splits_as_runs_do(tmp_path):
    results = open_stores(tmp_path)[0]
    results.change(lambda _: {"board.json": b'{"suites": {"dsr-core-test": [0, 1]}, "quota": 3}'}, message="x")
    rules = read_rules(results.look())
    assert rules.find_suite("dsr-core-test", "1.0").name == "dsr-core-test"
    assert (rules.quota, rules.suites) == (3, {"dsr-core-test": (0, 1)})


@pytest.mark.slow
def test_two_hundred_entries_of_750_samples(tmp_path):
    """What the board reads to paint: under a second on one core, and nothing but a look when nothing changed."""
    results, rows = open_stores(tmp_path)[0], make_rows(suite="dsr-core")
    intake = Intake(results, open_stores(tmp_path)[1])
    first = intake.submit(write_entry(tmp_path / "e", name="first", rows=rows, suite="dsr-core"), "lab").record
    rng = np.random.default_rng(0)
    files = {}
    for n in range(199):
        passed = rng.random(750) < 0.2 + 0.6 * n / 199
        accuracy = {"0.7": Interval(float(passed.mean()), math.nan, math.nan)}
        figures = dataclasses.replace(first.figures, accuracy=accuracy)
        record = dataclasses.replace(first, name=f"m{n}", passed=passed, figures=figures)
        files[f"entries/m{n}/summary.json"] = record.to_json()
    results.change(lambda _: files, message="many")
    board = Board(results, fresh=0)
    start = time.perf_counter()
    assert len(board.view().entries) == 200
    assert time.perf_counter() - start < 2
    start = time.perf_counter()
    board.view()
    assert time.perf_counter() - start < 0.2
