"""A dataset of at least 500 videos of the embedded model: made, built, loaded with `datasets`, trained from.

Run: python benchmark/dataset/real.py FOLDER [--limit 540] [--steps 20]

Run it again to go on where it stopped.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import time
from pathlib import Path


def call(*words: str) -> float:
    """Run dsrbench, and give its seconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "dsrbench", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def check_rows(folder: Path) -> int:
    """Load every row, and decode its video; how many there are."""
    import av
    import datasets

    datasets.disable_progress_bars()
    data = datasets.load_dataset(str(folder), split="train", cache_dir=str(folder.parent / "cache"))
    for row in data:
        with av.open(io.BytesIO(row["video"]["bytes"])) as video:
            assert sum(1 for _ in video.decode(video=0)) == row["n_frames"] == len(row["subject_boxes"])
    return len(data)


def main() -> None:
    """Print the lines of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", default="540")
    parser.add_argument("--steps", default="20")
    given = parser.parse_args()
    run, data, out = (str(given.folder / name) for name in ("run", "dataset", "align"))
    made = call("eval", "--suite", "sprites-train", "--seeds", "0..2", "--limit", given.limit, "--out", run)
    built = call(
        "dataset", "build", run, "--out", data, "--licence", "apache-2.0", "--keep-invalid", "--per-prompt", "0"
    )
    began = time.perf_counter()
    rows = check_rows(Path(data))
    loaded = time.perf_counter() - began
    stages = [word for stage in ("pairs", "latents", "train") for word in ("--only", stage)]
    quick = ("-s", f"steps={given.steps}", "-s", "batch=4", "--validation", "none")
    trained = call("align", "--pairs", data, "--out", out, *stages, *quick)
    pairs = len((Path(out) / "round-1/pairs.jsonl").read_text().splitlines())
    print(
        f"made {given.limit} videos: {made:.0f} s; built {rows} rows: {built:.0f} s; loaded and decoded: {loaded:.0f} s"
    )
    print(f"{pairs} pairs, encoded and trained for {given.steps} steps: {trained:.0f} s")


if __name__ == "__main__":
    main()
