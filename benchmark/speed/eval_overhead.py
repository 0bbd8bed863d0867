"""What `dsrbench eval` adds to the bare work: decode, preprocessing and forward pass of the same clips, run serially.

Run: python benchmark/speed/eval_overhead.py VIDEOS SUITE [--weights FILE.param] [--clips 24]

VIDEOS is a folder of clips, SUITE their prompts. Both sides run in this process, in turns; start-up is left out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from dsrbench.backends.registry import detectors, trackers
from dsrbench.evaluation import Plan, Scorer, evaluate, plan_videos
from dsrbench.prompts import read_suite
from dsrbench.store import Run
from dsrbench.video import read_clip


def time_bare(plan: Plan, scorer: Scorer) -> float:
    """Seconds to decode every clip and run the network on every frame, one after the other."""
    forward = scorer.detector.instance.forward
    started = time.perf_counter()
    for job in plan.jobs:
        for frame in read_clip(job.path).frames:
            forward(frame)
    return time.perf_counter() - started


def time_eval(plan: Plan, scorer: Scorer) -> float:
    """Seconds for everything: hashing, decoding, detecting, tracking, scoring, writing."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        evaluate(plan, scorer, Run(Path(folder) / "run"))
        return time.perf_counter() - started


def main() -> None:
    """Print the table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", type=Path)
    parser.add_argument("suite", type=Path)
    parser.add_argument("--weights", help="NanoDet weights; by default the fetched ones")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    options = {"any_animal": True, **({"weights": given.weights} if given.weights else {})}
    scorer = Scorer(detectors.create("nanodet", options), trackers.create("assignment"))
    whole = plan_videos(given.videos, read_suite(given.suite), partial=True)
    known = [job for job in whole.jobs if not _is_unknown(scorer, job)]
    plan = Plan(tuple(known[: given.clips]), whole.suite)
    pairs = [(time_bare(plan, scorer), time_eval(plan, scorer)) for _ in range(given.turns)]
    bare, full = (min(times) for times in zip(*pairs, strict=True))
    print(f"| {len(plan.jobs)} clips, best of {given.turns} turns | seconds | ratio |\n|---|---|---|")
    print(f"| decode, preprocessing, forward, serially | {bare:.1f} | 1 |")
    print(f"| `eval` with `nanodet` and `assignment` | {full:.1f} | {full / bare:.2f} |")


def _is_unknown(scorer: Scorer, job) -> bool:
    from dsrbench.errors import BackendError

    try:
        scorer.check_prompt(job.prompt)
    except BackendError:
        return True
    return False


if __name__ == "__main__":
    main()
