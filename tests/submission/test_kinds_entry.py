"""Entries of prompts of every kind: depth, camera and further claims travel with the boxes, and are scored again."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from factories.entries import MODEL
from factories.kinds import SUITE, write_kinds_run

from dsrbench.submission import SubmissionError, check_entry, pack_entry, write_boxes
from dsrbench.submission.boxes import boxes_schema, read_boxes


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_kinds_run(tmp_path_factory.mktemp("kinds") / "run")


def check(folder):
    return check_entry(folder, lambda name, version: SUITE)


@pytest.fixture
def packed(run, tmp_path):
    pack_entry(run, tmp_path, name="kinds", model=MODEL)
    return tmp_path


def test_it_is_accepted_and_scored_again(run, packed):
    checked = check(packed)
    for mine, theirs in zip(run.samples(), checked.samples, strict=True):
        assert (mine.prompt, mine.score.status) == (theirs.prompt, theirs.score.status)
        assert mine.score.dsr_score == pytest.approx(theirs.score.dsr_score)
        assert mine.score.compensated == theirs.score.compensated
        assert mine.score.uncertain_frames == theirs.score.uncertain_frames
    assert checked.entry.depth.name == "reds"
    assert set(checked.summary.by_kind) == {"depth", "dynamic", "motion", "several", "static"}


def test_usual_suites_have_the_usual_columns(run, packed):
    """What the new kinds need is in tables of suites with such prompts alone."""
    assert set(boxes_schema(is_extended=True).names) - set(boxes_schema().names) == {"depth", "camera", "further"}
    rows = [row for row in read_boxes(packed, max_rows=99) if row.prompt_id == "dynamic"]
    write_boxes(packed, rows)
    (again,) = read_boxes(packed, max_rows=1)
    assert again.score == rows[0].score
    assert again.tracks.depth is None


def rewrite(folder, change):
    rows = [change(row) for row in read_boxes(folder, max_rows=99)]
    write_boxes(folder, rows, is_extended=True)


def change_tracks(id, **fields):
    def change(row):
        return (
            dataclasses.replace(row, tracks=dataclasses.replace(row.tracks, **fields)) if row.prompt_id == id else row
        )

    return change


REFUSED = [
    # change, message
    (change_tracks("front", depth=None), "sample front, seed 0 claims .*, its boxes give invalid"),
    (change_tracks("front", depth=np.zeros((24, 5))), "sample front, seed 0 claims .*, its boxes give invalid"),
    (change_tracks("two", further=()), "has the boxes of 1 claims, its prompt 2"),
    (change_tracks("panned", camera=None), "its boxes give 0.0"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_does_not_fit_is_refused(packed, change, message):
    rewrite(packed, change)
    with pytest.raises(SubmissionError, match=message):
        check(packed)


def test_endless_numbers_are_refused(packed):
    rewrite(packed, change_tracks("panned", camera=np.full((24, 3, 3), np.inf)))
    with pytest.raises(SubmissionError, match="camera must be 216 finite numbers, or none"):
        list(read_boxes(packed, max_rows=99))


def test_too_many_claims_are_refused(run, packed):
    tracks = next(run.tracks(sample.id) for sample in run.samples() if sample.prompt.id == "dynamic")
    rewrite(packed, change_tracks("two", further=(tracks,) * 8))
    with pytest.raises(SubmissionError, match="9 claims; at most 8 are allowed"):
        list(read_boxes(packed, max_rows=99))


def test_entries_without_depth_are_as_before(packed):
    values = json.loads((packed / "entry.json").read_text())
    assert values["depth"]["name"] == "reds"
    del values["depth"]
    (packed / "entry.json").write_text(json.dumps(values))
    assert check(packed).entry.depth is None
