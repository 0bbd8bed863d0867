"""A process that makes and scores videos, killed again and again, ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from doubles import plan, stages, world

from dsrbench.pipeline import evaluate
from dsrbench.store import Run

HERE = Path(__file__).parent

PROGRAM = """
import sys
from pathlib import Path
import doubles
from dsrbench.pipeline import evaluate
from dsrbench.store import Run
engine = None
if sys.argv[2] == "ray":
    from dsrbench.pipeline.ray import RayEngine
    engine = RayEngine()
given = {"seconds": 0.05}
generator, run = doubles.world(**given), Run(Path(sys.argv[1]))
evaluate(doubles.plan(), doubles.stages(**given), run, generator=generator, engine=engine)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("whole") / "run")
    evaluate(plan(), stages(), run, generator=world())
    return run


def kill_until_done(folder, engine, rng, *, most, shortest, longest):
    """Start the program and kill it after a random time, `most` times or until it ends; how often it was killed."""
    paths = os.pathsep.join([str(HERE), *filter(None, sys.path)])
    for kills in range(most + 1):
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder), engine],
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        with child:
            try:
                _, err = child.communicate(timeout=rng.uniform(shortest, longest) if kills < most else 240)
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
            else:
                assert child.returncode == 0, err.decode()
                return kills
    raise AssertionError("the last start was not to be killed")


def check(run, whole):
    assert run.disk.read("samples.parquet") == whole.disk.read("samples.parquet")
    assert len(run.disk.list("samples", ".json")) == 24
    for part in ("videos", "generated", "tracks", "detections", "samples"):
        assert run.disk.list(part) == whole.disk.list(part)
    for part in ("videos", "generated"):
        assert all(run.disk.read(name) == whole.disk.read(name) for name in run.disk.list(part))


@pytest.mark.parametrize("seed", [pytest.param(0), *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
def test_the_local_engine(whole, tmp_path, seed):
    run = Run(tmp_path / "run")
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import dsrbench.pipeline, doubles"], check=True, cwd=HERE)
    start = time.monotonic() - began
    kills = kill_until_done(
        run.folder, "local", random.Random(seed), most=12, shortest=start * 0.8, longest=start + 1.0
    )
    assert kills >= 2
    check(run, whole)


@pytest.mark.slow
def test_the_ray_engine(whole, tmp_path):
    pytest.importorskip("ray")
    run = Run(tmp_path / "run")
    kills = kill_until_done(run.folder, "ray", random.Random(7), most=5, shortest=6, longest=25)
    assert kills >= 1
    check(run, whole)
