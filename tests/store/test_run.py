"""A run folder: what is written is found again, what is damaged is as if not there, equal runs are equal bytes."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import math
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from factories.samples import write_tables

from dsrbench.errors import RunLockedError, StoreError
from dsrbench.metric import score_tracks
from dsrbench.store import Run, RunManifest, Sample, SampleKey, SuiteRecord, VideoRecord, describe_changes, read_samples
from dsrbench.store.arrays import pack_detections, pack_tracks, unpack_detections, unpack_tracks
from dsrbench.types import (
    Certainty,
    Clause,
    Detections,
    Direction,
    FrameCounts,
    FrameState,
    Prompt,
    TrackDraws,
    VideoScore,
    VideoTracks,
)

CAT = np.linspace([0.0, 40, 20, 60], [80.0, 40, 100, 60], 81)
CHAIR = np.tile([40.0, 40, 60, 60], (81, 1))
TRACKS = VideoTracks(np.where(np.arange(81)[:, None] == 7, np.nan, CAT), CHAIR, (832, 480), 16.0)


def make_prompt(id="1000_LR", relations="LR", **fields):
    return Prompt(id, "A cat ünd a chair", "cat", "chair", relations, **fields)


SCORES = [
    # no video; no score; a score with a gap in its sequences; chains with and without their middle
    VideoScore.failed("no video"),
    VideoScore.invalid("too few scored frames: 3 of at least 20", n_scored=3),
    score_tracks(VideoTracks(CAT[:5], CHAIR[:5]), "LR", counts=None),
    score_tracks(TRACKS, "LR"),
    score_tracks(TRACKS, "LTR"),
    score_tracks(VideoTracks(CAT[::-1], CHAIR), "LR"),
]
DEPTH = np.tile([2.0, 1, 0.5, 0.5, 0.1], (81, 1))
DRONE = VideoTracks(CAT, np.full((81, 4), np.nan), (832, 480), 16.0, camera=np.tile(np.eye(3), (81, 1, 1)))
OTHERS = [
    # prompts of other kinds: one relation throughout, depth, a motion, several claims, several without a score
    (make_prompt("static", "L"), score_tracks(TRACKS, "L")),
    (make_prompt("depth", "LF"), score_tracks(dataclasses.replace(TRACKS, depth=DEPTH), "LF")),
    (Prompt("motion", "A drone", "drone", "", (), direction=Direction.LEFT), score_tracks(DRONE, ">L")),
]
CLAIMS = Prompt.of_clauses("two", "x", [Clause("drone", direction=Direction.LEFT), Clause("cat", "box", "LR")])


def scored_claims():
    score = score_tracks(dataclasses.replace(DRONE, further=(TRACKS,)), ">L+LR")
    kept = ("status", "reason", "dsr_score", "diagnosis")  # what a table has of each claim
    clauses = tuple(VideoScore(**{name: getattr(clause, name) for name in kept}) for clause in score.clauses)
    return dataclasses.replace(score, clauses=clauses)


SAMPLES = [
    Sample("wan", make_prompt(), seed, score, "a b/ü.mp4", "5" * 64, 81, 16.0, 832, 480, seed, "k")
    for seed, score in enumerate(SCORES)
] + [
    Sample("", make_prompt("x/../y", "LTR", scene="In a den", split="test", tags=("easy", "two words")), 0, SCORES[0]),
    Sample("../evil", make_prompt("."), -1, SCORES[3]),
    *(Sample("kinds", prompt, 0, score) for prompt, score in OTHERS),
    Sample("kinds", CLAIMS, 0, scored_claims()),
    Sample("kinds", CLAIMS, 1, VideoScore.failed("no video")),
]


def same(a, b):
    np.testing.assert_equal(dataclasses.astuple(a.score), dataclasses.astuple(b.score))
    blank = VideoScore.failed("")
    assert dataclasses.replace(a, score=blank).row() == dataclasses.replace(b, score=blank).row()
    assert a.prompt == b.prompt


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


def names(run):
    return sorted(p.relative_to(run.folder).as_posix() for p in run.folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("sample", SAMPLES, ids=range(len(SAMPLES)))
def test_samples_as_json(run, sample):
    run.write_sample(sample, VideoRecord("a.mp4", 5))
    found, video = run.written_samples()[sample.id]
    same(found, sample)
    assert video == VideoRecord("a.mp4", 5)
    # inside the folder, whatever the names; JSON that others can read
    (name,) = names(run)
    assert name.startswith("samples/")
    json.loads((run.folder / name).read_text(), parse_constant=lambda text: pytest.fail(text))


def test_samples_as_parquet(run):
    write_tables(run, SAMPLES)
    assert names(run) == ["files.parquet", "samples.parquet"]
    for found, sample in zip(run.samples(), sorted(SAMPLES, key=lambda s: s.id), strict=True):
        same(found, sample)


def test_no_samples(run):
    write_tables(run, [])
    assert run.samples() == []
    assert run.written_samples() == {}


def test_equal_samples_are_equal_bytes_in_any_order(tmp_path):
    written = set()
    for seed in range(5):
        run = Run(tmp_path / f"run {seed}")
        order = random.Random(seed).sample(SAMPLES, len(SAMPLES))
        for sample in order:
            run.write_sample(sample)
        write_tables(run, order if seed % 2 else [s for s, _ in run.written_samples().values()])
        written.add(run.disk.read("samples.parquet"))
    assert len(written) == 1


def test_slugs_are_safe_and_differ():
    parts = ("", "a", "A", "a b", "a-b", "a/b", "../a", ".", "ü", "x" * 300, "a\\b", "con:", "a\nb")
    keys = [SampleKey(model, prompt, seed) for model, prompt in itertools.product(parts, parts) for seed in (0, 1)]
    slugs = [key.slug for key in keys]
    assert len({slug.casefold() for slug in slugs}) == len(keys)
    for slug in slugs:
        shard, name = slug.split("/")
        assert len(shard) == 2
        assert len(name) < 200
        assert not set(name) & set('\\:*?"<>|\n ')
        assert not name.startswith("-")


DAMAGED = [
    # nothing, cut off, not JSON, not text, another value
    b"", b'{"model": "wan"', b"nonsense", b"\xff\xfe\x00", b"[]", b"null", b"3", b'"text"', b"{}",
]  # fmt: skip


@pytest.mark.parametrize("data", DAMAGED, ids=repr)
def test_damaged_samples_are_as_if_not_there(run, data):
    run.write_sample(SAMPLES[3])
    run.disk.write_atomic("samples/00/damaged.json", data)
    assert list(run.written_samples()) == [SAMPLES[3].id]


WRONG = [
    # a value of another type, or of none that is known, in each kind of column
    *((name, None) for name in ("model", "prompt_id", "text", "subject", "object")),
    *((name, None) for name in ("seed", "n_frames", "n_scored", "fps", "key", "tags")),
    ("model", 3), ("seed", "0"), ("seed", 0.5), ("seed", True), ("width", "832"), ("fps", "16"), ("reason", 0),
    ("type", "LX"), ("type", 5), ("object", "cat"), ("status", "fine"), ("diagnosis", "bad"), ("visited", "no"),
    ("dsr_score", "high"), ("g_fin", []), ("ssr_initial", "abc"), ("ssr_final", None), ("ssr_final", [[1]]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_values_are_no_sample(run, name, value):
    row = {**SAMPLES[3].row(), name: value}
    with pytest.raises(StoreError, match="a sample row cannot be read"):
        Sample.from_row(row)
    run.disk.write_atomic("samples/00/wrong.json", json.dumps(row).encode())
    assert run.written_samples() == {}


def test_every_column_is_needed_and_others_are_ignored():
    row = SAMPLES[3].row()
    same(Sample.from_row({**row, "future": 1}), SAMPLES[3])
    optional = {"held", "worst", "uncertain_frames", "compensated", "clauses"}
    for name in row.keys() - {"sample_id", "certainty", "p_pass", "score_low", "score_high"} - optional:
        with pytest.raises(StoreError, match=name):
            Sample.from_row({k: v for k, v in row.items() if k != name})


def test_rows_of_versions_without_certainty_are_read():
    columns = ("certainty", "p_pass", "score_low", "score_high")
    score = dataclasses.replace(SAMPLES[3].score, certainty=Certainty(0.25, 0.5, 0.75))
    sample = dataclasses.replace(SAMPLES[3], score=score)
    right = 0.25 if sample.score.passes() else 0.75
    assert {name: sample.row()[name] for name in columns} == dict(zip(columns, (right, 0.25, 0.5, 0.75), strict=True))
    same(Sample.from_row(sample.row()), sample)
    old = Sample.from_row({name: value for name, value in sample.row().items() if name not in columns})
    assert old.score.certainty is None


def test_tables_that_are_none(run, tmp_path):
    with pytest.raises(StoreError, match=r"has no samples\.parquet: its run has not finished"):
        run.samples()
    for data in (b"", b"PAR1", b"nonsense" * 100):
        run.disk.write_atomic("samples.parquet", data)
        with pytest.raises(StoreError, match="cannot read"):
            run.samples()
    with pytest.raises(StoreError, match="cannot read"):
        read_samples(tmp_path / "none.parquet")


def test_a_folder_named_like_a_partition_changes_nothing(tmp_path):
    run = Run(tmp_path / "model=other" / "seed=9")
    write_tables(run, SAMPLES[:1])
    assert [(s.model, s.seed) for s in run.samples()] == [("wan", 0)]


def full_tracks():
    state = np.array([FrameState.DETECTED, FrameState.ABSENT, FrameState.FILLED, FrameState.PROPAGATED], np.uint8)
    boxes = np.array([[0, 0, 1, 1], [np.nan] * 4, [1e-300, 0, 1e9, 0.1], [1 / 3, 0, 2 / 3, 1]])
    return VideoTracks(
        boxes, boxes[::-1], (832, 480), 16.5, subject_state=state, object_state=state[::-1],
        mask_area=np.array([[1.0, np.nan]] * 4), provenance={"detector": {"name": "x", "options": {"a": None}}},
    )  # fmt: skip


def deep_tracks():
    """Tracks of two claims with all that can be measured."""
    tracks = full_tracks()
    drawn = np.stack([tracks.subject] * 3), np.stack([tracks.object] * 3)
    draws = TrackDraws(*drawn, np.arange(60).reshape(3, 4, 5))
    bits = np.arange(4 * 2 * 49920, dtype=np.uint32).astype(np.uint8).reshape(4, 2, 49920)
    deep = dataclasses.replace(tracks, masks=bits, depth=np.arange(20).reshape(4, 5), draws=draws)
    moving = dataclasses.replace(tracks, camera=np.arange(36).reshape(4, 3, 3), provenance={"claim": 2})
    return dataclasses.replace(deep, further=(moving, full_tracks()))


def same_tracks(a, b):
    for name in ("subject", "object", "subject_state", "object_state", "mask_area", "masks", "depth", "camera"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.size, a.fps, a.provenance) == (b.size, b.fps, b.provenance)
    assert (a.draws is None) == (b.draws is None)
    if a.draws is not None:
        for name in ("subject", "object", "depth"):
            np.testing.assert_array_equal(getattr(a.draws, name), getattr(b.draws, name))
    for one, other in zip(a.further, b.further, strict=True):
        same_tracks(one, other)


EMPTY = VideoTracks(np.empty((0, 4)), np.empty((0, 4)))


@pytest.mark.parametrize("tracks", [EMPTY, TRACKS, full_tracks(), deep_tracks()])
def test_tracks(run, tracks):
    key = SAMPLES[0].id
    assert run.tracks(key) is None
    run.write_tracks(key, tracks, {"key": "stage 1"})
    same_tracks(run.tracks(key), tracks)
    same_tracks(run.tracks(key, "stage 1"), tracks)
    # made under other settings
    assert run.tracks(key, "stage 2") is None
    found, meta = unpack_tracks(pack_tracks(tracks, {"key": "k", "note": [1, None]}))
    same_tracks(found, tracks)
    assert (meta["key"], meta["note"]) == ("k", [1, None])


FRAMES = [
    # no frames; frames without detections; some
    [],
    [Detections.none()] * 3,
    [
        Detections.none(),
        Detections([[0, 0, 1, 1], [1 / 3, 0, 1, 1]], [0.5, 0.1], [0, 1]),
        Detections.none(),
        Detections([[2, 2, 3, 3]], [1.0], [1]),
        Detections.none(),
    ],
]


@pytest.mark.parametrize("frames", FRAMES, ids=len)
def test_detections(run, frames):
    key = SAMPLES[0].id
    assert run.read_detections(key, "k") is None
    run.write_detections(key, frames, {"key": "k", "size": [8, 6]})
    found, meta = run.read_detections(key, "k")
    assert meta["size"] == [8, 6]
    assert len(found) == len(frames)
    for a, b in zip(found, frames, strict=True):
        for name in ("xyxy", "score", "label"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
            assert getattr(a, name).dtype == getattr(b, name).dtype
    assert run.read_detections(key, "other") is None


def test_equal_arrays_are_equal_bytes():
    assert pack_tracks(TRACKS, {"b": 1, "a": 2}) == pack_tracks(TRACKS, {"a": 2, "b": 1})


class Bomb:
    """Goes off when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def test_nothing_is_ever_unpickled(run):
    key = SAMPLES[0].id
    with pytest.raises((ValueError, TypeError)):
        pack_detections([], {"key": Bomb()})
    packed = io.BytesIO()
    np.savez(
        packed, meta=np.array(Bomb(), object), subject=np.array([Bomb()], object), count=np.array([Bomb()], object)
    )
    for data in (packed.getvalue(), pickle.dumps(Bomb())):
        with pytest.raises(StoreError):
            unpack_tracks(data)
        with pytest.raises(StoreError):
            unpack_detections(data)
        for folder in ("tracks", "detections"):
            run.disk.write_atomic(f"{folder}/{key.slug}.npz", data)
        assert run.tracks(key) is None
        assert run.read_detections(key, "k") is None


