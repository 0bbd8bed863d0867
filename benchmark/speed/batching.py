"""Batched detection beside one frame at a time, with a tiny Grounding DINO of random weights.

Run: python benchmark/speed/batching.py [--frames 48] [--turns 5]

The model is built from the real configuration class (tests/models.py) and is so small that what is compared is the
work around it: tokenizing, preparing, calling layer after layer, sorting out boxes. Batch sizes take turns in this
process, on one thread; times are CPU seconds, the best of all turns, so that other work on the machine hardly counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BATCHES = (1, 2, 4, 8, 16)
SIZE = (832, 480)
LABELS = ["cat", "chair"]


def seconds_of(detector, frames: np.ndarray) -> float:
    """CPU seconds to detect in all frames."""
    began = time.process_time()
    detector.detect(frames, LABELS)
    return time.process_time() - began


def main() -> None:
    """Print the table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    sys.path.append(str(Path(__file__).parents[2] / "tests"))
    import torch
    from factories import models

    from dsrbench.backends.registry import detectors

    torch.set_num_threads(1)
    frames = np.random.default_rng(0).integers(0, 256, (given.frames, SIZE[1], SIZE[0], 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        model = str(models.grounding_dino(Path(folder)))
        made = [
            detectors.create("grounding-dino", {"model": model, "device": "cpu", "batch": batch}).instance
            for batch in BATCHES
        ]
        for detector in made:
            seconds_of(detector, frames[:16])
        turns = [[seconds_of(detector, frames) for detector in made] for _ in range(given.turns)]
    best = np.min(turns, axis=0)
    print(f"| frames a forward pass | CPU ms a frame, best of {given.turns} | ratio |\n|---|---|---|")
    for batch, seconds in zip(BATCHES, best, strict=True):
        print(f"| {batch} | {1000 * seconds / len(frames):.1f} | {seconds / best[0]:.2f} |")


if __name__ == "__main__":
    main()
