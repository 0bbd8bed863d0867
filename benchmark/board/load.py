"""Many readers and submitters of one board at once, and whether anything was lost or doubled.

Run: python benchmark/board/load.py FOLDER [--readers 100] [--submitters 20] [--each 2] [--app]

With `--app` they go through the application, started here, on loopback: readers fetch its page and its JSON over HTTP,
submitters send their files as a browser does. Without, they call the board and its intake. Prints a JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np

from dsrbench.analysis import summarize
from dsrbench.board import Board, Intake, open_stores
from dsrbench.board.audit import check_trail, read_events
from dsrbench.metric import score_many
from dsrbench.prompts import read_suite
from dsrbench.store import BackendRecord, SuiteRecord
from dsrbench.submission import Entry, ModelFacts, write_boxes
from dsrbench.submission.boxes import BoxRow
from dsrbench.submission.check import score_rows
from dsrbench.types import VideoTracks

SUITE, SEEDS, FRAMES, SIZE, SIDE = "dsr-core-mini", (0, 1, 2, 3, 4), 17, (320, 180), 30
PLACES = {"L": (-60, 0), "R": (60, 0), "T": (0, -60), "U": (0, 60), "F": (0, 60), "B": (0, -60)}
PATIENCE = 300.0
"""Seconds anything may take."""


def main() -> None:
    """Prepare, let them loose, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readers", type=int, default=100)
    parser.add_argument("--submitters", type=int, default=20)
    parser.add_argument("--each", type=int, default=2, help="entries of a submitter, each sent twice")
    parser.add_argument("--app", action="store_true")
    given = parser.parse_args()
    total = given.submitters * given.each
    folders = [write_entry(given.folder / "entries" / f"load-{n}", f"load-{n}", n) for n in range(total)]
    board = given.folder / "board"
    open_stores(board)[0].change(lambda _: {"board.json": b'{"quota": 100000}'}, message="rules")
    with through_app(board) if given.app else directly(board) as (read, submit):
        shares = [folders[n :: given.submitters] for n in range(given.submitters)]
        reads, seconds = let_loose(read, submit, given.readers, shares)
    print(json.dumps({**vars(given), "folder": None, **count(board, total), **describe(reads, seconds, total)}))


def let_loose(
    read: Callable[[], None], submit: Callable[[Path], None], readers: int, shares: list[list[Path]]
) -> tuple[list[float], float]:
    """Readers read until the last submitter is done; the seconds of every reading, and of all."""
    done = threading.Event()

    def reading() -> list[float]:
        times = []
        while not done.is_set():
            start = time.perf_counter()
            read()
            times.append(time.perf_counter() - start)
        return times

    def submitting(share: list[Path]) -> None:
        for folder in [*share, *share]:
            submit(folder)

    start = time.perf_counter()
    with ThreadPoolExecutor(readers + len(shares)) as pool:
        writers = [pool.submit(submitting, share) for share in shares]
        looking = [pool.submit(reading) for _ in range(readers)]
        wait(writers)
        seconds = time.perf_counter() - start
        done.set()
    for writer in writers:
        writer.result()
    return [one for looker in looking for one in looker.result()], seconds


def count(board: Path, total: int) -> dict[str, Any]:
    """What is on the board, and in its trail."""
    results, submissions = open_stores(board)
    names = Counter(placed.name for placed in Board(results).view().entries)
    accepted = Counter(event.name for event in read_events(submissions.look()) if event.event == "accepted")
    found = {
        "entries": len(names),
        "lost": total - len(names),
        "doubled": sum(n > 1 for n in [*names.values(), *accepted.values()]),
        "without_an_event": len(names.keys() - accepted.keys()),
        "trail": "whole" if not check_trail(submissions.look()) else "broken",
    }
    assert (found["lost"], found["doubled"], found["without_an_event"], found["trail"]) == (0, 0, 0, "whole"), found
    return found


