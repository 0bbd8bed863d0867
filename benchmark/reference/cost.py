"""Measure what certainty costs, beside the detector's time for the same clips.

Run: DSRBENCH_REFERENCE_DIR=... python benchmark/reference/cost.py [--weights FOLDER] [--clips 10]

CPU seconds a clip of this process, in one run: detection by NanoDet (with decoding), the tracker without and with drawn
tracks, and the certainty from these. Prints a table and the share of the detector's time that drawing and scoring take.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from crossvalidate import collect
from run import DETECTORS

from dsrbench import Detections, read_suite, score_tracks
from dsrbench.backends.detectors.grid_detectors import NanoDet
from dsrbench.backends.trackers.assignment import Assignment
from dsrbench.metric import measure_certainty
from dsrbench.video import probe, read_clip

T = TypeVar("T")


def detect(detector: NanoDet, path: Path, labels: list[str]) -> list[Detections]:
    """Decode a video and detect in all of its frames."""
    return detector.detect(read_clip(path).frames, labels)


def main() -> None:
    """Time the stages on the first clips of the list, after one clip that is not counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="Folder of the weights; by default the fetched ones")
    parser.add_argument("--clips", type=int, default=10, help="Number of clips [default: 10]")
    parser.add_argument("--out", type=Path, default=Path("runs/cost"))
    given = parser.parse_args()
    reference = Path(os.environ["DSRBENCH_REFERENCE_DIR"])
    names = list(collect([reference], given.out))[: given.clips + 1]
    prompts = {prompt.id: prompt for prompt in read_suite(given.out / "prompts.csv")}
    detector = NanoDet(weights=given.weights and given.weights / DETECTORS["nanodet"], any_animal=True)
    plain, drawing = Assignment(samples=0), Assignment()
    seconds: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[..., T], *arguments: Any, **facts: Any) -> T:
        began = time.process_time()
        result = work(*arguments, **facts)
        seconds.setdefault(name, []).append(time.process_time() - began)
        return result

    for model, video in names:
        path, prompt = reference / "videos" / model / video, prompts[video.rpartition("_F81_seed")[0]]
        labels, info = [prompt.subject, prompt.object], probe(path)
        size = (info.width, info.height)
        detections = timed("detection", detect, detector, path, labels)
        facts = {"prompt": prompt, "size": size, "fps": info.fps}
        timed("tracker, without draws", plain.associate, detections, **facts)
        tracks = timed("tracker, with 64 draws", drawing.associate, detections, **facts)
        timed("score", score_tracks, tracks, prompt)
        timed("certainty of the 64 draws", measure_certainty, tracks, prompt)
    means = {name: sum(values[1:]) / len(values[1:]) for name, values in seconds.items()}
    print("| stage | CPU seconds a clip |\n|---|---|")
    for name, mean in means.items():
        print(f"| {name} | {mean:.4f} |")
    extra = means["tracker, with 64 draws"] - means["tracker, without draws"] + means["certainty of the 64 draws"]
    print(f"\nDrawing and scoring take {extra / means['detection']:.3f} of the detector's time.")


if __name__ == "__main__":
    main()
