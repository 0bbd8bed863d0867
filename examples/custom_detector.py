"""Use a detector of your own: a class with `detect`, a name for it, and an evaluation that takes the name.

    pip install "dsrbench[sprites]"
    python custom_detector.py

`register` gives the name in this process. An entry point in the pyproject.toml of a package of yours gives it to
`dsrbench eval --detector colours -o detector.contrast=40` as well:

    [project.entry-points."dsrbench.detectors"]
    colours = "custom_detector:Colours"

Trackers, generators and depth estimators work alike: see `dsrbench.backends.base` for the methods of each.
"""

from __future__ import annotations

import argparse

import numpy as np

import dsrbench
from dsrbench.backends.registry import detectors


class Colours:
    """Take the warmest part of a frame for the subject and the coldest for the object.

    Args:
        contrast: Difference of red and blue from which a pixel counts, 0..255. Arguments are options of the detector.
    """

    def __init__(self, *, contrast: int = 60) -> None:
        self.contrast = contrast
        self.fingerprint = {"rule": "red and blue, 1"}  # goes into run.json; change it with the rule or the weights

    def detect(self, frames: np.ndarray, labels: list[str]) -> list[dsrbench.Detections]:
        """Return the boxes of each frame, RGB uint8 `[T, H, W, 3]`; a label is an index into `labels`."""
        return [self._detect_one(frame.astype(int)) for frame in frames]

    def _detect_one(self, frame: np.ndarray) -> dsrbench.Detections:
        boxes, indices = [], []
        for index, difference in enumerate((frame[..., 0] - frame[..., 2], frame[..., 2] - frame[..., 0])):
            rows, columns = np.nonzero(difference > self.contrast)
            if len(rows):
                boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])  # pixels, half-open
                indices.append(index)
        return dsrbench.Detections(boxes, np.ones(len(boxes)), indices)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Evaluate the embedded model, or videos, with a detector by colours.")
    parser.add_argument("--videos", help="folder of videos; by default the embedded model makes some")
    parser.add_argument("--suite", default="sprites")
    chosen = parser.parse_args()
    detectors.register("colours", Colours)
    more = {"videos": chosen.videos} if chosen.videos else {"seeds": [0], "limit": 8}
    result = dsrbench.evaluate(suite=chosen.suite, detector="colours", out="runs/colours", on_note=print, **more)
    figures = result.summary
    print(f"{result.run.manifest.detector}\ncoverage {figures.coverage:.2f}, Accuracy@0.7 {figures.headline.value:.2f}")
