"""Score a relation of your own: "a cat is outside of a box, then the cat is inside of it".

A relation is a function of both boxes that gives a value in [-1, 1] a frame: 1 where it holds, -1 where its opposite
does, NaN where a box is absent. `score_sequences` makes the score, its parts and the diagnosis of the two sequences.

    pip install dsrbench
    python custom_relation.py          # on three paths that are drawn here
    python custom_relation.py RUN      # on the tracks of a finished run, such as runs/sprites-sprites

The grammar of prompts and the leaderboard know the six relations of dsrbench alone; a relation of yours is scored from
tracks, which any run has, whatever its prompts say.
"""

from __future__ import annotations

import argparse

import numpy as np

from dsrbench import DSRScore, VideoScore, VideoTracks, score_sequences
from dsrbench.store import Run


def inside(subject: np.ndarray, object: np.ndarray) -> np.ndarray:
    """Return the share of the subject's box that lies in the object's, as a value in [-1, 1] a frame."""
    corners = np.maximum(subject[:, :2], object[:, :2]), np.minimum(subject[:, 2:], object[:, 2:])
    overlap = np.clip(corners[1] - corners[0], 0, None).prod(axis=1)
    return 2 * overlap / (subject[:, 2:] - subject[:, :2]).prod(axis=1) - 1


def score(tracks: VideoTracks) -> VideoScore:
    """Score a video for "outside, then inside"."""
    value = inside(tracks.subject, tracks.object)
    return score_sequences(-value, value)


def draw_paths() -> dict[str, VideoTracks]:
    """Return tracks in which a cat goes into a box, stays outside, or leaves it."""
    box, outside, within = [60, 30, 120, 90], [0, 40, 20, 60], [80, 40, 100, 60]
    ends = {"goes in": (outside, within), "stays outside": (outside, outside), "comes out": (within, outside)}
    return {name: VideoTracks(np.linspace(*path, 81), np.tile(box, (81, 1))) for name, path in ends.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Score 'outside, then inside'.")
    parser.add_argument("run", nargs="?", help="folder of a finished run")
    folder, metric = parser.parse_args().run, DSRScore()
    run = Run.open(folder) if folder else None
    videos = {sample.video: run.tracks(sample.id) for sample in run.samples()} if run else draw_paths()
    for name, tracks in videos.items():
        result = score(tracks) if tracks is not None else VideoScore.failed("no tracks")
        metric.add(result)
        print(f"{name:<30} {result.status} {result.dsr_score:.3f} {result.diagnosis or result.reason}")
    print(f"Accuracy@0.7 {metric.compute()['accuracy']:.3f}, coverage {metric.compute()['coverage']:.3f}")
