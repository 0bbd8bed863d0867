from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories.entries import failed, make_rows

from dsrbench.submission import SubmissionError, read_boxes, write_boxes
from dsrbench.submission.boxes import BoxRow, boxes_schema
from dsrbench.types import Certainty, Status


@pytest.fixture(scope="module")
def rows():
    return make_rows()[:12]


@pytest.fixture
def table(rows, tmp_path):
    write_boxes(tmp_path, rows)
    return pq.read_table(tmp_path / "boxes.parquet").to_pylist()


def read(folder, max_rows=12):
    return list(read_boxes(folder, max_rows=max_rows))


def write_table(folder, table, schema=None):
    pq.write_table(pa.Table.from_pylist(table, schema or boxes_schema()), folder / "boxes.parquet")
    return folder


def test_rows_come_back_equal(rows, tmp_path):
    given = [*rows[:3], failed(rows[3]), dataclasses.replace(rows[4], text_used="A cät – 漢", anchored=False)]
    given[0] = dataclasses.replace(given[0], certainty=Certainty(0.625, 0.5, 0.875))
    write_boxes(tmp_path, given)
    for row, found in zip(given, read(tmp_path), strict=True):
        for name in ("prompt_id", "seed", "status", "reason", "video_sha256", "text_used", "anchored", "certainty"):
            assert getattr(found, name) == getattr(row, name)
        np.testing.assert_equal(found.score, row.score)
        assert (found.tracks is None) == (row.tracks is None)
        if row.tracks is not None:
            np.testing.assert_array_equal(found.tracks.subject, row.tracks.subject)
            np.testing.assert_array_equal(found.tracks.object_state, row.tracks.object_state)
            assert (found.tracks.size, found.tracks.fps) == (row.tracks.size, row.tracks.fps)


def test_a_table_of_a_version_without_certainty_is_read(rows, table, tmp_path):
    columns = [field for field in boxes_schema() if field.name not in ("p_pass", "score_low", "score_high")]
    old = [{field.name: row[field.name] for field in columns} for row in table]
    found = read(write_table(tmp_path, old, pa.schema(columns)))
    assert [row.certainty for row in found] == [None] * 12
    assert [row.score for row in found] == [row.score for row in rows]
    half = pa.schema([field for field in boxes_schema() if field.name != "score_low"])
    with pytest.raises(SubmissionError, match="must have the columns"):
        read(write_table(tmp_path, [], half))


def test_equal_rows_give_equal_bytes_and_no_pickle(rows, tmp_path):
    write_boxes(tmp_path / "a", rows)
    write_boxes(tmp_path / "b", iter(rows))
    assert (tmp_path / "a/boxes.parquet").read_bytes() == (tmp_path / "b/boxes.parquet").read_bytes()


NAN = float("nan")
CHANGES = [
    ({"status": "wonderful"}, "no status 'wonderful'"),
    ({"video_sha256": "x"}, "no sha256 'x'"),
    ({"video_sha256": ""}, "no sha256 of the video"),
    ({"score": NAN}, "is scored, with a score of nan"),
    ({"status": "failed"}, "is failed, with a score of"),
    ({"status": "invalid", "score": float("inf")}, "with a score of inf"),
    ({"prompt_id": None}, "a row has no prompt_id"),
    ({"seed": None}, "a row has no seed"),
    ({"prompt_id": "a\u202eb"}, "prompt_id has the character U\\+202E"),
    ({"text_used": "a\x1b[2J"}, "text_used has the character U\\+001B"),
    ({"reason": "x" * 5000}, "reason has 5000 characters"),
    ({"n_frames": 0}, "0 frames of 320 x 180"),
    ({"n_frames": 10**9}, "1000000000 frames"),
    ({"n_frames": -1}, "-1 frames"),
    ({"n_frames": 16}, "has 68 numbers, 64 are needed"),
    ({"width": 0}, "17 frames of 0 x 180"),
    ({"width": 10**12}, "17 frames of 1000000000000"),
    ({"height": -5}, "17 frames of 320 x -5"),
    ({"fps": NAN}, "nan frames a second"),
    ({"fps": float("inf")}, "inf frames a second"),
    ({"fps": -1.0}, "-1.0 frames a second"),
    ({"width": 100}, "box of frame 0, .* is outside 100 x 180"),
    ({"subject": [float("inf"), 0, 1, 1] * 17}, "NaN or infinity in a box at frame 0"),
    ({"subject": [NAN, 0, 1, 1] * 17}, "NaN or infinity in a box at frame 0"),
    ({"subject": [9, 0, 1, 1] * 17}, "negative width or height at frame 0"),
    ({"subject": [1e300, 1e300, 1e301, 1e301] * 17}, "is outside 320 x 180"),
    ({"subject": [-5.0, 0, 1, 1] * 17}, "the subject's box of frame 0"),
    ({"object": [0, 0, 330.0, 1] * 17}, "the object's box of frame 0"),
    ({"subject": [None] * 68}, "states and boxes differ in where it is absent"),
    ({"subject": []}, "subject has 0 numbers, 68 are needed"),
    ({"subject_state": [9] * 17}, "states that are none: \\['9'\\]"),
    ({"subject_state": [None, 9] + [1] * 15}, "states that are none"),
    ({"subject_state": [0] * 17}, "states and boxes differ"),
    ({"p_pass": 1.5, "score_low": 0.1, "score_high": 0.2}, "probability of passing of 1.5"),
    ({"p_pass": 0.5, "score_low": 0.3, "score_high": 0.2}, "an interval of 0.3 to 0.2"),
    ({"p_pass": 0.5, "score_low": NAN, "score_high": 0.2}, "an interval of nan to 0.2"),
    ({"p_pass": 0.5}, "an interval of nan to nan"),
    ({"p_pass": float("inf"), "score_low": 0.1, "score_high": 0.2}, "probability of passing of inf"),
    ({"p_pass": None}, "a row has no p_pass"),
    (
        {"status": "invalid", "score": NAN, "p_pass": 0.5, "score_low": 0.1, "score_high": 0.2},
        "invalid, with a certainty",
    ),
    ({"object_state": [1] * 16}, "object_state has 16 numbers, 17 are needed"),
]


