"""What the engines add to work with a fixed simulated device time, and what a second worker brings.

Run: python benchmark/scale/engine.py workers [--samples 2000] [--seconds 0.1]
     python benchmark/scale/engine.py overhead [--samples 10000] [--seconds 0.1] [--workers 2] [--bare 500]

The device is a sleep, so that two cores carry several workers: what is measured is the engine, not the arithmetic.
`workers` compares the rates at which samples finish, from the first to the last; `overhead` takes the whole of
`finish_run`, plan to table, with the start of the workers but without that of the cluster.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from simulated import make_plan, make_scorer

from dsrbench.evaluation import finish_run
from dsrbench.evaluation.engines.ray import ENVIRONMENT, RayEngine, start_here
from dsrbench.evaluation.samples import score_traced, trace_job
from dsrbench.store import Run


def time_run(count: int, seconds: float, engine: RayEngine) -> tuple[float, float]:
    """Seconds from the plan to the table, and samples a second between the first that is finished and the last."""
    finished: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        plan, run = make_plan(Path(folder), count), Run(Path(folder) / "run")
        began = time.perf_counter()
        scorer = make_scorer(seconds)
        finish_run(plan, scorer, run, engine=engine, on_progress=lambda *_: finished.append(time.perf_counter()))
        whole = time.perf_counter() - began
        assert sum(sample.score.status.value == "scored" for sample in run.samples()) == count == len(finished)
        return whole, (count - 1) / (finished[-1] - finished[0])


def time_bare(count: int, seconds: float) -> float:
    """Seconds a sample of the scorer alone, one video after the other: no engine, no manifest, no table."""
    with tempfile.TemporaryDirectory() as folder:
        plan, run, scorer = make_plan(Path(folder), count), Run(Path(folder) / "run"), make_scorer(seconds)
        began = time.perf_counter()
        for job in plan.jobs:
            score_traced(trace_job(job, scorer, run, None), scorer.counts, run)
        return (time.perf_counter() - began) / count


def make_engine(workers: int) -> RayEngine:
    """An engine with so many detecting workers."""
    return RayEngine(pools={"detect": {"least": workers, "most": workers, "cpus": 0.01}})


def main() -> None:
    """Print a table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["workers", "overhead"])
    parser.add_argument("--samples", type=int)
    parser.add_argument("--seconds", type=float, default=0.1, help="of the device, a sample")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bare", type=int, default=500)
    given = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    import ray
    import ray.data

    with start_here(ray, cpus=2):
        time_run(4, given.seconds, make_engine(1))  # fills caches
        if given.what == "workers":
            count = given.samples or 2000
            one, two = (time_run(count, given.seconds, make_engine(workers)) for workers in (1, 2))
            print(f"| {count:,} samples of {given.seconds:g} s | samples a second | times | whole run |")
            print("|---|---|---|---|")
            print(f"| one worker | {one[1]:.3f} | 1 | {one[0]:.1f} s |")
            print(f"| two workers | {two[1]:.3f} | {two[1] / one[1]:.2f} | {two[0]:.1f} s |")
            return
        count, workers = given.samples or 10_000, given.workers
        device = given.seconds * count / workers
        bare = time_bare(given.bare, given.seconds) * count / workers
        full, rate = time_run(count, given.seconds, make_engine(workers))
        print(
            f"| {count:,} samples of {given.seconds:g} s, {workers} workers | seconds | over the loop |\n|---|---|---|"
        )
        print(f"| device time alone, shared evenly | {device:.1f} | |")
        print(f"| the scorer in a loop ({given.bare} samples measured), shared evenly | {bare:.1f} | |")
        for what, took in (("plan to table", full), ("at the rate from the first sample to the last", count / rate)):
            print(f"| Ray engine, {what} | {took:.1f} | {took / bare - 1:+.1%} |")


if __name__ == "__main__":
    main()
