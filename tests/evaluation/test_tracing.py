"""Runs with a second detector: scores stay, certainty falls where the two disagree, and nothing is done twice."""

from __future__ import annotations

import json

import numpy as np
import pytest
from factories.runs import Spec, make_prompt, true_tracks, write_video

from dsrbench.backends.registry import Backend, trackers
from dsrbench.errors import BackendError, InputError
from dsrbench.evaluation import Scorer, evaluate, frames, plan_videos
from dsrbench.evaluation.request import note_nouns
from dsrbench.prompts import Suite
from dsrbench.store import Run
from dsrbench.types import Detections, FrameState, VideoTracks

SPECS = [Spec("m", f"{1000 + i}_{path}", "LR", path) for i, path in enumerate(["LR", "RL", "L"])]
SUITE = Suite("tiny", "1", tuple(make_prompt(spec) for spec in SPECS))
NAMES = [f"{spec.prompt_id}.mp4" for spec in SPECS]


class Colours:
    """A detector by colour: the subject is red, the object green; `swapped` the other way round, `blind` nothing."""

    def __init__(self, *, swapped=False, blind=False, unknown=""):
        self.videos, self.swapped, self.blind, self.unknown = [], swapped, blind, unknown

    def check_labels(self, labels):
        if self.unknown in labels:
            raise InputError(f"no {self.unknown!r} among its labels")
        return {}

    def start_video(self, name):
        self.videos.append(name)

    def detect(self, frames, labels):
        return [Detections.none() if self.blind else self._one(frame.astype(int)) for frame in frames]

    def _one(self, frame):
        boxes, labels = [], []
        for label, (more, less) in enumerate([(1, 0), (0, 1)] if self.swapped else [(0, 1), (1, 0)]):
            rows, columns = np.nonzero(frame[..., more] - frame[..., less] > 30)
            if len(rows):
                boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
                labels.append(label)
        return Detections(np.array(boxes, float), [0.9] * len(boxes), labels)


class Follows:
    """A propagating tracker: boxes of the anchor frame go to the right by eight pixels a frame. Counts its calls."""

    def __init__(self):
        self.calls = 0

    def propagate(self, clip, *, anchor, subject_box, object_box):
        self.calls += 1
        steps = 8.0 * (np.arange(len(clip.frames)) - anchor)[:, None] * np.array([1, 0, 1, 0])
        state = np.full(len(steps), FrameState.PROPAGATED, np.uint8)
        place = np.tile(object_box, (len(steps), 1))
        return VideoTracks(subject_box + steps, place, (320, 180), clip.fps, state, state)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered") / "m"
    for spec in SPECS:
        write_video(folder / f"{spec.prompt_id}.mp4", spec, true_tracks(spec))
    return folder


def go(videos, run, *, second=None, version="1", tracker=None):
    """Run or go on; the videos that each detector was asked for, and the samples."""
    first = Colours()
    scorer = Scorer(
        Backend("first", first, "1", {}, {}),
        tracker or trackers.create("assignment"),
        second=Backend("second", second, version, {}, {}) if second is not None else None,
    )
    samples = evaluate(plan_videos(videos, SUITE), scorer, run)
    return first.videos, second.videos if second is not None else [], samples


def scores(samples):
    return [
        {
            name: value
            for name, value in sample.row().items()
            if name not in ("key", "p_pass", "score_low", "score_high")
        }
        | {"certainty": None}
        for sample in samples
    ]


def p_pass(samples):
    return [round(sample.score.certainty.p_pass, 2) for sample in samples]


