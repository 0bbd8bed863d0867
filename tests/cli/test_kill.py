"""A run that is killed again and again ends as if nothing had happened."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import time

import pytest
from clips import command, dsrbench, environment, write_clips, write_suite, write_weights

from dsrbench.store import Run

NAMES = {f"{1000 + i}_LR": kind for i, kind in zip(range(12), itertools.cycle(["LR", "RL", "L"]), strict=False)}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Twelve clips, one of them damaged; the arguments but for --out, and the undisturbed run with its time."""
    place = tmp_path_factory.mktemp("kill")
    write_clips(place / "videos", **NAMES)
    (place / "videos/1005_LR.mp4").write_bytes(b"no video" * 50)
    write_suite(place / "suite.jsonl", *NAMES)
    arguments = ("eval", "--videos", "videos", "--suite", "suite.jsonl", "--detector", "picodet",
                 "-o", f"detector.weights={write_weights(place)}", "--out")  # fmt: skip
    started = time.monotonic()
    done = dsrbench(*arguments, "whole", cwd=place)
    assert done.returncode == 8, done.stderr
    return place, arguments, time.monotonic() - started


def kill_until_done(place, arguments, rng, longest, *, most):
    """Start the command and kill it, again and again; the number of kills before it ended.

    First in the midst of the work, once a sample is there; then after a random time of up to `longest` seconds, which
    may be too short to begin or long enough to end; after `most` times it is left in peace.
    """
    run = Run(place / arguments[-1])
    kept = set()
    for kills in range(most + 1):
        with subprocess.Popen(
            command(*arguments), cwd=place, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as child:
            try:
                if kills == 0:
                    while not run.disk.list("samples", ".json"):
                        assert child.poll() is None
                        time.sleep(rng.uniform(0.001, 0.02))
                patience = rng.uniform(0.2, longest) if kills < most else 120
                _, err = child.communicate(timeout=patience if kills else 0)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.communicate()
            else:
                assert child.returncode == 8, err.decode()
                return kills
        # what was finished stays, and what can be read is whole
        written = set(run.written_samples())
        assert written >= kept
        kept = written
        assert len(run.disk.list("samples", ".json")) == len(written)
    raise AssertionError("the last start was not to be killed")


def check_end(place, out):
    run, whole = Run(place / out), Run(place / "whole")
    assert len(run.samples()) == len(NAMES)
    assert run.disk.read("samples.parquet") == whole.disk.read("samples.parquet")
    assert run.disk.read("report/summary.json") == whole.disk.read("report/summary.json")
    assert [p for p in run.folder.rglob("*") if p.name.endswith((".tmp", ".part"))] == []
    for part in ("tracks", "detections", "samples", "videos"):
        assert run.disk.list(part) == whole.disk.list(part)


def test_killed_a_few_times(asked):
    place, arguments, seconds = asked
    kills = kill_until_done(place, (*arguments, "few"), random.Random(5), seconds * 0.6, most=4)
    assert kills >= 1
    check_end(place, "few")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again(asked, seed):
    place, arguments, seconds = asked
    out = f"often {seed}"
    # short lives: most see the start, one sample, or the end
    kills = kill_until_done(place, (*arguments, out), random.Random(seed), max(0.8, seconds * 0.4), most=25)
    assert kills >= 1
    check_end(place, out)
