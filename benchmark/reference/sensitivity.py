"""How much the defaults matter: tracker options one at a time, and how loose a detector's boxes are.

Run: DSRBENCH_REFERENCE_DIR=... python benchmark/reference/sensitivity.py RUN...

RUN are run folders of run.py; their detections are joined again, nothing is detected. Prints two tables.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from dsrbench import VideoTracks, score_tracks
from dsrbench.analysis import read_reference
from dsrbench.backends.detectors.grid import scale_boxes
from dsrbench.backends.trackers.assignment import Assignment
from dsrbench.store import Run
from dsrbench.store.arrays import unpack_detections

TRIALS = (
    {},
    {"entry": 0.08},
    {"entry": 0.10},
    {"entry": 0.15},
    {"jump": 1.0},
    {"jump": 1.5},
    {"jump": 2.0},
    {"speed": 0.1},
    {"speed": 0.3},
    {"extend": 0.3},
    {"extend": 0.5},
    {"ends": 0.1},
    {"ends": 0.4},
    {"memory": 8},
    {"memory": 12},
)


def compare(run: Run, published: dict, options: dict) -> str:
    """One row: the run's detections joined with other tracker options, beside the published scores."""
    tracker, pairs = Assignment(samples=0, **options), []
    for sample in run.samples():
        there = published[sample.model, Path(sample.video).name].dsr_score
        if np.isnan(there) or not sample.n_frames:
            continue
        detections, _ = unpack_detections(run.disk.read(f"detections/{sample.id.slug}.npz"))
        size = (sample.width, sample.height)
        tracks = tracker.associate(detections, prompt=sample.prompt, size=size, fps=sample.fps)
        pairs.append((score_tracks(tracks, sample.prompt).dsr_score, there))
    here, there = np.array([pair for pair in pairs if not np.isnan(pair[0])]).T
    name = ", ".join(f"`{key}` {value}" for key, value in options.items()) or "the defaults"
    differ = np.count_nonzero((here >= 0.7) != (there >= 0.7))
    median = np.median(abs(here - there))
    return f"| {name} | {len(here)} | {spearmanr(here, there)[0]:.3f} | {median:.4f} | {differ} |"


def looseness(run: Run, published: dict) -> float:
    """Median of our SSR scores over the published ones, with the boxes as the detector draws them."""
    factor, ratios = run.manifest.detector.options["box_scale"], []
    for sample in run.samples():
        tracks = run.tracks(sample.id)
        if tracks is None:
            continue
        drawn = VideoTracks(scale_boxes(tracks.subject, 1 / factor), scale_boxes(tracks.object, 1 / factor))
        score = score_tracks(drawn, sample.prompt)
        entry = published[sample.model, Path(sample.video).name]
        for here, there in ((score.ssr_initial, entry.initial), (score.ssr_final, entry.final)):
            if len(here) == len(there):
                use = (abs(there) > 0.2) & (abs(there) < 0.9) & (abs(here - there) < 0.2)
                ratios.append(here[use] / there[use])
    return float(np.median(np.concatenate(ratios)))


def main() -> None:
    """Print the tables of this folder's README."""
    reference = Path(os.environ["DSRBENCH_REFERENCE_DIR"])
    published = {e.name: e for e in read_reference(reference / "scores.csv", reference / "ssr_curves.json")}
    runs = [Run.open(Path(folder)) for folder in sys.argv[1:]]
    for run in runs:
        name = run.manifest.detector.name
        print(f"\n`{name}`: our SSR over theirs, boxes as drawn: {looseness(run, published):.3f}\n")
        print("| changed | scored on both sides | Spearman | median abs. difference | decisions that differ |")
        print("|---|---|---|---|---|")
        for options in TRIALS:
            print(compare(run, published, options), flush=True)


if __name__ == "__main__":
    main()
