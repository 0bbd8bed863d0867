"""Score boxes that another program found: a line a video, with the DSR-Score, its four parts and the diagnosis.

Needs numpy alone. Run, in a clone of dsrbench:

    pip install dsrbench
    python examples/score_boxes.py benchmark/examples/boxes.jsonl

Each line of the file is a JSON object with `type` ("LR": left, then right), `subject`, `object`, `n_frames`, and
`frames`: for each frame its number, the labels, and a box x0, y0, x1, y1 a label. `dsrbench score FILE` reads it too.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from dsrbench import DSRScore


def read_boxes(line: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes of subject and object, `[T, 4]` each; a row of NaN where an entity was not detected."""
    boxes = {line[role]: np.full((line["n_frames"], 4), np.nan) for role in ("subject", "object")}
    for frame in line["frames"]:
        for label, box in zip(frame["labels"], frame["boxes_xyxy"], strict=True):
            boxes[label][frame["frame"]] = box
    return boxes[line["subject"]], boxes[line["object"]]


def main() -> None:
    """Score every video of a file, then all of them together."""
    parser = argparse.ArgumentParser(description="Score boxes of videos.")
    parser.add_argument("boxes", type=Path, help="JSON Lines, a video a line")
    arguments = parser.parse_args()

    metric = DSRScore()
    for text in arguments.boxes.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        score = metric.update(*read_boxes(line), line["type"])
        if score.status == "scored":
            parts = " ".join(f"{part:+.2f}" for part in (score.r_init, score.g_init, score.r_fin, score.g_fin))
            print(f"{line['video']:<30} {line['type']}  {score.dsr_score:.3f}  ({parts})  {score.diagnosis}")
        else:
            print(f"{line['video']:<30} {line['type']}  {score.status}: {score.reason}")

    figures = metric.compute()
    print(
        f"\n{figures['n_samples']} videos: Accuracy@0.7 {figures['accuracy']:.3f}, coverage {figures['coverage']:.3f}, "
        f"mean score {figures['mean_score']:.3f}"
    )


if __name__ == "__main__":
    main()