def test_damaged_arrays_are_as_if_not_there(run):
    rng = random.Random(5)
    for pack, unpack in (
        (pack_tracks(TRACKS, {"key": "k"}), unpack_tracks),
        (pack_detections(FRAMES[2], {}), unpack_detections),
    ):
        cut = [pack[:n] for n in range(0, len(pack), 7)]
        flipped = []
        for _ in range(1500):
            data = bytearray(pack)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            flipped.append(bytes(data))
        n_damaged = 0
        for data in cut + flipped:
            try:
                unpack(data)
            except StoreError:
                n_damaged += 1
        assert n_damaged > 1000


OTHER_ARRAYS = [
    # a plain array; an archive of other arrays; of a note that is no object; of too few frames; of other shapes
    ("npy", None),
    ("npz", {"x": np.zeros(3)}),
    ("npz", {"meta": np.array("[]"), "count": np.zeros(1, int)}),
    ("npz", {"meta": np.array("{"), "count": np.zeros(1, int)}),
    ("npz", {"meta": np.array("{}"), "count": np.array([5]), "xyxy": np.zeros((2, 4)), "score": [1, 1], "label": [0]}),
    ("npz", {"meta": np.array("{}"), "count": np.array([1]), "xyxy": np.zeros((1, 3)), "score": [1], "label": [0]}),
]


