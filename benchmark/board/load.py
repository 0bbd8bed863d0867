"""Load test of a board: many readers and submitters at once; checks that nothing is lost or doubled.

Run: python benchmark/board/load.py FOLDER [--readers 100] [--submitters 20] [--each 2] [--app]

With `--app` they use the application, started here on loopback: readers fetch its page and its JSON over HTTP, and
submitters send their files as a browser does. Without it they call the board and its intake. Prints a JSON object.
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

SUITE, SEEDS = "dsr-core-mini", (0, 1, 2, 3, 4)

FRAMES, SIZE, SIDE = 17, (320, 180), 30
"""Number of frames, size of the video and side of the boxes in pixels."""

PLACES = {"L": (-60, 0), "R": (60, 0), "T": (0, -60), "U": (0, 60), "F": (0, 60), "B": (0, -60)}
"""Offset of the subject from the middle for each relation, in pixels."""

TIMEOUT = 300.0
"""Maximum time of a request or of the start, in seconds."""


def main() -> None:
    """Write the entries, run readers and submitters, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readers", type=int, default=100)
    parser.add_argument("--submitters", type=int, default=20)
    parser.add_argument("--each", type=int, default=2, help="entries of a submitter, each sent twice")
    parser.add_argument("--app", action="store_true")
    arguments = parser.parse_args()
    total = arguments.submitters * arguments.each
    folders = [write_entry(arguments.folder / "entries" / f"load-{n}", f"load-{n}", n) for n in range(total)]
    board = arguments.folder / "board"
    open_stores(board)[0].change(lambda _: {"board.json": b'{"quota": 100000}'}, message="rules")
    with through_app(board) if arguments.app else directly(board) as (read, submit):
        shares = [folders[n :: arguments.submitters] for n in range(arguments.submitters)]
        reads, seconds = run_load(read, submit, arguments.readers, shares)
    print(json.dumps({**vars(arguments), "folder": None, **count(board, total), **describe(reads, seconds, total)}))


def run_load(
    read: Callable[[], None], submit: Callable[[Path], None], readers: int, shares: list[list[Path]]
) -> tuple[list[float], float]:
    """Run readers until the last submitter is done; return the seconds of every read, and of the whole."""
    done = threading.Event()

    def read_until_done() -> list[float]:
        times = []
        while not done.is_set():
            start = time.perf_counter()
            read()
            times.append(time.perf_counter() - start)
        return times

    def submit_twice(share: list[Path]) -> None:
        for folder in [*share, *share]:
            submit(folder)

    start = time.perf_counter()
    with ThreadPoolExecutor(readers + len(shares)) as pool:
        writers = [pool.submit(submit_twice, share) for share in shares]
        watchers = [pool.submit(read_until_done) for _ in range(readers)]
        wait(writers)
        seconds = time.perf_counter() - start
        done.set()
    for writer in writers:
        writer.result()
    return [time for watcher in watchers for time in watcher.result()], seconds


def count(board: Path, total: int) -> dict[str, Any]:
    """Return counts of the entries on the board and in its trail; fail where one is lost or doubled."""
    results, submissions = open_stores(board)
    names = Counter(placed.name for placed in Board(results).view().entries)
    accepted = Counter(event.name for event in read_events(submissions.look()) if event.event == "accepted")
    counts = {
        "entries": len(names),
        "lost": total - len(names),
        "doubled": sum(n > 1 for n in [*names.values(), *accepted.values()]),
        "without_an_event": len(names.keys() - accepted.keys()),
        "trail": "whole" if not check_trail(submissions.look()) else "broken",
    }
    assert list(counts.values())[1:] == [0, 0, 0, "whole"], counts
    return counts


def describe(reads: list[float], seconds: float, total: int) -> dict[str, Any]:
    """Return the number of reads and submissions with statistics of their times."""
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
    """Yield functions that read and submit by calls of the board."""
    stores = open_stores(folder)
    board = Board(stores[0], fresh=0.2)

    def submit(entry: Path) -> None:
        receipt = Intake(*stores).submit(entry, "load")
        assert receipt.is_accepted, receipt.problems

    def read() -> None:
        board.view()
        time.sleep(0.01)  # a pause between reads, so that no loop holds the interpreter

    yield read, submit


@contextlib.contextmanager
def through_app(folder: Path) -> Iterator[tuple[Callable[[], None], Callable[[Path], None]]]:
    """Yield functions that read and submit through the application, started on loopback."""
    from gradio_client import Client, handle_file

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dsrbench", "leaderboard", str(folder), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    local = threading.local()

    def read() -> None:
        for path in ("/", "/board.json"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200, (path, answer.status)
            assert answer.read()
            connection.close()

    def submit(entry: Path) -> None:
        if not hasattr(local, "client"):
            local.client = Client(f"http://127.0.0.1:{port}", verbose=False)
        files = [handle_file(str(entry / name)) for name in ("entry.json", "boxes.parquet")]
        message = str(local.client.predict(files, api_name="/submit"))
        assert "Accepted" in message, message

    try:
        _await(read, server)
        yield read, submit
    finally:
        server.terminate()
        server.wait(30)


def _await(read: Callable[[], None], server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return read()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def write_entry(folder: Path, name: str, seed: int) -> Path:
    """Write an entry with random boxes: the subject follows the prompt, or stays in place."""
    suite, rng = read_suite(SUITE), np.random.default_rng(seed)
    grid = [(prompt, seed) for prompt in sorted(suite, key=lambda p: p.id) for seed in SEEDS]
    middle = np.array(SIZE) / 2
    still = np.tile([*(middle - SIDE / 2), *(middle + SIDE / 2)], (FRAMES, 1))
    rows, tracks = [], []
    for prompt, _ in grid:
        first, last = (np.array(PLACES[prompt.type[end]]) for end in (0, -1))
        steps = np.linspace(0, float(rng.random() < 0.5), FRAMES)[:, None]
        centre = middle + first + steps * (last - first) + rng.normal(0, 2, (FRAMES, 2))
        tracks.append(VideoTracks(np.hstack([centre - SIDE / 2, centre + SIDE / 2]), still, SIZE, 8.0))
    scores = score_many(tracks, [prompt for prompt, _ in grid])
    for (prompt, seed), boxes, score in zip(grid, tracks, scores, strict=True):
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