@pytest.mark.parametrize(("change", "problem"), CHANGES)
def test_a_bad_row_is_told(table, tmp_path, change, problem):
    table[0] = {**table[0], **change}
    with pytest.raises(SubmissionError, match=problem) as caught:
        read(write_table(tmp_path, table))
    assert str(caught.value).isprintable()


def test_a_box_may_stand_out_by_a_pixel(rows, tmp_path, table):
    table[0]["subject"] = [-1.0, -1.0, 321.0, 181.0] * 17
    assert len(read(write_table(tmp_path, table))) == 12


def test_more_rows_than_there_can_be(rows, tmp_path):
    write_boxes(tmp_path, rows)
    with pytest.raises(SubmissionError, match="has 12 rows, suite and seeds make 11"):
        read(tmp_path, max_rows=11)


@pytest.mark.parametrize(
    "schema",
    [
        boxes_schema().remove(3),
        boxes_schema().append(pa.field("pickle", pa.binary())),
        boxes_schema().set(1, pa.field("seed", pa.string())),
        pa.schema(list(reversed(list(boxes_schema())))),
    ],
    ids=["absent", "more", "type", "order"],
)
def test_other_columns(tmp_path, schema):
    with pytest.raises(SubmissionError, match="must have the columns"):
        read(write_table(tmp_path, [], schema))


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PK\x03\x04" + b"\0" * 100, b"\x80\x04K\x01.", b"PAR1" * 50])
def test_what_is_no_table(tmp_path, data):
    (tmp_path / "boxes.parquet").write_bytes(data)
    with pytest.raises(SubmissionError, match=r"boxes\.parquet is no such table"):
        read(tmp_path)


def test_damaged_anywhere_is_an_error_or_harmless(rows, tmp_path):
    write_boxes(tmp_path, rows)
    data = (tmp_path / "boxes.parquet").read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(4, len(data), 60):
        damaged = bytearray(data)
        damaged[place] ^= int(rng.integers(1, 256))
        (tmp_path / "boxes.parquet").write_bytes(damaged)
        try:
            assert all(isinstance(row, BoxRow) for row in read(tmp_path))
        except SubmissionError:
            continue


def test_text_that_is_no_text(tmp_path, table):
    plain = pa.Table.from_pylist(table, boxes_schema())
    pq.write_table(plain, tmp_path / "boxes.parquet", compression="none", use_dictionary=False, write_statistics=False)
    data, id = (tmp_path / "boxes.parquet").read_bytes(), table[0]["prompt_id"].encode()
    assert id in data
    (tmp_path / "boxes.parquet").write_bytes(data.replace(id, b"\xff" * len(id)))
    with pytest.raises(SubmissionError, match=r"no such table .*utf-8"):
        read(tmp_path)


def test_not_there_and_too_large(tmp_path, monkeypatch):
    with pytest.raises(SubmissionError, match="cannot be read"):
        read(tmp_path)
    monkeypatch.setattr("dsrbench.submission.boxes.MAX_BYTES", 10)
    write_boxes(tmp_path, [])
    with pytest.raises(SubmissionError, match="larger than the 10 bytes"):
        read(tmp_path)


def test_a_small_file_that_unpacks_to_much_is_not_unpacked(rows, tmp_path, table):
    """Equal numbers pack to almost nothing: 4 kB here, 160 MB when read."""
    rows = [{**table[0], "subject": pa.array(np.zeros(10_000_000)), "n_frames": 1}]
    columns = {name: pa.array([rows[0][name]], boxes_schema().field(name).type) for name in boxes_schema().names[:-4]}
    numbers = pa.ListArray.from_arrays([0, 10_000_000], pa.array(np.zeros(10_000_000)))
    few = {"object": pa.array([[0.0] * 4], pa.list_(pa.float64()))}
    states = dict.fromkeys(("subject_state", "object_state"), pa.array([[1]], pa.list_(pa.uint8())))
    bomb = pa.table({**columns, "subject": numbers, **few, **states}, schema=boxes_schema())
    pq.write_table(bomb, tmp_path / "boxes.parquet", compression="zstd")
    assert (tmp_path / "boxes.parquet").stat().st_size < 100_000
    with pytest.raises(SubmissionError, match="unpacks to more than it may"):
        read(tmp_path)


def test_status_values_are_those_of_the_metric():
    assert {status.value for status in Status} == {"scored", "invalid", "failed"}
