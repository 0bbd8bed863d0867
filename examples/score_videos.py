"""Score a folder of videos: accuracy with its interval, coverage, the diagnoses, and a web page of every clip.

Offline, on clips that the embedded model makes first:

    pip install "dsrbench[sprites]"
    python score_videos.py

Your videos, with the detector of the paper (any two nouns; weights are fetched once) or NanoDet (80 classes, on a CPU):

    pip install "dsrbench[hf]"
    python score_videos.py VIDEOS --suite prompts.csv --detector grounding-dino

File names must contain the id of their prompt, such as 1000_LR_seed03.mp4. `dsrbench backends` lists the detectors.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections import Counter
from pathlib import Path

import dsrbench


def main() -> None:
    """Make clips where no folder is given, score them, and print the figures."""
    parser = argparse.ArgumentParser(description="Score a folder of videos against the prompts they were made from.")
    parser.add_argument("videos", type=Path, nargs="?", help="folder of videos; by default clips are made first")
    parser.add_argument("--suite", default="sprites", help="name or file of the prompts")
    parser.add_argument("--detector", default="sprites", help="such as grounding-dino or nanodet")
    parser.add_argument("--limit", type=int, default=12, help="number of clips to make")
    parser.add_argument("--out", type=Path, default=Path("runs/score-videos"))
    arguments = parser.parse_args()

    videos, suite = arguments.videos, dsrbench.read_suite(arguments.suite)
    if videos is None:
        suite = dataclasses.replace(suite, prompts=suite.prompts[: arguments.limit])
        videos = dsrbench.evaluate(suite=suite, seeds=[0], out="runs/made", on_note=print).run.videos
    result = dsrbench.evaluate(
        videos=videos, suite=suite, detector=arguments.detector, out=arguments.out, on_note=print
    )

    for sample in result.samples:
        score = sample.score
        outcome = f"{score.dsr_score:.3f} {score.diagnosis}" if score.status == "scored" else score.reason
        print(f"{sample.video or '-':<32} {outcome}")
    summary, accuracy = result.summary, result.summary.headline
    print(f"\nAccuracy@0.7 {accuracy.value:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}], 95 % interval over prompts")
    print(f"coverage     {summary.coverage:.3f} of {summary.n_samples} videos have a score")
    print("diagnoses   ", ", ".join(f"{name} {n}" for name, n in Counter(summary.by_diagnosis).most_common() if n))
    print("page        ", result.report())


if __name__ == "__main__":
    main()
