"""Prompts of every kind from videos to a table: one relation throughout, depth, motions under a camera, two claims."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dsrbench.backends.base import BoxDepthEstimator, DepthEstimator
from dsrbench.backends.registry import Backend, depth_estimators, trackers
from dsrbench.evaluation import Scorer, evaluate, plan_videos
from dsrbench.evaluation.cache_keys import track_key
from dsrbench.prompts import Suite
from dsrbench.store import Run
from dsrbench.types import Clause, Detections, Direction, Prompt, Relation, VideoTracks
from dsrbench.video import write_mp4

pytest.importorskip("cv2")

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
    "behind": ({"cat": ((68, 48), (68, 48)), **REST}, 0, related("behind", "B"), -0.2),
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


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered") / "m"
    folder.mkdir()
    for name, (paths, pan, _, _) in VIDEOS.items():
        write_mp4(folder / f"{name}.mp4", clip(paths, pan), fps=8.0)
    return folder


def make_scorer(depth=None, tracker=None):
    colours = Colours()
    detector = Backend("colours", colours, "1", {}, {})
    return colours, Scorer(detector, tracker or trackers.create("assignment"), depth=depth)


def go(videos, run, *, depth="reds", tracker=None):
    """Run or go on; the videos that the detector and the depth estimator were asked for, and the samples by id."""
    reds = Reds()
    backend = Backend("reds", reds, "1", {}, {}) if depth == "reds" else depth
    colours, scorer = make_scorer(backend, tracker)
    samples = evaluate(plan_videos(videos, SUITE), scorer, run)
    return colours.videos, reds.videos, {sample.prompt.id: sample for sample in samples}


def test_every_kind_is_scored(videos, tmp_path):
    run = Run(tmp_path / "run")
    looked, deep, samples = go(videos, run)
    assert len(looked) == len(VIDEOS)
    assert sorted(deep) == ["behind.mp4", "front.mp4"], "depth is estimated only where a prompt needs it"
    for id, (_, _, _, bound) in VIDEOS.items():
        score = samples[id].score
        assert score.status.value == "scored", (id, score.reason)
        assert score.dsr_score >= bound if bound > 0 else score.dsr_score <= -bound, (id, score.dsr_score)
        assert score.certainty.of_decision(score.passes()) > 0.9, id
    assert samples["panned"].score.compensated is True
    assert samples["front"].score.uncertain_frames == 0
    assert samples["static"].score.held == 1
    assert [clause.dsr_score > 0.9 for clause in samples["two"].score.clauses] == [True, True]
    # nothing is done twice, and what the table has is what was scored
    again = go(videos, run)
    assert (again[0], again[1]) == ([], [])
    assert {id: sample.row() for id, sample in again[2].items()} == {id: s.row() for id, s in samples.items()}
    assert run.manifest.depth.name == "reds"


def test_scoring_again_needs_no_network(videos, tmp_path):
    """Without the table and the samples, the scores come from the tracks that are kept."""
    run = Run(tmp_path / "run")
    _, _, first = go(videos, run)
    data = run.disk.read("samples.parquet")
    run.disk.remove("samples.parquet")
    for path in run.folder.glob("samples/**/*.json"):
        path.unlink()
    looked, deep, again = go(videos, run)
    assert (looked, deep) == ([], [])
    assert run.disk.read("samples.parquet") == data
    assert first.keys() == again.keys()


def test_another_depth_estimator_changes_depth_alone(videos, tmp_path):
    run = Run(tmp_path / "run")
    _, _, first = go(videos, run)
    looked, _, again = go(videos, run, depth=depth_estimators.create("ground-contact"))
    assert looked == [], "detections are found again"
    changed = {id for id in first if first[id].key != again[id].key}
    assert changed == {"front", "behind"}
    assert isinstance(depth_estimators.create("ground-contact").instance, BoxDepthEstimator)


def test_without_a_depth_estimator_the_reason_is_given(videos, tmp_path):
    _, _, samples = go(videos, Run(tmp_path / "run"), depth=None)
    assert samples["front"].score.reason == "relation F (front) needs depth; score with a depth estimator"
    assert samples["dynamic"].score.status.value == "scored"


def test_without_opencv_motions_are_scored_as_they_are(videos, tmp_path, monkeypatch):
    for module in ("measuring", "cache_keys"):
        monkeypatch.setattr(f"dsrbench.evaluation.{module}.describe_camera", lambda: None)
    run = Run(tmp_path / "run")
    _, _, samples = go(videos, run)
    assert samples["panned"].score.compensated is False
    assert samples["panned"].score.dsr_score < 0.5
    monkeypatch.undo()
    looked, _, again = go(videos, run)
    assert looked == []
    assert again["panned"].score.compensated is True


class Follows:
    """A propagating tracker that finds the colours of its boxes; counts its calls."""

    def __init__(self):
        self.calls = 0

    def propagate(self, clip, *, anchor, subject_box, object_box):
        self.calls += 1
        tracks = []
        for box in (subject_box, object_box):
            x, y = ((box[:2] + box[2:]) / 2).astype(int)
            colour = clip.frames[anchor][y, x].astype(int)
            boxes = []
            for frame in clip.frames.astype(int):
                rows, columns = np.nonzero(np.abs(frame - colour).sum(axis=2) < 90)
                boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            tracks.append(np.array(boxes, float))
        return VideoTracks(*tracks, SIZE, clip.fps)


def test_a_propagating_tracker(videos, tmp_path):
    run, follows = Run(tmp_path / "run"), Follows()
    tracker = Backend("follows", follows, "1", {}, {})
    _, _, samples = go(videos, run, tracker=tracker)
    for id, (_, _, _, bound) in VIDEOS.items():
        score = samples[id].score
        assert score.dsr_score >= bound if bound > 0 else score.dsr_score <= -bound, (id, score)
    # a call a claim; with another depth estimator, tracks are not propagated again
    assert follows.calls == len(VIDEOS) + 1
    go(videos, run, tracker=tracker, depth=depth_estimators.create("ground-contact"))
    assert follows.calls == len(VIDEOS) + 1


def test_keys_of_usual_prompts_are_those_of_before(videos):
    """Depth and the camera are part of the key only where a prompt needs them."""
    _, plain = make_scorer()
    _, deep = make_scorer(Backend("reds", Reds(), "1", {}, {}))
    for id, (_, _, prompt, _) in VIDEOS.items():
        same = track_key(plain, prompt, "0" * 64) == track_key(deep, prompt, "0" * 64)
        assert same == (id not in ("front", "behind"))
    claims = VIDEOS["two"][2]
    turned = dataclasses.replace(claims, further=(Clause("bird", direction=Direction.LEFT),))
    assert track_key(plain, claims, "0" * 64) != track_key(plain, turned, "0" * 64)
