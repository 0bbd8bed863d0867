"""Prompts of every kind from videos to a table: one relation throughout, depth, motions under a camera, two claims."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from factories.kinds import SIZE, SUITE, VIDEOS, Reds, make_scorer, write_videos

from dsrbench.backends.base import BoxDepthEstimator
from dsrbench.backends.registry import Backend, depth_estimators
from dsrbench.evaluation import evaluate, plan_videos
from dsrbench.evaluation.cache_keys import track_key
from dsrbench.store import Run
from dsrbench.types import Clause, Direction, VideoTracks


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_videos(tmp_path_factory.mktemp("rendered") / "m")


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


class FollowsWithMasks(Follows):
    """The same with masks: the right half of each box."""

    def propagate(self, clip, *, anchor, subject_box, object_box):
        tracks = super().propagate(clip, anchor=anchor, subject_box=subject_box, object_box=object_box)
        masks = np.zeros((len(tracks), 2, SIZE[1], SIZE[0]), np.uint8)
        for i, boxes in enumerate((tracks.subject, tracks.object)):
            for t, (x0, y0, x1, y1) in enumerate(boxes.astype(int)):
                masks[t, i, y0:y1, (x0 + x1) // 2 : x1] = 1
        return dataclasses.replace(tracks, masks=np.packbits(masks.reshape(len(tracks), 2, -1), axis=2))


class Slopes(Reds):
    """Depth that grows to the right."""

    def estimate(self, frames):
        return np.tile(np.arange(SIZE[0], dtype=np.float32), (len(frames), SIZE[1], 1))


def test_masks_of_a_tracker_are_used_for_depth_and_not_kept(videos, tmp_path):
    run, follows = Run(tmp_path / "run"), FollowsWithMasks()
    tracker = Backend("follows", follows, "1", {}, {})
    _, _, samples = go(videos, run, tracker=tracker, depth=Backend("slopes", Slopes(), "1", {}, {}))
    tracks = run.tracks(samples["front"].id)
    box = tracks.subject[0]
    middle = (box[0] + box[2]) / 2
    assert tracks.depth[0, 0] == pytest.approx((middle + box[2] - 1) / 2, abs=1), "the median of the right half"
    assert tracks.masks is None
    # with another estimator, the masks are found again, and the propagation is not
    calls = follows.calls
    go(videos, run, tracker=tracker, depth=Backend("slopes", Slopes(), "2", {}, {}))
    assert follows.calls == calls
    assert run.tracks(samples["front"].id).depth[0, 0] == tracks.depth[0, 0]


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
