"""`dsrbench score` as a user runs it: one JSON line a video, whatever the lines are like."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from clips import box_line, dsrbench, environment, error_line

EXAMPLE = Path(__file__).parents[2] / "benchmark/examples/boxes.jsonl"


@pytest.fixture
def boxes(tmp_path):
    def write(*lines, name="boxes.jsonl"):
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        (tmp_path / name).write_text("\n".join(texts) + "\n", encoding="utf-8")
        return tmp_path / name

    return write


def rows(text):
    return [json.loads(line, parse_constant=lambda name: pytest.fail(name)) for line in text.splitlines()]


def test_good_lines(boxes, tmp_path):
    path = boxes(box_line("a.mp4"), box_line("b.mp4", "RL"), "", box_line("c.mp4", "L"))
    done = dsrbench("score", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [(row["video"], row["diagnosis"]) for row in rows(done.stdout)] == [
        ("a.mp4", "correct"),
        ("b.mp4", "reversed"),
        ("c.mp4", "static"),
    ]
    assert done.stderr.startswith("3 videos: Accuracy@0.7 0.333, coverage 1.000, mean score of the scored ")


def test_the_example_of_the_readme(tmp_path):
    done = dsrbench("score", EXAMPLE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(rows(done.stdout)) == len(EXAMPLE.read_text().splitlines())


NAN_FRAME = {"frame": 0, "labels": ["cat"], "boxes_xyxy": [[0, 0, float("nan"), 1]]}
BAD = [
    # the line, and the reason in its row
    ("not json", "not JSON: Expecting value at column 1"),
    ("[]", "expected a JSON object a line, got list"),
    ("{}", "a line needs frames, type, subject, object"),
    ('{"video": "x", "frames": []}', "a line needs type, subject, object"),
    ("[" * 100_000, ""),
    (json.dumps(box_line("x", frames=[NAN_FRAME])), "frame 0: expected a box"),
    (json.dumps(box_line("x", type="LX")), "'X' is no relation"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "reason"), BAD, ids=[reason[:30] or "deep" for _, reason in BAD])
def test_a_bad_line_costs_itself_only(boxes, tmp_path, line, reason):
    path = boxes(box_line("a.mp4"), line, box_line("c.mp4"))
    done = dsrbench("score", path, cwd=tmp_path)
    assert error_line(done, 8) == "dsrbench: 1 of 3 lines could not be read"
    found = rows(done.stdout)
    assert [row["status"] for row in found] == ["scored", "failed", "scored"]
    assert reason in found[1]["reason"]
    assert found[1]["dsr_score"] is None
    assert "failed: line 2" in done.stderr


def test_of_many_bad_lines_five_are_told(boxes, tmp_path):
    done = dsrbench("score", boxes(*["{}"] * 300), cwd=tmp_path)
    assert error_line(done, 8) == "dsrbench: 300 of 300 lines could not be read"
    assert done.stderr.count("failed: ") == 5


@pytest.mark.parametrize("name", ["ü/一.mp4", "half \ud800 a pair", 'quotes " and \\', "two\nlines", "\u2028"])
def test_any_name(boxes, tmp_path, name):
    """Also where the terminal's encoding has no such letters."""
    path = boxes(json.dumps(box_line(name)))
    done = dsrbench("score", path, cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert [row["video"] for row in rows(done.stdout)] == [name.encode("utf-8", "replace").decode()]
    assert dsrbench("score", path, "--out", "o.jsonl", cwd=tmp_path).returncode == 0
    assert (tmp_path / "o.jsonl").read_text(encoding="utf-8") == done.stdout


def test_gzip_is_known_by_its_content(boxes, tmp_path):
    plain = boxes(box_line("a.mp4"))
    expected = dsrbench("score", plain, cwd=tmp_path).stdout
    for name in ("boxes.jsonl.gz", "misnamed.jsonl"):
        (tmp_path / name).write_bytes(gzip.compress(plain.read_bytes()))
        assert dsrbench("score", name, cwd=tmp_path).stdout == expected
    (tmp_path / "cut.gz").write_bytes(gzip.compress(plain.read_bytes())[:-20])
    assert "cannot read boxes from cut.gz" in error_line(dsrbench("score", "cut.gz", cwd=tmp_path), 3)


EMPTY = [
    # no line, only empty ones, gzipped nothing
    b"", b"\n\n  \n", gzip.compress(b""),
]  # fmt: skip


@pytest.mark.parametrize("data", EMPTY, ids=["no-line", "blank-lines", "gzipped"])
def test_a_file_without_videos_is_no_input(tmp_path, data):
    (tmp_path / "boxes.jsonl").write_bytes(data)
    (tmp_path / "out.jsonl").write_text("before")
    done = dsrbench("score", "boxes.jsonl", "--out", "out.jsonl", cwd=tmp_path)
    assert error_line(done, 3) == "dsrbench: boxes.jsonl holds no video; expected a JSON line a video"
    assert (tmp_path / "out.jsonl").read_text() == "before"


ERRORS = [
    (("none.jsonl",), 3, "cannot read boxes from none.jsonl: No such file"),
    (("binary.jsonl",), 8, "1 of 1 lines could not be read"),
    ((".",), 3, "cannot read boxes from .: Is a directory"),
    (("boxes.jsonl", "--out", "no/folder/out.jsonl"), 6, "cannot write no/folder/out.jsonl: No such file"),
    (("boxes.jsonl", "--out", "taken"), 6, "cannot write taken: Is a directory"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_are_one_line(boxes, tmp_path, arguments, code, message):
    boxes(box_line("a.mp4"))
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "taken").mkdir()
    assert message in error_line(dsrbench("score", *arguments, cwd=tmp_path), code)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["binary.jsonl", "boxes.jsonl", "taken"]


def test_out_is_there_whole_or_not_at_all(boxes, tmp_path):
    (tmp_path / "out.jsonl").write_text("before")
    path = boxes(box_line("a.mp4"))
    # a file that breaks off in the middle leaves what was there
    (tmp_path / "cut.gz").write_bytes(gzip.compress(path.read_bytes() * 600)[:-9])
    error_line(dsrbench("score", "cut.gz", "--out", "out.jsonl", cwd=tmp_path), 3)
    assert (tmp_path / "out.jsonl").read_text() == "before"
    # bad lines do not: the others' scores are worth having
    done = dsrbench("score", boxes(box_line("a.mp4"), "{}"), "--out", "out.jsonl", cwd=tmp_path)
    error_line(done, 8)
    assert done.stdout == ""
    assert [row["status"] for row in rows((tmp_path / "out.jsonl").read_text())] == ["scored", "failed"]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_reader_that_has_read_enough(boxes, tmp_path):
    """As in `dsrbench score boxes.jsonl | head -1`."""
    path = boxes(*[box_line(f"{i}.mp4") for i in range(3000)])
    with subprocess.Popen(
        [sys.executable, "-m", "dsrbench", "score", str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment(),
    ) as child:  # fmt: skip
        assert json.loads(child.stdout.readline())["video"] == "0.mp4"
        child.stdout.close()
        err = child.stderr.read()
        child.wait(timeout=60)
    assert (err, child.returncode) == ("", 1)
