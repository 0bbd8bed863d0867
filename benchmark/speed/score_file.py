"""How long `dsrbench score` takes for ever longer files of boxes, and how much memory.

Run: python benchmark/speed/score_file.py [--most 1000000]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FRAMES = 24


def write_boxes(path: Path, n_lines: int) -> None:
    """Lines of videos of 24 frames; a hundred distinct ones over and over."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(100):
        frames = []
        for t in range(FRAMES):
            cat, chair = rng.uniform(0, 400, 2).round(1), rng.uniform(0, 400, 2).round(1)
            boxes = [[*cat, *(cat + 60).round(1)], [*chair, *(chair + 90).round(1)]]
            boxes = [[float(v) for v in box] for box in boxes]
            frames.append({"frame": t, "labels": ["cat", "chair"], "boxes_xyxy": boxes})
        video = {"video": f"{i}.mp4", "type": "LR", "subject": "cat", "object": "chair", "n_frames": FRAMES}
        lines.append(json.dumps({**video, "frames": frames}) + "\n")
    block = "".join(lines)
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
        for _ in range(n_lines // len(lines)):
            file.write(block)


def measure(path: Path) -> tuple[float, float]:
    """Seconds and peak MiB of one run of the command."""
    started = time.perf_counter()
    out = path.with_name("scores.jsonl")
    child = subprocess.Popen([sys.executable, "-m", "dsrbench", "score", str(path), "--out", str(out)])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit("dsrbench score failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    """Print the table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1_000_000)
    most = parser.parse_args().most
    print("| lines (24 frames each) | seconds | lines a second | peak memory |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        n_lines = 1_000
        while n_lines <= most:
            path = Path(folder) / "boxes.jsonl.gz"
            write_boxes(path, n_lines)
            seconds, peak = measure(path)
            print(f"| {n_lines:,} | {seconds:.1f} | {n_lines / seconds:,.0f} | {peak:.0f} MiB |", flush=True)
            n_lines *= 10


if __name__ == "__main__":
    main()