def test_scores_stay_and_disagreement_is_uncertainty(videos, tmp_path):
    alone, agreeing, contrary = (Run(tmp_path / name) for name in ("alone", "agreeing", "contrary"))
    _, _, samples = go(videos, alone)
    assert p_pass(samples) == [1, 0, 0]
    _, _, same = go(videos, agreeing, second=Colours())
    _, _, other = go(videos, contrary, second=Colours(swapped=True))
    assert scores(samples) == scores(same) == scores(other)
    assert p_pass(same) == [1, 0, 0]
    assert p_pass(other) == [0.5, 0.5, 0], "where a video passes for one, it fails for the other; none sees the third"
    assert [sample.row()["certainty"] for sample in other] == [0.5, 0.5, 1]
    for sample in samples:
        before, after = alone.tracks(sample.id), contrary.tracks(sample.id)
        for name in ("subject", "object", "subject_state", "object_state"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
        np.testing.assert_array_equal(before.draws.subject, after.draws.subject[:64])
        assert (len(before.draws), len(after.draws)) == (64, 128)
        assert after.provenance["second_detector"]["name"] == "second"


def test_a_finished_run_is_gone_on_with_by_the_second_alone(videos, tmp_path):
    run = Run(tmp_path / "run")
    go(videos, run)
    before = {name: run.disk.read(name) for name in (*run.disk.list("detections"), *run.disk.list("tracks"))}
    table, manifest = run.disk.read("samples.parquet"), run.disk.read("run.json")
    asked, of_second, samples = go(videos, run, second=Colours(swapped=True))
    assert (asked, of_second) == ([], NAMES)
    assert len(run.disk.list("detections", ".second.npz")) == 3
    assert len(run.disk.list("detections")) == 6
    assert all(run.disk.read(name) == data for name, data in before.items() if name.startswith("detections"))
    assert run.manifest.second_detector.name == "second"
    assert json.loads(run.disk.read("run.json"))["runtime"][-1]["second_detector"]["device"] == "cpu"
    # again, with another second detector, and without one
    assert go(videos, run, second=Colours(swapped=True))[:2] == ([], [])
    asked, of_second, changed = go(videos, run, second=Colours(), version="2")
    assert (asked, of_second) == ([], NAMES)
    assert [sample.key for sample in changed] != [sample.key for sample in samples]
    assert go(videos, run)[:2] == ([], [])
    assert run.disk.read("samples.parquet") == table
    assert all(run.disk.read(name) == data for name, data in before.items())
    record = json.loads(manifest)
    assert {**json.loads(run.disk.read("run.json")), "runtime": record["runtime"]} == record


def test_a_manifest_of_an_older_version_has_no_second_detector(videos, tmp_path):
    run = Run(tmp_path / "run")
    go(videos, run)
    record = json.loads(run.disk.read("run.json"))
    assert record.pop("second_detector") is None
    run.write_json("run.json", record)
    assert run.manifest.second_detector is None
    assert go(videos, run)[0] == []


def test_a_second_detector_that_sees_nothing(videos, tmp_path):
    _, _, samples = go(videos, Run(tmp_path / "run"), second=Colours(blind=True))
    assert p_pass(samples) == [0.5, 0, 0]


def test_a_second_detector_that_crashes_costs_the_sample(videos, tmp_path):
    class Crashes(Colours):
        def start_video(self, name):
            super().start_video(name)
            if name == NAMES[1]:
                raise RuntimeError("no memory")

    run = Run(tmp_path / "run")
    _, _, samples = go(videos, run, second=Crashes())
    assert [sample.score.reason for sample in samples] == ["", "crashed: RuntimeError: no memory", ""]
    asked, of_second, samples = go(videos, run, second=Colours())
    assert (asked, of_second) == ([], [NAMES[1]]), "the next run tries it again, and it alone"
    assert {sample.score.status.value for sample in samples} == {"scored"}


def test_a_prompt_that_the_second_detector_does_not_know(videos, tmp_path):
    run, second = Run(tmp_path / "run"), Colours(unknown=SUITE.prompts[0].subject)
    _, _, samples = go(videos, run)
    asked, of_second, again = go(videos, run, second=second)
    assert (asked, of_second) == ([], [])
    assert [sample.key for sample in again] == [sample.key for sample in samples]
    scorer = Scorer(
        Backend("first", Colours(), "1", {}, {}),
        trackers.create("assignment"),
        second=Backend("second", second, "1", {}, {}),
    )
    (note,) = note_nouns(scorer, plan_videos(videos, SUITE))
    assert note.startswith("3 prompts have a certainty by first alone: second: no ")


def test_a_propagating_tracker_goes_on_from_both_anchors(videos, tmp_path):
    run, follows = Run(tmp_path / "run"), Follows()
    tracker = Backend("follows", follows, "1", {}, {})
    _, _, samples = go(videos, run, tracker=tracker)
    assert {sample.score.certainty for sample in samples} == {None}
    go(videos, run, tracker=tracker, second=Colours(swapped=True))
    assert follows.calls == 6, "the first detector's tracks are found again"
    pooled = run.tracks(samples[0].id)
    assert len(pooled.draws) == 2
    assert pooled.provenance["anchor"] == pooled.provenance["second_anchor"] == 0
    go(videos, run, tracker=tracker, second=Colours(blind=True), version="2")
    assert follows.calls == 6, "without an anchor frame nothing is propagated"
    pooled = run.tracks(samples[0].id)
    assert np.isnan(pooled.draws.subject[1]).all()
    assert pooled.provenance["second_anchor"] is None
    _, _, alone = go(videos, run, tracker=tracker)
    assert follows.calls == 6
    assert [sample.row() for sample in alone] == [sample.row() for sample in samples]


def test_a_clip_to_be_propagated_is_decoded_once_and_not_again(videos, tmp_path, monkeypatch):
    read, decoded, streamed = frames.read_clip, [], []
    monkeypatch.setattr(frames, "read_clip", lambda path: decoded.append(path.name) or read(path))
    monkeypatch.setattr(frames, "iter_chunks", lambda path, **_: streamed.append(path.name))
    run, tracker = Run(tmp_path / "run"), Backend("follows", Follows(), "1", {}, {})
    _, _, samples = go(videos, run, tracker=tracker)
    assert decoded == NAMES
    run.disk.remove("samples.parquet")  # as an interrupted run
    _, _, again = go(videos, run, tracker=tracker)
    assert (decoded, streamed) == (NAMES, [])
    assert [sample.row() for sample in again] == [sample.row() for sample in samples]


def test_a_second_detector_that_counts_frames_has_no_stride():
    class Counts(Colours):
        needs_all_frames = True

    with pytest.raises(BackendError, match="detector 'second' needs all frames"):
        Scorer(
            Backend("first", Colours(), "1", {}, {}),
            trackers.create("assignment"),
            stride=2,
            second=Backend("second", Counts(), "1", {}, {}),
        )
