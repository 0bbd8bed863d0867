"""What the engines add to work with a fixed simulated device time, and what a second worker brings.

Run: python benchmark/scale/engine.py workers [--samples 2000]
     python benchmark/scale/engine.py overhead [--samples 10000] [--workers 4] [--bare 500]

The device is a sleep, so that two cores carry several workers: what is measured is the engine, not the arithmetic.
Times are of the whole of `finish_run`: plan to table, with the start of the workers, without that of the cluster.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from simulated import make_plan, make_stages

from dsrbench.pipeline import finish_run
from dsrbench.pipeline.items import score_traced, trace_job
from dsrbench.pipeline.ray import ENVIRONMENT, RayEngine, start_here
from dsrbench.store import Run

SECONDS = 0.1


def time_run(count: int, engine: RayEngine | None) -> float:
    """Seconds from the plan to the table."""
    with tempfile.TemporaryDirectory() as folder:
        plan, run = make_plan(Path(folder), count), Run(Path(folder) / "run")
        began = time.perf_counter()
        finish_run(plan, make_stages(SECONDS), run, engine=engine)
        seconds = time.perf_counter() - began
        assert sum(sample.score.status.value == "scored" for sample in run.samples()) == count
        return seconds


def time_bare(count: int) -> float:
    """Seconds a sample of the stages alone, one video after the other: no engine, no manifest, no table."""
    with tempfile.TemporaryDirectory() as folder:
        plan, run, stages = make_plan(Path(folder), count), Run(Path(folder) / "run"), make_stages(SECONDS)
        began = time.perf_counter()
        for job in plan.jobs:
            score_traced(trace_job(job, stages, run, None), stages.counts, run)
        return (time.perf_counter() - began) / count


def make_engine(workers: int) -> RayEngine:
    """An engine with so many detecting workers."""
    return RayEngine(pools={"detect": {"least": workers, "most": workers, "cpus": 0.01}})


def main() -> None:
    """Print a table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["workers", "overhead"])
    parser.add_argument("--samples", type=int)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--bare", type=int, default=500)
    given = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    import ray
    import ray.data

    with start_here(ray, cpus=2):
        time_run(20, make_engine(1))  # fills caches
        if given.what == "workers":
            count = given.samples or 2000
            one, two = (time_run(count, make_engine(workers)) for workers in (1, 2))
            print(f"| {count:,} samples of {SECONDS} s | seconds | times |\n|---|---|---|")
            print(f"| one worker | {one:.1f} | 1 |\n| two workers | {two:.1f} | {one / two:.2f} |")
            return
        count, workers = given.samples or 10_000, given.workers
        device, bare = SECONDS * count / workers, time_bare(given.bare) * count / workers
        full = time_run(count, make_engine(workers))
        print(f"| {count:,} samples of {SECONDS} s, {workers} workers | seconds | beside |\n|---|---|---|")
        print(f"| device time alone, shared evenly | {device:.1f} | |")
        print(f"| the stages in a loop ({given.bare} samples measured), shared evenly | {bare:.1f} | |")
        print(
            f"| Ray engine | {full:.1f} | {full / device - 1:+.1%} of the device, {full / bare - 1:+.1%} of the loop |"
        )


if __name__ == "__main__":
    main()
