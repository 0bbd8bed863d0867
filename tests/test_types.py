"""Values check themselves when they are made: what each takes, refuses, and works out."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from dsrbench.boxes import check_boxes
from dsrbench.errors import BoxError, InputError, PromptError
from dsrbench.types import (
    Clause,
    Clip,
    Detections,
    Direction,
    FrameCounts,
    FrameState,
    Prompt,
    Relation,
    Status,
    VideoScore,
    VideoTracks,
)

NAN = [math.nan] * 4
BOX = [0.0, 0, 10, 10]


def test_mirrored_relations():
    assert {r.value: r.mirrored.value for r in Relation} == {"L": "R", "R": "L", "T": "T", "U": "U", "F": "F", "B": "B"}
    assert [r.value for r in Relation if r.needs_depth] == ["F", "B"]


CHAINS = [
    # codes, joined
    ("LR", "LR"),
    (["L", "T", "R"], "LTR"),
    ((Relation.UNDER, "F"), "UF"),
    ("LL", "LL"),
    ([Relation.LEFT], "L"),
]


@pytest.mark.parametrize(("codes", "joined"), CHAINS)
def test_chains(codes, joined):
    assert "".join(r.value for r in Relation.chain(codes)) == joined


NO_CHAINS = [
    # none, unknown ones
    ("", "expected relations, such as 'LR'"),
    ("LX", r"unknown relation in 'LX'.*Known codes: L \(left\), R \(right\), T \(top\)"),
    ("lr", "unknown relation"),
    (["left", "right"], "unknown relation"),
]


@pytest.mark.parametrize(("codes", "message"), NO_CHAINS)
def test_no_chains(codes, message):
    with pytest.raises(PromptError, match=message):
        Relation.chain(codes)


PROMPT = {"id": "1", "text": "A cat ...", "subject": "cat", "object": "box", "relations": "LT"}
NO_PROMPTS = [
    *(
        ({name: value}, f"{name} must be a non-empty text")
        for name in ("id", "text", "subject", "object")
        for value in ("", " ", 5, None)
    ),
    ({"object": "cat"}, "must differ"),
    ({"object": "CAT"}, "must differ"),
    ({"relations": ""}, "expected relations"),
    ({"object": "", "relations": ""}, "object must be a non-empty text"),
    ({"direction": ">L"}, "has neither object nor relations"),
    (
        {"object": "", "relations": "", "direction": "left"},
        r"'left' is no direction of motion. Known codes: >L \(left\)",
    ),
]


CLAUSES = [
    # subject, object, type, static, needs depth
    ("cat", "box", "LR", False, False),
    ("cat", "box", "L", True, False),
    ("cat", "box", "LF", False, True),
    ("drone", "", ">U", False, False),
]


@pytest.mark.parametrize(("subject", "object", "type", "is_static", "needs_depth"), CLAUSES)
def test_clauses(subject, object, type, is_static, needs_depth):
    clause = Clause.of_type(subject, object, type)
    assert (clause.subject, clause.object, clause.type) == (subject, object, type)
    assert (clause.is_static, clause.needs_depth) == (is_static, needs_depth)
    assert clause.nouns == tuple(filter(None, (subject, object)))


def test_directions_in_a_mirror():
    assert {d.value: d.mirrored.value for d in Direction} == {">L": ">R", ">R": ">L", ">U": ">U", ">D": ">D"}


def test_prompts_of_several_claims():
    drone, bird = Clause("drone", direction=Direction.LEFT), Clause("bird", "tree", (Relation.LEFT,))
    prompt = Prompt.of_clauses("p", "text", [drone, bird], scene="in a park", tags=("x",))
    assert prompt.clauses == (drone, bird)
    assert (prompt.subject, prompt.object, prompt.type, prompt.nouns) == (
        "drone",
        "",
        ">L+L",
        ("drone", "bird", "tree"),
    )
    assert prompt.alone(bird) == Prompt("p", "text", "bird", "tree", (Relation.LEFT,), "in a park", "", ("x",))
    assert Prompt(**PROMPT).alone(Prompt(**PROMPT).clauses[0]) == Prompt(**PROMPT)
    with pytest.raises(PromptError, match="at least one claim"):
        Prompt.of_clauses("p", "text", [])


@pytest.mark.parametrize(("fields", "message"), NO_PROMPTS)
def test_no_prompts(fields, message):
    with pytest.raises(PromptError, match=message):
        Prompt(**{**PROMPT, **fields})


def test_prompts():
    prompt = Prompt(**PROMPT)
    assert prompt.relations == (Relation.LEFT, Relation.TOP)
    assert prompt.type == "LT"
    assert prompt == Prompt(**{**PROMPT, "relations": [Relation.LEFT, "T"]})
    assert len({prompt, Prompt(**PROMPT)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        prompt.id = "2"


COUNTS = [
    # frames -> scored, redundant, run, window, gap
    (0, (4, 0, 2, 1, 0)),
    (1, (4, 0, 2, 1, 0)),
    (16, (4, 3, 2, 1, 1)),
    (33, (8, 7, 2, 1, 2)),
    (49, (12, 10, 2, 2, 3)),
    (81, (20, 16, 4, 3, 5)),
    (162, (40, 32, 8, 6, 10)),
    (500, (123, 99, 25, 19, 31)),
]


@pytest.mark.parametrize(("n_frames", "expected"), COUNTS)
def test_scaled_counts(n_frames, expected):
    assert dataclasses.astuple(FrameCounts.for_frames(n_frames)) == expected


def test_published_counts():
    assert dataclasses.astuple(FrameCounts.published()) == (20, 16, 4, 3, 5)


@pytest.mark.parametrize(
    "fields", [{"scored": 0}, {"run": 0}, {"window": -1}, {"gap": -1}, {"redundant": 1.5}, {"scored": "9"}]
)
def test_no_counts(fields):
    with pytest.raises(InputError, match=f"frame count '{next(iter(fields))}' must be a whole number"):
        FrameCounts(**fields)


@pytest.mark.parametrize(
    "frames", [np.zeros((2, 4, 4, 3)), np.zeros((4, 4, 3), np.uint8), np.zeros((2, 4, 4, 4), np.uint8)]
)
def test_no_clips(frames):
    with pytest.raises(InputError, match=r"must be uint8 \[T, H, W, 3\]"):
        Clip(frames, 8.0)


def test_detections():
    assert len(Detections.none()) == 0
    assert Detections.none().xyxy.shape == (0, 4)
    # lists become arrays, one box may be flat
    one = Detections([1, 2, 3, 4], 0.5, 1)
    assert (one.xyxy.shape, one.score.tolist(), one.label.dtype) == ((1, 4), [0.5], np.int64)
    with pytest.raises(BoxError, match=r"2 boxes.*1 scores.*2 labels"):
        Detections([BOX, BOX], [0.5], [0, 1])


BOXES = [
    # no frames; absent; a point; whole numbers; lists
    np.empty((0, 4)),
    [NAN, BOX],
    [[5, 5, 5, 5]],
    np.array([BOX], np.int32),
    [BOX, [1, 2, 3, 4]],
]


@pytest.mark.parametrize("boxes", BOXES, ids=range(len(BOXES)))
def test_boxes(boxes):
    checked = check_boxes(boxes)
    assert checked.dtype == np.float64
    np.testing.assert_array_equal(checked, np.asarray(boxes, float))


NO_BOXES = [
    # shapes
    ([], r"shape \[T, 4\].*got \[0\]"),
    (BOX, r"got \[4\]"),
    ([[1, 2, 3]], r"got \[1, 3\]"),
    ([[BOX]], r"got \[1, 1, 4\]"),
    # no numbers
    ("box", "expected numbers"),
    ([["a", "b", "c", "d"]], "expected numbers"),
    ([BOX, [1, 2]], "expected numbers"),
    # part of a box is NaN; infinity; upside down; the first frame at fault is named, absent ones are not at fault
    ([NAN, BOX, [0, 0, math.nan, 1]], "NaN or infinity in a box at frame 2"),
    ([[0, 0, math.inf, 1]], "NaN or infinity in a box at frame 0"),
    ([[-math.inf, 0, math.inf, 1]], "NaN or infinity"),
    ([BOX, [1, 0, 0, 1], [0, 1, 1, 0]], "negative width or height at frame 1"),
]


@pytest.mark.parametrize(("boxes", "message"), NO_BOXES)
def test_no_boxes(boxes, message):
    with pytest.raises(BoxError, match=f"subject: .*{message}"):
        check_boxes(boxes, "subject")


def test_tracks_work_out_states():
    tracks = VideoTracks([NAN, BOX], [BOX, BOX])
    assert tracks.subject_state.tolist() == [FrameState.ABSENT, FrameState.DETECTED]
    assert (len(tracks), tracks.n_filled, tracks.size, tracks.fps) == (2, 0, (0, 0), 0.0)


def test_filled_frames_are_counted_once():
    tracks = VideoTracks([BOX] * 4, [BOX] * 4, subject_state=[1, 3, 3, 1], object_state=[1, 1, 3, 3])
    assert tracks.n_filled == 3


def test_no_tracks():
    with pytest.raises(BoxError, match="subject has 2 frames, object has 1"):
        VideoTracks([BOX, BOX], [BOX])
    with pytest.raises(BoxError, match=r"object states must be \[2\], one a frame, got \[3\]"):
        VideoTracks([BOX, BOX], [BOX, BOX], object_state=[1, 1, 1])
    with pytest.raises(BoxError, match="object: NaN"):
        VideoTracks([BOX], [[0, 0, 1, math.nan]])


PASSES = [
    # invalid and failed ones never do, not even from 0
    (VideoScore.invalid("why"), 0.0, False),
    (VideoScore.failed("why"), 0.0, False),
    # at the threshold; below it
    (VideoScore(Status.SCORED, dsr_score=0.7), 0.7, True),
    (VideoScore(Status.SCORED, dsr_score=0.6999), 0.7, False),
    # a chain that missed a place; one that did not
    (VideoScore(Status.SCORED, dsr_score=1.0, visited=False), 0.0, False),
    (VideoScore(Status.SCORED, dsr_score=1.0, visited=True), 0.7, True),
]


@pytest.mark.parametrize(("score", "threshold", "passes"), PASSES)
def test_passes(score, threshold, passes):
    assert score.passes(threshold) is passes


def test_no_score_is_nan_never_a_number():
    for score in (VideoScore.invalid("a", n_scored=7), VideoScore.failed("b")):
        assert all(math.isnan(getattr(score, name)) for name in ("dsr_score", "r_init", "g_init", "r_fin", "g_fin"))
        assert score.diagnosis is None
    # the arrays of two scores are not one
    assert VideoScore.failed("a").ssr_initial is not VideoScore.failed("a").ssr_initial