@pytest.mark.parametrize(("kind", "arrays"), OTHER_ARRAYS)
def test_other_arrays_are_refused(kind, arrays):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3)) if kind == "npy" else np.savez(buffer, **arrays)
    for unpack in (unpack_tracks, unpack_detections):
        with pytest.raises(StoreError):
            unpack(buffer.getvalue())


def test_manifests(run):
    assert run.manifest == RunManifest()
    with pytest.raises(StoreError, match=r"is no run folder: it has no run\.json"):
        Run.open(run.folder)
    manifest = RunManifest(suite=SuiteRecord("ü"), seeds=(0, 1), counts=FrameCounts.published())
    run.write_manifest(manifest)
    assert Run.open(run.folder).manifest == manifest
    with pytest.raises(ValueError, match="JSON compliant"):
        run.write_json("run.json", {"threshold": math.nan})
    # the old one is still there
    assert run.manifest.seeds == (0, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"null",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"schema": 1, "seeds": ["a"]}',
        b'{"schema": 1, "counts": 5}',
    ],
)
def test_damaged_manifests(run, data):
    run.disk.write_atomic("run.json", data)
    with pytest.raises(StoreError, match=r"run\.json is damaged"):
        _ = run.manifest


def test_manifests_of_the_future(run):
    run.disk.write_atomic("run.json", b'{"schema": 2}')
    with pytest.raises(StoreError, match="has schema 2, this dsrbench reads 1"):
        _ = run.manifest


