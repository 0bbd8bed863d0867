"""Memory of the process that starts a run with Ray, however many samples there are.

Run: python benchmark/scale/memory.py [--samples 1000 10000 100000] [--folder /dev/shm]

Every size runs in a process of its own, with two detecting workers. The samples have no videos, so that only the engine
works: their rows go through every pool and become failed samples. The peak is the kernel's (VmHWM) at the end of the
engine's work, table written; the report, which reads all samples, comes after that.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from simulated import make_empty_plan, make_scorer

from dsrbench.evaluation import finish_run
from dsrbench.evaluation.engines.ray import RayEngine
from dsrbench.store import Run


def peak() -> float:
    """The most memory this process has had, in MiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure(count: int, folder: Path) -> None:
    """One row of the table."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        plan = make_empty_plan(count)
        planned = peak()
        run = Run(Path(temporary) / "run")
        began = time.perf_counter()
        pools = {"detect": {"least": 2, "most": 2, "cpus": 0.25}}
        finish_run(plan, make_scorer(0.0), run, engine=RayEngine(pools=pools))
        seconds = time.perf_counter() - began
        print(f"| {count:,} | {planned:.0f} MiB | {peak():.0f} MiB | {count / seconds:.0f} |", flush=True)
        assert len(run.samples()) == count


def main() -> None:
    """Print the table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the runs are made")
    parser.add_argument("--one", action="store_true", help="measure in this process")
    given = parser.parse_args()
    if given.one:
        measure(given.samples[0], given.folder)
        return
    print("| samples | peak with the plan made | peak at the end | samples a second |\n|---|---|---|---|", flush=True)
    for count in given.samples:
        arguments = [sys.executable, __file__, "--one", "--samples", str(count), "--folder", str(given.folder)]
        subprocess.run(arguments, check=True)


if __name__ == "__main__":
    main()
