"""How long `dsrbench eval` takes on a run that is finished: nothing to do, table and page up to date.

Run: python benchmark/scale/startup.py [--samples 10000] [--out FOLDER]

The run is made here with a generator that gives one clip and a detector that gives two boxes, put in the place of the
real ones, whose records it has; what is timed is the real command, in a process of its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dsrbench.backends.registry import detectors, generators, trackers
from dsrbench.evaluation import Scorer, evaluate, plan_generation, plan_videos
from dsrbench.prompts import Suite, read_suite
from dsrbench.report import write_page
from dsrbench.store import Run
from dsrbench.types import Clip, Detections, Prompt

FRAMES = np.random.default_rng(0).integers(0, 255, (16, 32, 48, 3), np.uint8).repeat(2, 1).repeat(2, 2)


class OneClip:
    """A generator without a model."""

    batch = 10

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> Iterator[Clip]:
        """The same clip for all."""
        for prompt in prompts:
            yield Clip(FRAMES, 8.0, prompt.text)


class TwoBoxes:
    """A detector without a model: the subject on the right, the object in the middle."""

    def detect(self, frames: np.ndarray, labels: Sequence[str]) -> list[Detections]:
        """The same boxes for every frame."""
        return [Detections([[60, 20, 80, 40], [30, 20, 50, 40]], [0.9, 0.9], [0, 1]) for _ in frames]


def make_runs(folder: Path, count: int) -> dict[str, list[str]]:
    """Two finished runs, of a model and of videos, and the arguments of the commands that find them finished."""
    shared = ["eval", "--suite", "many.jsonl", "--detector", "sprites-template"]
    commands = {
        "a model's videos": [*shared, "--model", "sprites", "--seeds", "0..4", "--out", "made"],
        "videos that were given": [*shared, "--videos", "made/videos", "--out", "scored"],
    }
    if (folder / "scored/report/index.html").exists():
        return commands
    base = read_suite("sprites").prompts[0]
    ids = [f"p{number:05d}" for number in range(count // 5)]
    suite = Suite("many", "1", tuple(dataclasses.replace(base, id=id_) for id_ in ids))
    fields = {"text": base.text, "subject": base.subject, "object": base.object, "relations": base.type}
    lines = (json.dumps({"id": id_, **fields, "scene": base.scene}) + "\n" for id_ in ids)
    (folder / "many.jsonl").write_text("".join(lines))
    suite = read_suite(str(folder / "many.jsonl"))
    detector = dataclasses.replace(detectors.create("sprites-template"), instance=TwoBoxes())
    scorer = Scorer(detector, trackers.create("assignment"))
    generator = dataclasses.replace(generators.create("sprites"), instance=OneClip())
    made, scored = Run(folder / "made"), Run(folder / "scored")
    evaluate(plan_generation(suite, model="sprites", seeds=range(5)), scorer, made, generator=generator)
    evaluate(plan_videos(made.videos, suite), scorer, scored)
    for run in (made, scored):
        write_page(run)
    return commands


def main() -> None:
    """Print the table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument(
        "--out", type=Path, help="where to make the runs, or to find them; by default a temporary folder"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"| finished run of {given.samples:,} samples | seconds, whole command, best of 3 (all) |\n|---|---|")
        for name, arguments in make_runs(folder, given.samples).items():
            times = [_time(arguments, folder, given.samples) for _ in range(4)][1:]  # the first fills caches
            print(f"| {name} | {min(times):.2f} ({', '.join(f'{t:.2f}' for t in times)}) |", flush=True)


def _time(arguments: Sequence[str], folder: Path, count: int) -> float:
    log = next((folder / arguments[-1]).glob("log.jsonl"))
    before = log.read_text().count('"evaluated"')
    root = str(Path(__file__).parents[2])
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "dsrbench", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode or f"{count} samples" not in done.stderr or log.read_text().count('"evaluated"') != before:
        raise SystemExit(f"not a finished run: {done.stderr}")
    return seconds


if __name__ == "__main__":
    main()