CHANGES = [
    ({}, {}, []),
    ({"a": 1}, {"a": 1}, []),
    ({"a": 1}, {}, ["a: 1 -> None"]),
    ({"b": 1, "a": 1}, {"b": 2, "a": 2}, ["a: 1 -> 2", "b: 1 -> 2"]),
    ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 3, "d": 2}}}, ["a.b.c: 1 -> 3"]),
    ({"a": {"b": 1}}, {"a": 5}, ["a: {'b': 1} -> 5"]),
]


@pytest.mark.parametrize(("old", "new", "expected"), CHANGES)
def test_changes(old, new, expected):
    assert describe_changes(old, new) == expected


def test_locking_clears_what_a_killed_process_left(run):
    left = [".a.tmp", "samples/00/.b.tmp", "tracks/.c.tmp", "detections/.d.tmp", "videos/x/.e.tmp", "report/.f.tmp"]
    for name in [*left, "samples/00/kept.json", "videos/kept.mp4"]:
        run.disk.write_atomic(name, b"")
    with run.lock():
        assert {*names(run)} - {"run.lock"} == {"samples/00/kept.json", "videos/kept.mp4"}
        with pytest.raises(RunLockedError), Run(run.folder).lock():
            pass


def test_clearing_keeps_the_videos_and_the_log(run):
    run.write_manifest(RunManifest())
    run.write_sample(SAMPLES[0])
    run.write_tracks(SAMPLES[0].id, TRACKS, {})
    run.write_detections(SAMPLES[0].id, [], {})
    write_tables(run, SAMPLES)
    run.log("started", folder=Path("x"))
    run.disk.write_atomic("videos/a.mp4", b"")
    run.disk.write_atomic("report/summary.json", b"")
    run.clear()
    assert names(run) == ["log.jsonl", "videos/a.mp4"]


def test_log_lines_are_json(run):
    run.log("started", folder=Path("x"), n=3)
    run.log("ended")
    first, second = map(json.loads, run.disk.read("log.jsonl").decode().splitlines())
    assert (first["event"], first["folder"], first["n"], second["event"]) == ("started", "x", 3, "ended")
    assert {"time", "host"} <= first.keys()
