"""Memory and time of dataset builds, what a stopped one repeats, and how soon a reader has the first row.

Run: python benchmark/dataset/build.py FOLDER [--rows 1000 5000]

Every build runs in a process of its own; peaks are the kernel's (VmHWM). The sources are written first, into FOLDER,
and kept. Videos are synthetic (`synthetic.py`): 81 frames of 208x120, 27 kB each.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from synthetic import write_source

PEAK = "print('PEAK', next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM')) / 1024)"

BUILD = """
import sys
sys.argv = ['dsrbench', 'dataset', 'build', {source!r}, '--out', {out!r}, '--name', 'synthetic', '--near-duplicates', \
{bits!r}, '--per-prompt', '0', '--balance', '0', '--shard-mb', '16']
from dsrbench.cli import main
main()
"""

FIRST_ROW = """
import os, sys, time
import datasets, numpy, pyarrow.parquet
import torch  # a stream of `datasets` imports it where it is installed
datasets.disable_progress_bars()
began = time.perf_counter()
row = next(iter(datasets.load_dataset({folder!r}, split='train', streaming=True)))
print('SECONDS', time.perf_counter() - began, len(row['video']['bytes']))
sys.stdout.flush()
os._exit(0)  # its reading threads do not end well with the interpreter
"""


def time_build(source: Path, out: Path, bits: str = "4") -> tuple[float, float]:
    """Seconds and peak MiB of a build, from the start of the interpreter."""
    began = time.perf_counter()
    done = _run(BUILD.format(source=str(source), out=str(out), bits=bits) + PEAK)
    return time.perf_counter() - began, float(done.split("PEAK")[1])


def stop_and_go_on(source: Path, out: Path) -> tuple[int, float]:
    """Kill a build in the middle, and take it up again: shards that were there, and seconds of the second start."""
    code = BUILD.format(source=str(source), out=str(out), bits="-1")
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as child:
        while len(list(out.glob("data/*.parquet"))) < 4 and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
    there = len(list(out.glob("data/*.parquet")))
    return there, time_build(source, out, "-1")[0]


def time_first_row(folder: Path) -> list[float]:
    """Seconds to the first row of a dataset that is streamed, after the imports: three processes."""
    return [float(_run(FIRST_ROW.format(folder=str(folder))).split()[1]) for _ in range(3)]


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def _same(a: Path, b: Path) -> bool:
    """Whether two folders hold the same files."""
    held = [{p.relative_to(top): p for p in top.rglob("*") if p.is_file()} for top in (a, b)]
    return held[0].keys() == held[1].keys() and all(
        p.read_bytes() == held[1][n].read_bytes() for n, p in held[0].items()
    )


def main() -> None:
    """Print the tables of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 5000])
    given = parser.parse_args()
    print("| rows | videos | dataset | seconds | rows a second | peak |\n|---|---|---|---|---|---|")
    for count in given.rows:
        source, out = given.folder / f"source-{count}", given.folder / f"built-{count}"
        write_source(source, count)
        shutil.rmtree(out, ignore_errors=True)
        seconds, peak = time_build(source, out, "-1")
        sizes = [sum(p.stat().st_size for p in (place).rglob("*") if p.is_file()) for place in (source / "videos", out)]
        rows = sum(json.loads((out / "curation.json").read_text())["rows"].values())
        assert rows == count, rows
        mb = [f"{size / 1e6:.1f} MB" for size in sizes]
        print(f"| {count:,} | {mb[0]} | {mb[1]} | {seconds:.1f} | {count / seconds:.0f} | {peak:.0f} MiB |")
    print("\nWithout the search for near duplicates, which decodes every video.")
    hashed = given.folder / "hashed"
    shutil.rmtree(hashed, ignore_errors=True)
    seconds, peak = time_build(source, hashed)
    print(f"With it, {count:,} samples: {seconds:.1f} s, peak {peak:.0f} MiB.")
    stopped = given.folder / "stopped"
    shutil.rmtree(stopped, ignore_errors=True)
    there, seconds = stop_and_go_on(source, stopped)
    print(
        f"Killed with {there} shards written, the second start took {seconds:.1f} s; same bytes: {_same(out, stopped)}."
    )
    firsts = time_first_row(out)
    print(f"First row of {count:,}, streamed: best of 3 {min(firsts):.2f} s ({', '.join(f'{s:.2f}' for s in firsts)}).")


if __name__ == "__main__":
    main()
