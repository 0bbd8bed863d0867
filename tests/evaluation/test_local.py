"""Runs that stop and go on: nothing is done twice, nothing is lost, nothing stale is kept."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
from factories.runs import PLACES, SIDE, Spec, make_prompt, true_tracks, write_video

from dsrbench.backends.registry import Backend, trackers
from dsrbench.errors import BackendError, RunLockedError, RunMismatchError, StoreError
from dsrbench.evaluation import Scorer, evaluate, plan_videos
from dsrbench.prompts import Suite
from dsrbench.store import Run
from dsrbench.types import Detections, Prompt

SPECS = [Spec("m", f"{1000 + i}_{path}", "LR", path) for i, path in enumerate(["LR", "RL", "L", "LTR"])]
SUITE = Suite("tiny", "1", tuple(make_prompt(spec) for spec in SPECS))


class RedAndGreen:
    """A detector by colour: the renderings' subject is red, their object green. Counts what it is asked."""

    def __init__(self, fail_at=None):
        self.videos, self.frames, self.fail_at = [], 0, fail_at

    def start_video(self, name):
        self.videos.append(name)
        if self.fail_at and len(self.videos) == self.fail_at:
            raise KeyboardInterrupt

    def detect(self, frames, labels):
        self.frames += len(frames)
        return [self._one(frame.astype(int)) for frame in frames]

    def _one(self, frame):
        boxes, labels = [], []
        for label, (more, less) in enumerate([(0, 1), (1, 0)]):
            rows, columns = np.nonzero(frame[..., more] - frame[..., less] > 30)
            if len(rows):
                boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
                labels.append(label)
        return Detections(np.array(boxes, float), np.ones(len(boxes)), labels)


def make_scorer(detector, *, tracker=None, **options):
    return Scorer(Backend("colour", detector, "1", options, {}), trackers.create("assignment", tracker))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered") / "m"
    for spec in SPECS:
        write_video(folder / f"{spec.prompt_id}.mp4", spec, true_tracks(spec))
    return folder


@pytest.fixture
def videos(rendered, tmp_path):
    return shutil.copytree(rendered, tmp_path / "m")


@pytest.fixture
def undisturbed(rendered, tmp_path_factory):
    """The table of a run that nothing happened to."""
    run = Run(tmp_path_factory.mktemp("undisturbed") / "run")
    evaluate(plan_videos(rendered, SUITE), make_scorer(RedAndGreen()), run)
    return run.disk.read("samples.parquet")


def go(videos, run, detector=None, *, suite=SUITE, force=False, tracker=None, **options):
    """Run or go on; what the detector was asked, and the samples."""
    detector = detector or RedAndGreen()
    samples = evaluate(plan_videos(videos, suite), make_scorer(detector, tracker=tracker, **options), run, force=force)
    return detector.videos, samples


def temporary_files(run):
    return [path for path in run.folder.rglob("*") if path.name.endswith((".tmp", ".part"))]


def test_a_run_from_pixels_to_scores(videos, tmp_path):
    run, told = Run(tmp_path / "run"), []
    samples = evaluate(
        plan_videos(videos, SUITE),
        make_scorer(RedAndGreen()),
        run,
        on_progress=lambda *what: told.append(what),
    )
    assert [str(s.score.diagnosis.value) for s in samples] == ["correct", "reversed", "static", "correct"]
    assert told == [("scoring", i + 1, 4, f"{s.prompt_id}.mp4") for i, s in enumerate(SPECS)]
    for sample, spec in zip(samples, SPECS, strict=True):
        # H.264 moves an edge by a pixel at most
        tracks, truth = run.tracks(sample.id), true_tracks(spec)
        assert np.nanmax(np.abs(tracks.subject - truth.subject)) <= 2
        assert (run.folder / "videos" / sample.video).samefile(videos / sample.video)
    assert [s.id for s in run.samples()] == [s.id for s in samples]
    assert run.manifest.suite.sha256 == SUITE.sha256
    assert temporary_files(run) == []


def test_a_finished_run_has_nothing_to_do(videos, tmp_path, undisturbed):
    run = Run(tmp_path / "run")
    assert len(go(videos, run)[0]) == 4
    before = {p: p.stat().st_mtime_ns for part in ("samples", "tracks", "detections") for p in
              (run.folder / part).rglob("*.*")}  # fmt: skip
    assert len(before) == 12
    again, samples = go(videos, run)
    assert again == []
    assert len(samples) == 4
    assert {p: p.stat().st_mtime_ns for p in before} == before, "nothing is written again"
    assert run.disk.read("samples.parquet") == undisturbed


