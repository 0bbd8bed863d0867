"""Evaluate the embedded model again and again with other seeds, and hold the results against the first one's interval.

Run: python benchmark/sprites/seeds.py [--runs 5] [--model sprites] [--suite SUITE] [--out runs/seeds]

Each run is what `dsrbench eval` does, with five seeds of its own: 0..4, 5..9 and so on. Printed, in Markdown: accuracy,
coverage and their intervals of each, and of all together accuracy by relation type, and diagnoses. Run folders stay,
and the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dsrbench.analysis import summarize
from dsrbench.analysis.statistics import Interval
from dsrbench.store import Run, Sample

SEEDS = 5


def evaluate(number: int, model: str, suite: str, folder: Path) -> tuple[list[Sample], float]:
    """Samples of run `number`, and the seconds it took."""
    seeds = f"{number * SEEDS}..{number * SEEDS + SEEDS - 1}"
    start = time.perf_counter()
    asked = ["eval", "--model", model, "--suite", suite, "--seeds", seeds, "--out", str(folder / f"seeds-{seeds}")]
    subprocess.run([sys.executable, "-m", "dsrbench", *asked], check=True, stdout=subprocess.DEVNULL)
    return Run.open(folder / f"seeds-{seeds}").samples(), time.perf_counter() - start


def share(figure: Interval) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |")


def print_runs(runs: Sequence[tuple[list[Sample], float]]) -> None:
    row("seeds", "samples", "Accuracy@0.7", "inside the first interval", "coverage", "seconds")
    row(*["---"] * 6)
    first: Interval | None = None
    for number, (samples, seconds) in enumerate(runs):
        summary = summarize(samples)
        first = first or summary.headline
        inside = "yes" if first.low <= summary.headline.value <= first.high else "no"
        seeds = f"{number * SEEDS}..{number * SEEDS + SEEDS - 1}"
        row(seeds, len(samples), share(summary.headline), inside, f"{summary.coverage:.3f}", f"{seconds:.0f}")


def print_parts(samples: Sequence[Sample]) -> None:
    summary = summarize(samples)
    print(f"\nAll {len(samples)} samples: Accuracy@0.7 {share(summary.headline)}\n")
    row("relation", "samples", "Accuracy@0.7", "coverage")
    row(*["---"] * 4)
    for name, part in summary.by_relation.items():
        row(name, part.n, share(part.accuracy), f"{part.coverage:.3f}")
    print()
    row("diagnosis", "share")
    row(*["---"] * 2)
    for name, count in sorted(summary.by_diagnosis.items(), key=lambda item: -item[1]):
        row(name, f"{count / len(samples):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", default="sprites")
    parser.add_argument("--suite", help="[default: the suite of the model's name]")
    parser.add_argument("--out", type=Path, default=Path("runs/seeds"))
    given = parser.parse_args()
    runs = [evaluate(number, given.model, given.suite or given.model, given.out) for number in range(given.runs)]
    print_runs(runs)
    print_parts([sample for samples, _ in runs for sample in samples])


if __name__ == "__main__":
    main()
