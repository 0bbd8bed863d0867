"""A small run of prompts of every kind: one relation throughout, depth, motions under a camera, two claims."""

from __future__ import annotations

import numpy as np

from dsrbench.backends.base import DepthEstimator
from dsrbench.backends.registry import Backend, trackers
from dsrbench.evaluation import Scorer, evaluate, plan_videos
from dsrbench.prompts import Suite
from dsrbench.store import Run
from dsrbench.types import Clause, Detections, Direction, Prompt, Relation
from dsrbench.video import write_mp4

SIZE, FRAMES = (160, 96), 24
COLOURS = {"cat": (200, 30, 30), "box": (30, 180, 30), "bird": (30, 30, 220)}
SIDE = 20


def noise(rng, shape):
    """A background with corners to follow, of grey squares."""
    cells = rng.integers(60, 150, (shape[1] // 6 + 1, shape[0] // 6 + 1))
    grey = np.kron(cells, np.ones((6, 6)))[: shape[1], : shape[0]]
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def clip(paths, pan=0.0):
    """Squares on their paths through the picture, given as first and last centre, before a background that pans."""
    wide = noise(np.random.default_rng(0), (SIZE[0] * 3, SIZE[1]))
    frames = []
    for share in np.linspace(0, 1, FRAMES):
        start = SIZE[0] - round(pan * share)
        frame = wide[:, start : start + SIZE[0]].copy()
        for noun, (first, last) in paths.items():
            x, y = np.round(np.array(first) * (1 - share) + np.array(last) * share).astype(int) - SIDE // 2
            frame[y : y + SIDE, x : x + SIDE] = COLOURS[noun]
        frames.append(frame)
    return np.stack(frames)


class Colours:
    """A detector by colour; counts the videos that it was given."""

    needs_all_frames = False

    def __init__(self):
        self.videos = []

    def check_labels(self, labels):
        return {}

    def start_video(self, name):
        self.videos.append(name)

    def detect(self, frames, labels):
        return [self._one(frame.astype(int), labels) for frame in frames]

    def _one(self, frame, labels):
        boxes, found = [], []
        for label, noun in enumerate(labels):
            rows, columns = np.nonzero(np.abs(frame - COLOURS[noun]).sum(axis=2) < 90)
            if len(rows) > 30:
                boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
                found.append(label)
        return Detections(np.array(boxes, float).reshape(-1, 4), [0.9] * len(boxes), found)


class Reds(DepthEstimator):
    """Depth that grows with redness; counts the videos that it was given."""

    def __init__(self):
        self.videos = []

    def start_video(self, name):
        self.videos.append(name)

    def estimate(self, frames):
        return (frames[..., 0].astype(np.float32) - frames[..., 2]) / 255


def moving(id, noun, direction):
    return Prompt(id, f"A {noun} moves", noun, "", (), direction=direction)


def related(id, relations):
    return Prompt(id, "A cat and a box", "cat", "box", Relation.chain(relations))


REST = {"box": ((80, 48), (80, 48))}
LEFT, RIGHT = (40, 48), (120, 48)
VIDEOS = {
    # id: paths, pan of the background to the right, prompt, score at least or at most
    "static": ({"cat": (LEFT, LEFT), **REST}, 0, related("static", "L"), 0.95),
    "wrong-side": ({"cat": (RIGHT, RIGHT), **REST}, 0, related("wrong-side", "L"), -0.05),
    "dynamic": ({"cat": (LEFT, RIGHT), **REST}, 0, related("dynamic", "LR"), 0.9),
    "front": ({"cat": ((68, 48), (68, 48)), **REST}, 0, related("front", "F"), 0.8),
    "behind": ({"cat": ((70, 48), (70, 48)), **REST}, 0, related("behind", "B"), -0.2),
    "motion": ({"bird": (LEFT, RIGHT)}, 0, moving("motion", "bird", Direction.RIGHT), 0.9),
    # the picture goes to the right faster than the bird: in the scene it flies to the left
    "panned": ({"bird": (LEFT, (70, 48))}, 80, moving("panned", "bird", Direction.LEFT), 0.9),
    "two": (
        {"cat": (LEFT, LEFT), "bird": ((20, 20), (140, 20)), **REST},
        0,
        Prompt.of_clauses(
            "two",
            "A cat is left of a box, a bird flies to the right",
            [Clause("cat", "box", (Relation.LEFT,)), Clause("bird", direction=Direction.RIGHT)],
        ),
        0.9,
    ),
}
SUITE = Suite("kinds", "1", tuple(prompt for _, _, prompt, _ in VIDEOS.values()))


def write_videos(folder):
    """Render every video into a folder, which is the model's name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (paths, pan, _, _) in VIDEOS.items():
        write_mp4(folder / f"{name}.mp4", clip(paths, pan), fps=8.0)
    return folder


def make_scorer(depth=None, tracker=None):
    """The detector by colour, which counts its videos, and a scorer with it."""
    colours = Colours()
    detector = Backend("colours", colours, "1", {}, {})
    return colours, Scorer(detector, tracker or trackers.create("assignment"), depth=depth)


def write_kinds_run(folder):
    """A finished run of all videos of the model `m`, its videos in its folder."""
    run = Run(folder)
    videos = write_videos(run.videos / "m")
    _, scorer = make_scorer(Backend("reds", Reds(), "1", {}, {}))
    evaluate(plan_videos(videos.parent, SUITE), scorer, run)
    return run