def describe(reads: list[float], seconds: float, total: int) -> dict[str, Any]:
    """Times, in milliseconds, of the readings."""
    ordered = sorted(reads)
    return {
        "reads": len(reads),
        "read_median_ms": round(1000 * statistics.median(ordered), 1),
        "read_p95_ms": round(1000 * ordered[int(0.95 * (len(ordered) - 1))], 1),
        "read_max_ms": round(1000 * ordered[-1], 1),
        "submissions": 2 * total,
        "seconds": round(seconds, 1),
    }


@contextlib.contextmanager
def directly(folder: Path) -> Iterator[tuple[Callable[[], None], Callable[[Path], None]]]:
    """Reading and submitting by calls."""
    stores = open_stores(folder)
    board = Board(stores[0], fresh=0.2)

    def submit(entry: Path) -> None:
        receipt = Intake(*stores).submit(entry, "load")
        assert receipt.is_accepted, receipt.problems

    def read() -> None:
        board.view()
        time.sleep(0.01)  # a reader that looks, not a loop that holds the interpreter

    yield read, submit


@contextlib.contextmanager
def through_app(folder: Path) -> Iterator[tuple[Callable[[], None], Callable[[Path], None]]]:
    """Reading and submitting through the application, on loopback."""
    from gradio_client import Client, handle_file

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dsrbench", "leaderboard", str(folder), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    local = threading.local()

    def read() -> None:
        for path in ("/", "/board.json"):
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            asked.request("GET", path)
            answer = asked.getresponse()
            assert answer.status == 200, (path, answer.status)
            assert answer.read()
            asked.close()

    def submit(entry: Path) -> None:
        if not hasattr(local, "client"):
            local.client = Client(f"http://127.0.0.1:{port}", verbose=False)
        files = [handle_file(str(entry / name)) for name in ("entry.json", "boxes.parquet")]
        said = str(local.client.predict(files, api_name="/submit"))
        assert "Accepted" in said, said

    try:
        _await(read, server)
        yield read, submit
    finally:
        server.terminate()
        server.wait(30)


def _await(read: Callable[[], None], server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return read()
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.5)


def write_entry(folder: Path, name: str, luck: int) -> Path:
    """An entry with boxes of its own: the subject goes where it was asked to, or stays."""
    suite, rng = read_suite(SUITE), np.random.default_rng(luck)
    asked = [(prompt, seed) for prompt in sorted(suite, key=lambda p: p.id) for seed in SEEDS]
    middle = np.array(SIZE) / 2
    still = np.tile([*(middle - SIDE / 2), *(middle + SIDE / 2)], (FRAMES, 1))
    rows, tracks = [], []
    for prompt, _ in asked:
        first, last = (np.array(PLACES[prompt.type[end]]) for end in (0, -1))
        steps = np.linspace(0, float(rng.random() < 0.5), FRAMES)[:, None]
        centre = middle + first + steps * (last - first) + rng.normal(0, 2, (FRAMES, 2))
        tracks.append(VideoTracks(np.hstack([centre - SIDE / 2, centre + SIDE / 2]), still, SIZE, 8.0))
    scores = score_many(tracks, [prompt for prompt, _ in asked])
    for (prompt, seed), boxes, score in zip(asked, tracks, scores, strict=True):
        sha256 = hashlib.sha256(f"{name} {prompt.id} {seed}".encode()).hexdigest()
        rows.append(BoxRow(prompt.id, seed, score.status, score.reason, score.dsr_score, sha256, boxes))
    record, drawn = SuiteRecord(suite.name, suite.version, suite.sha256), BackendRecord("drawn")
    entry = Entry(name, ModelFacts("drawn"), record, SEEDS, drawn, drawn, protocol="custom")
    folder.mkdir(parents=True, exist_ok=True)
    write_boxes(folder, rows)
    claim = summarize(score_rows(rows, suite, entry)).to_json()
    (folder / "entry.json").write_text(json.dumps({**entry.record(), "claim": claim}))
    return folder


if __name__ == "__main__":
    main()