@pytest.mark.parametrize("stop_at", [1, 2, 4])
def test_an_interrupted_run_goes_on_where_it_stopped(videos, tmp_path, undisturbed, stop_at):
    run = Run(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        go(videos, run, RedAndGreen(fail_at=stop_at))
    assert len(run.written_samples()) == stop_at - 1
    with pytest.raises(StoreError, match="has not finished"):
        run.samples()
    asked, _ = go(videos, run)
    assert asked == [f"{spec.prompt_id}.mp4" for spec in SPECS[stop_at - 1 :]]
    assert run.disk.read("samples.parquet") == undisturbed


LOST = [
    # what a crash or a user took away, and how many videos are detected again
    ("tracks/**/*.npz", 0),
    ("detections/**/*.npz", 0),
    ("samples/**/*.json", 0),
    ("samples.parquet", 0),
    ("files.parquet", 0),
    ("*.parquet", 0),
    ("run.json", 0),
    ("log.jsonl", 0),
    ("videos/*", 0),
    ("[st]*/**/*.*", 0),
    # what the tables of a finished run say is believed, as long as its videos are what they were
    ("[std]*/**/*.*", 0),
    ("[std]*/**/*", 4),
]


@pytest.mark.parametrize(("lost", "detected"), LOST)
def test_what_is_lost_is_made_again_from_what_is_there(videos, tmp_path, undisturbed, lost, detected):
    run = Run(tmp_path / "run")
    go(videos, run)
    if detected:
        (run.folder / "files.parquet").unlink()
    for path in run.folder.glob(lost):
        if path.is_file():
            path.unlink()
    assert len(go(videos, run)[0]) == detected
    assert run.disk.read("samples.parquet") == undisturbed
    assert sorted(p.name for p in (run.folder / "videos").iterdir()) == [f"{s.prompt_id}.mp4" for s in SPECS]


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
@pytest.mark.parametrize("table", ["files.parquet", "samples.parquet"])
def test_a_damaged_table_is_made_again(videos, tmp_path, undisturbed, damage, table):
    run = Run(tmp_path / "run")
    go(videos, run)
    whole = run.disk.read(table)
    run.disk.write_atomic(table, whole[: len(whole) // 2] if damage is None else damage)
    assert go(videos, run)[0] == []
    assert run.disk.read("samples.parquet") == undisturbed


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_damaged_files_are_made_again(videos, tmp_path, undisturbed, damage):
    run = Run(tmp_path / "run")
    go(videos, run)
    for path in [
        *run.folder.glob("files.parquet"),
        *run.folder.glob("samples/**/*.json"),
        *run.folder.glob("*/**/*.npz"),
    ]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage is None else damage)
    assert len(go(videos, run)[0]) == 4
    assert run.disk.read("samples.parquet") == undisturbed


def test_another_tracker_option_needs_no_detection(videos, tmp_path):
    run = Run(tmp_path / "run")
    go(videos, run)
    before = {s.id: s for s in run.samples()}
    asked, samples = go(videos, run, tracker={"gap": "0", "entry": "0.2"})
    assert asked == []
    assert run.manifest.tracker.options["entry"] == 0.2
    assert all(before[s.id].key != s.key for s in samples)
    assert run.tracks(samples[0].id).provenance["tracker"]["options"]["gap"] == 0
    # and back again
    assert go(videos, run)[0] == []
    assert {s.id: s.key for s in run.samples()} == {i: s.key for i, s in before.items()}


def test_a_table_of_other_settings_is_gone_before_the_work_begins(videos, tmp_path):
    """Else `dsrbench report` of a run killed in the middle would show the old figures under the new settings."""
    run = Run(tmp_path / "run")
    go(videos, run)

    def go_and_stop(**options):
        def stop(*_):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            evaluate(plan_videos(videos, SUITE), make_scorer(RedAndGreen(), **options), run, on_progress=stop)

    # killed with the same settings, the finished table is still true
    (run.folder / "files.parquet").unlink()
    go_and_stop()
    assert len(run.samples()) == 4
    go_and_stop(tracker={"gap": "0"})
    with pytest.raises(StoreError, match="has not finished"):
        run.samples()


REPLACED = ["in place", "by renaming"]


@pytest.mark.parametrize("how", REPLACED)
@pytest.mark.parametrize("force", [False, True])
def test_a_changed_video_is_detected_again_and_shown(videos, tmp_path, how, force):
    run = Run(tmp_path / "run")
    go(videos, run)
    new = Spec("m", "1001_RL", "LR", "LR")
    write_video(tmp_path / "new.mp4", new, true_tracks(new))
    target = videos / "1001_RL.mp4"
    if how == "in place":
        target.write_bytes((tmp_path / "new.mp4").read_bytes())
    else:
        os.replace(tmp_path / "new.mp4", target)
    asked, samples = go(videos, run, force=force)
    assert asked == ([f"{spec.prompt_id}.mp4" for spec in SPECS] if force else ["1001_RL.mp4"])
    assert samples[1].score.diagnosis.value == "correct"
    assert (run.folder / "videos/1001_RL.mp4").read_bytes() == target.read_bytes()
    assert temporary_files(run) == []


def test_a_touched_video_is_read_but_not_detected_again(videos, tmp_path, undisturbed):
    run = Run(tmp_path / "run")
    go(videos, run)
    for path in videos.iterdir():
        os.utime(path, ns=(1, 1))
    assert go(videos, run)[0] == []
    assert run.disk.read("samples.parquet") == undisturbed


def test_a_renamed_video_keeps_its_score_and_not_its_name(videos, tmp_path):
    run = Run(tmp_path / "run")
    go(videos, run)
    (videos / "1000_LR.mp4").rename(videos / "new_1000_LR.mp4")
    asked, samples = go(videos, run)
    assert asked == []
    assert samples[0].video == "new_1000_LR.mp4"
    assert (run.folder / "videos/new_1000_LR.mp4").is_file()


def test_a_video_that_is_there_again_is_no_failure_any_more(videos, tmp_path, undisturbed):
    run = Run(tmp_path / "run")
    (videos / "1002_L.mp4").rename(tmp_path / "kept.mp4")
    _, samples = go(videos, run)
    assert (samples[2].score.status.value, samples[2].score.reason) == ("failed", "no video for this prompt")
    (tmp_path / "kept.mp4").rename(videos / "1002_L.mp4")
    assert go(videos, run)[0] == ["1002_L.mp4"]
    assert run.disk.read("samples.parquet") == undisturbed


def test_a_file_in_the_run_that_is_no_link_of_ours_is_left_alone(videos, tmp_path):
    run = Run(tmp_path / "run")
    mine = run.folder / "videos/1000_LR.mp4"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    go(videos, run)
    go(videos, run, force=True)
    assert mine.read_bytes() == b"mine"


def test_videos_that_lie_in_the_run_already(videos, tmp_path):
    run = Run(tmp_path / "run")
    shutil.copytree(videos, run.folder / "videos/m")
    _, samples = go(run.folder / "videos", run)
    assert [s.model for s in samples] == ["m"] * 4
    assert len(list((run.folder / "videos").rglob("*.mp4"))) == 4
    _, samples = go(run.folder / "videos", run, force=True)
    assert {s.score.status.value for s in samples} == {"scored"}


def another(suite):
    prompts = (*suite.prompts, Prompt("more", "A dog.", "dog", "box", "LR"))
    return dataclasses.replace(suite, prompts=prompts)


MISMATCHES = [
    # what is other, and how it is told
    ({"threshold": 0.2}, SUITE, r"detector\.options\.threshold: None -> 0\.2"),
    ({}, another(SUITE), r"suite\.n_prompts: 4 -> 5"),
    ({}, dataclasses.replace(SUITE, version="2"), r"suite\.version: '1' -> '2'"),
    ({"a": 1, "b": 2, "c": 3, "d": 4}, SUITE, r"options\.a: .*options\.c: None -> 3 and 1 more"),
]


@pytest.mark.parametrize(("options", "suite", "message"), MISMATCHES)
def test_another_detector_or_suite_is_refused_unless_forced(videos, tmp_path, undisturbed, options, suite, message):
    run = Run(tmp_path / "run")
    go(videos, run)
    with pytest.raises(RunMismatchError, match=message) as caught:
        go(videos, run, suite=suite, **options)
    assert "give another --out folder, or --force" in str(caught.value)
    assert run.disk.read("samples.parquet") == undisturbed, "nothing is touched"
    asked, samples = go(videos, run, suite=suite, force=True, **options)
    assert len(asked) == 4
    assert len(samples) == len(suite)


def test_a_damaged_manifest_is_refused_unless_forced(videos, tmp_path, undisturbed):
    run = Run(tmp_path / "run")
    go(videos, run)
    run.disk.write_atomic("run.json", b"{")
    with pytest.raises(StoreError, match=r"run\.json is damaged"):
        go(videos, run)
    go(videos, run, force=True)
    assert run.disk.read("samples.parquet") == undisturbed


def test_force_does_everything_again(videos, tmp_path, undisturbed):
    run = Run(tmp_path / "run")
    go(videos, run)
    assert len(go(videos, run, force=True)[0]) == 4
    assert run.disk.read("samples.parquet") == undisturbed


def test_the_order_and_place_of_the_work_leave_no_trace(videos, tmp_path, undisturbed, monkeypatch):
    """Another folder, a relative path, one sample after the other by --limit, half-made files of a killed process."""
    monkeypatch.chdir(tmp_path)
    run = Run(tmp_path / "other place")
    for folder in ("samples/aa", "tracks/bb", "detections", "videos", "."):
        (run.folder / folder).mkdir(parents=True, exist_ok=True)
        (run.folder / folder / ".abc.tmp").write_bytes(b"half")
    for limit in (2, 1, 3, None):
        evaluate(plan_videos(videos.relative_to(tmp_path), SUITE, limit=limit), make_scorer(RedAndGreen()), run)
    assert run.disk.read("samples.parquet") == undisturbed
    assert temporary_files(run) == []


def test_a_crash_on_one_video_costs_that_video(videos, tmp_path):
    class Crashes(RedAndGreen):
        def detect(self, frames, labels):
            if self.videos[-1] == "1001_RL.mp4":
                raise ZeroDivisionError("by zero")
            if self.videos[-1] == "1002_L.mp4":
                raise BackendError("no boxes for this one")
            return super().detect(frames, labels)

    run = Run(tmp_path / "run")
    (videos / "1003_LTR.mp4").write_bytes(b"no video")
    _, samples = go(videos, run, Crashes())
    assert [s.score.status.value for s in samples] == ["scored", "failed", "failed", "failed"]
    assert samples[1].score.reason == "crashed: ZeroDivisionError: by zero"
    assert samples[2].score.reason == "no boxes for this one"
    assert samples[3].score.reason.startswith("1003_LTR.mp4: not a video")
    log = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in log] == ["start", "evaluated", "failed", "failed", "failed", "end"]
    assert "ZeroDivisionError" in log[2]["trace"]
    # failures are tried again
    asked, samples = go(videos, run)
    assert asked == ["1001_RL.mp4", "1002_L.mp4"]
    assert [s.score.status.value for s in samples] == ["scored", "scored", "scored", "failed"]


def test_a_noun_the_detector_does_not_know_is_invalid_not_failed(videos, tmp_path):
    class Picky(RedAndGreen):
        def check_labels(self, labels):
            raise BackendError("no class for 'cat'")

    asked, samples = go(videos, Run(tmp_path / "run"), Picky())
    assert asked == []
    assert {(s.score.status.value, s.score.reason) for s in samples} == {("invalid", "no class for 'cat'")}


def test_one_process_at_a_time(videos, tmp_path):
    run = Run(tmp_path / "run")
    with run.lock(), pytest.raises(RunLockedError, match="another process works on"):
        go(videos, Run(tmp_path / "run"))


def test_the_table_holds_no_paths_times_or_hosts(videos, tmp_path):
    import socket

    run = Run(tmp_path / "run")
    (videos / "1003_LTR.mp4").write_bytes(b"no video")
    go(videos, run)
    text = json.dumps([s.row() for s in run.samples()])
    assert str(tmp_path) not in text
    assert f'"{socket.gethostname()}"' not in text


def test_the_renderings_are_what_this_detector_sees():
    """A guard on this file's own detector: red and green squares, no others."""
    detections = RedAndGreen().detect(np.full((1, 20, 20, 3), 150, np.uint8), ["cat", "box"])
    assert len(detections[0]) == 0
    assert set("LRT") <= set(PLACES)
    assert SIDE > 8
