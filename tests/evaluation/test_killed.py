"""A process that makes and scores videos, killed again and again, ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes.backends import plan, scorer, world

from dsrbench.evaluation import evaluate
from dsrbench.store import Run

TESTS = Path(__file__).parents[1]

PARTS = ("videos", "generated", "tracks", "detections", "samples")
"""Of a run folder, with 24 files each."""

PROGRAM = """
import sys
from pathlib import Path
from fakes import backends
from dsrbench.evaluation import evaluate
from dsrbench.store import Run
engine = None
if sys.argv[2] == "ray":
    from dsrbench.evaluation.engines.ray import RayEngine
    engine = RayEngine()
given = {"seconds": 0.05}
generator, run = backends.world(**given), Run(Path(sys.argv[1]))
evaluate(backends.plan(), backends.scorer(**given), run, generator=generator, engine=engine)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("whole") / "run")
    evaluate(plan(), scorer(), run, generator=world())
    return run


def seconds(shortest, longest):
    """A random time."""

    def wait(child, folder, rng):
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=rng.uniform(shortest, longest))

    return wait


def more_files(most):
    """Until a random number of files more is there: a moment that comes however fast the machine is."""

    def wait(child, folder, rng):
        wanted = count_files(folder) + rng.randint(1, most)
        while child.poll() is None and count_files(folder) < wanted:
            time.sleep(0.02)

    return wait


def count_files(folder):
    return sum(len(list(folder.glob(f"{part}/*"))) for part in PARTS)


def kill_until_done(folder, engine, rng, wait, *, most):
    """Start the program, wait and kill it, `most` times or until it ends; how often it was killed."""
    paths = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    for kills in range(most + 1):
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder), engine],
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        with child:
            if kills < most:
                wait(child, folder, rng)
                if child.poll() is None:
                    child.kill()
                    continue
            _, err = child.communicate(timeout=240)
            assert child.returncode == 0, err.decode()
            return kills
    raise AssertionError("the last start was not to be killed")


def check(run, whole):
    assert run.disk.read("samples.parquet") == whole.disk.read("samples.parquet")
    assert len(run.disk.list("samples", ".json")) == 24
    for part in PARTS:
        assert run.disk.list(part) == whole.disk.list(part)
    for part in ("videos", "generated"):
        assert all(run.disk.read(name) == whole.disk.read(name) for name in run.disk.list(part))


@pytest.mark.parametrize("seed", [pytest.param(0), *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
def test_the_local_engine(whole, tmp_path, seed):
    run = Run(tmp_path / "run")
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import dsrbench.evaluation, fakes.backends"], check=True, cwd=TESTS)
    start = time.monotonic() - began
    kills = kill_until_done(run.folder, "local", random.Random(seed), seconds(start * 0.8, start + 1.0), most=12)
    assert kills >= 2
    check(run, whole)


@pytest.mark.slow
def test_the_ray_engine(whole, tmp_path):
    pytest.importorskip("ray")
    run = Run(tmp_path / "run")
    kills = kill_until_done(run.folder, "ray", random.Random(7), more_files(60), most=5)
    assert kills >= 1
    check(run, whole)
