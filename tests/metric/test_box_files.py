"""Boxes as JSON lines: every bad input has a clear message, one bad line spoils no other, memory stays flat."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import pytest

from dsrbench.errors import InputError
from dsrbench.metric import score_tracks
from dsrbench.metric.box_files import LINES_AT_ONCE, score_lines, tracks_from_line
from dsrbench.types import Status

CAT, BOX = [0, 0, 10, 10], [20, 0, 30, 10]
FRAME = {"frame": 0, "labels": ["cat", "box"], "boxes_xyxy": [CAT, BOX]}
LINE = {"frames": [FRAME], "type": "LR", "subject": "cat", "object": "box"}


def with_frame(**fields):
    return {**LINE, "frames": [{**FRAME, **fields}]}


def without(value, name):
    return {key: v for key, v in value.items() if key != name}


BAD = [
    # no object at all
    ([], "JSON object a line, got list"),
    (None, "got NoneType"),
    # fields that are absent
    ({}, "needs frames, type, subject, object"),
    (without(LINE, "type"), "needs type"),
    # names
    ({**LINE, "subject": ""}, "two different names"),
    ({**LINE, "subject": 5}, "two different names"),
    ({**LINE, "object": "cat"}, "two different names"),
    # types
    ({**LINE, "type": None}, "type must be relation codes such as 'LR', got None"),
    ({**LINE, "type": ["L", "R"]}, "type must be relation codes"),
    ({**LINE, "type": ""}, "expected relations"),
    ({**LINE, "type": "LX"}, "'X' is no relation"),
    ({**LINE, "type": ">X"}, "direction"),
    ({**LINE, "type": ">L", "subject": ""}, "subject must be a name, got ''"),
    ({"frames": [FRAME], "type": ">L"}, "needs subject"),
    # numbers of frames
    *(({**LINE, "n_frames": n}, "n_frames must be a whole number") for n in (0, -1, 2.5, "81", True, None, 10**9)),
    # frames
    ({**LINE, "frames": {}}, "frames must be a list, got dict"),
    ({**LINE, "frames": [7]}, "expected frames with"),
    ({**LINE, "frames": [[]]}, "expected frames with"),
    *(({**LINE, "frames": [without(FRAME, name)]}, name) for name in FRAME),
    ({**LINE, "frames": [FRAME, FRAME]}, "frame 0 is given twice"),
    # frame numbers
    *((with_frame(frame=n), r"is not in 0\.\.80") for n in (-1, 81, 1.0, "0", None, True, [0])),
    ({**with_frame(frame=16), "n_frames": 16}, r"16 is not in 0\.\.15"),
    # labels and boxes
    (with_frame(labels=["cat"]), "a label a box, in two lists; got 1 and 2"),
    (with_frame(labels="ab"), "got str and 2"),
    (with_frame(labels=None), "got NoneType and 2"),
    (with_frame(boxes_xyxy={"a": CAT, "b": BOX}), "got 2 and dict"),
    *(
        (with_frame(boxes_xyxy=[CAT, bad]), "expected a box x0 <= x1")
        for bad in (
            # not four numbers
            None, 5, "1234", [], [0, 0, 1], [0, 0, 1, 1, 1], [0, 0, 1, "1"], [0, 0, 1, None], [0, 0, 1, [1]], {"x": 0},
            # not finite, too large, turned round
            [0, 0, 1, float("nan")], [0, 0, float("inf"), 1], [0, 0, 1e9, 1], [-(10**400), 0, 1, 1],
            [1, 0, 0, 1], [0, 1, 1, 0],
        )
    ),
    # also in a box nobody asked for
    (with_frame(labels=["cat", "box", "lamp"], boxes_xyxy=[CAT, BOX, [1, 1, 0, 0]]), "frame 0: expected a box"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), BAD, ids=lambda v: v if isinstance(v, str) else None)
def test_bad_lines(tmp_path, line, message):
    with pytest.raises(InputError, match=message):
        tracks_from_line(line)
    # in a file it fails alone
    path = tmp_path / "boxes.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in (LINE, line, LINE)))
    scores = [score for _, _, score in score_lines(path)]
    assert [score.status.value for score in scores] == ["invalid", "failed", "invalid"]


USED = [
    # frame, whether it has one box of each entity
    ({**FRAME, "labels": [], "boxes_xyxy": []}, False),
    ({**FRAME, "labels": ["cat"], "boxes_xyxy": [CAT]}, False),
    ({**FRAME, "labels": ["cat", "lamp"]}, False),
    ({**FRAME, "labels": ["cat", "cat"]}, False),
    ({**FRAME, "labels": ["cat", "box", "cat"], "boxes_xyxy": [CAT, BOX, CAT]}, False),
    ({**FRAME, "labels": ["cat", "cat box"]}, False),
    (FRAME, True),
    # a third thing does no harm, order does not matter, numbers may be whole or not
    ({**FRAME, "labels": ["cat", "box", "lamp"], "boxes_xyxy": [CAT, BOX, CAT]}, True),
    ({**FRAME, "labels": ["box", "cat"], "boxes_xyxy": [BOX, CAT]}, True),
    ({**FRAME, "boxes_xyxy": [[0.0, 0.0, 10.0, 10.0], BOX]}, True),
]


@pytest.mark.parametrize(("frame", "used"), USED)
def test_frames_used(frame, used):
    tracks, relations = tracks_from_line({**LINE, "frames": [{**frame, "frame": 3}]})
    assert len(tracks) == 81
    assert "".join(relations) == "LR"
    if used:
        assert tracks.subject[3].tolist() == CAT
        assert tracks.object[3].tolist() == BOX
        tracks.subject[3] = tracks.object[3] = float("nan")
    assert str(tracks.subject.min()) == str(tracks.object.min()) == "nan"


def video(number, n_frames=81):
    """A line whose subject goes from left to right."""
    frames = [
        {"frame": t, "labels": ["cat", "box"], "boxes_xyxy": [[t * 5, 0, t * 5 + 40, 40], [180, 0, 220, 40]]}
        for t in range(n_frames)
    ]
    return json.dumps({**LINE, "video": f"{number:05d}.mp4", "frames": frames}) + "\n"


@pytest.mark.parametrize("n_lines", [0, 1, LINES_AT_ONCE, LINES_AT_ONCE + 1])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_line_has_a_score_in_order(tmp_path, pack, n_lines):
    # the name says nothing: what is packed is seen
    path = tmp_path / "boxes"
    path.write_bytes(pack(b"".join(video(i).encode() for i in range(n_lines))))
    rows = list(score_lines(path))
    assert [(number, name) for number, name, _ in rows] == [(i + 1, f"{i:05d}.mp4") for i in range(n_lines)]
    assert {score.status for _, _, score in rows} <= {Status.SCORED}


def test_names_blank_lines_and_a_missing_last_newline(tmp_path):
    path = tmp_path / "boxes.jsonl"
    path.write_text("\n" + video(7) + "  \n" + json.dumps(LINE) + "\n" + json.dumps({**LINE, "video": "x"}))
    assert [(number, name) for number, name, _ in score_lines(path)] == [(2, "00007.mp4"), (4, "line 4"), (5, "x")]


NO_JSON = [
    # not JSON, cut off, two values, a number of thousands of digits, nested too deeply
    ("boxes", "not JSON: Expecting value at column 1"),
    ('{"frames": [', "not JSON"),
    ("{} {}", "not JSON: Extra data"),
    ('{"n_frames": ' + "1" * 5000 + "}", "digits"),
    ("[" * 200_000, "recursion"),
]


@pytest.mark.parametrize(("text", "message"), NO_JSON, ids=[message for _, message in NO_JSON])
def test_lines_that_are_no_json(tmp_path, text, message):
    path = tmp_path / "boxes.jsonl"
    path.write_text(video(1) + text + "\n" + video(2))
    rows = list(score_lines(path))
    assert [score.status.value for _, _, score in rows] == ["scored", "failed", "scored"]
    assert message in rows[1][2].reason


PACKED = gzip.compress("".join(video(i) for i in range(20)).encode())
BAD_FILES = [
    # cut off: in the header, in the data, in the check sum
    PACKED[:5],
    PACKED[: len(PACKED) // 2],
    PACKED[:-4],
    # damaged: flipped bits, a wrong check sum, rubbish behind
    PACKED[:300] + bytes(b ^ 255 for b in PACKED[300:320]) + PACKED[320:],
    PACKED[:-8] + b"\0" * 8,
    PACKED + b"rubbish",
]


def test_bytes_that_are_no_text_cost_their_line_only(tmp_path):
    path = tmp_path / "boxes.jsonl"
    path.write_bytes(video(1).encode() + b"\xff\xfe\n" + video(2).encode())
    assert [score.status.value for _, _, score in score_lines(path)] == ["scored", "failed", "scored"]


def test_long_videos_are_scored_before_they_fill_the_memory(tmp_path):
    path = tmp_path / "boxes.jsonl"
    long = json.dumps({"type": "LR", "subject": "a", "object": "b", "n_frames": 100_000, "frames": []}) + "\n"
    path.write_text(long * 40)
    tracemalloc.start()
    rows = list(score_lines(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(rows) == 40
    assert peak < 150e6, "40 such videos at once take 256 MB and more"


@pytest.mark.parametrize("data", BAD_FILES, ids=range(len(BAD_FILES)))
def test_bad_files(tmp_path, data):
    path = tmp_path / "boxes.jsonl.gz"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"cannot read boxes from .*boxes\.jsonl\.gz: "):
        list(score_lines(path))


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        list(score_lines(tmp_path / "none.jsonl"))
    with pytest.raises(InputError, match="Is a directory"):
        list(score_lines(tmp_path))


def test_memory_is_flat(tmp_path):
    peaks = []
    for n_lines in (600, 3000):
        path = tmp_path / f"{n_lines}.jsonl"
        with path.open("w") as file:
            file.writelines(video(i, 21) for i in range(n_lines))
        tracemalloc.start()
        assert sum(score.status is Status.SCORED for _, _, score in score_lines(path)) == n_lines
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2


@pytest.mark.parametrize(("type", "expected"), [(">r", 1.0), (">L", 0.0), (">D", 0.5)])
def test_a_motion_needs_no_object(type, expected):
    frames = [{"frame": t, "labels": ["cat"], "boxes_xyxy": [[t, 0, t + 10, 10]]} for t in range(81)]
    tracks, claim = tracks_from_line({"frames": frames, "type": type, "subject": "cat"})
    assert score_tracks(tracks, claim).dsr_score == pytest.approx(expected, abs=0.05)
    two = [{**frame, "labels": ["cat", "cat"], "boxes_xyxy": frame["boxes_xyxy"] * 2} for frame in frames]
    assert score_tracks(*tracks_from_line({"frames": two, "type": type, "subject": "cat"})).status is Status.INVALID


def test_one_relation_throughout():
    frames = [{**FRAME, "frame": t} for t in range(81)]
    for type, passes in (("L", True), ("r", False)):
        assert score_tracks(*tracks_from_line({**LINE, "frames": frames, "type": type})).passes() is passes
