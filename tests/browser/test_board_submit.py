"""Submitting in a real browser: an entry accepted, shown and withdrawn; one rejected for each rule."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from factories.entries import make_rows, write_entry
from factories.served_board import SERVED

from dsrbench.board import Intake, open_stores

pytest.importorskip("gradio")

pytestmark = [pytest.mark.browser, *SERVED]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    intake = Intake(*open_stores(folder))
    board = {"suites": {"dsr-core-mini": [0]}, "quota": 100, "title": "Our board"}
    intake.results.change(lambda _: {"board.json": json.dumps(board).encode()}, message="rules")
    given = write_entry(folder / "given", name="theirs", seeds=(0,), luck=9)
    assert intake.submit(given, "others").is_accepted
    return folder


@pytest.fixture
def submit(visit_site, address):
    """Upload files and press a button; returns the page and what it says."""

    def submit_(files, button="Submit"):
        page = visit_site(address, "?tab=submit")
        page.locator("#entry-files input[type=file]").set_input_files([str(file) for file in files])
        page.locator("#entry-files").get_by_text(files[0].suffix).first.wait_for()
        page.get_by_role("button", name=button, exact=True).click()
        result = page.locator("#submit-result .dsr")
        result.wait_for()
        return page, result.inner_text()

    return submit_


def files_of(folder):
    return [folder / "entry.json", folder / "boxes.parquet"]


def test_accepted_shown_and_withdrawn(submit, tmp_path):
    files = files_of(write_entry(tmp_path / "mine", name="mine", seeds=(0,), luck=1))
    page, said = submit(files, "Check only")
    assert "Entry mine is as it must be" in said
    page, said = submit(files)
    assert "Accepted: mine" in said
    page, said = submit(files)
    assert "there already" in said
    page.locator("#tab-board-button").click()
    page.locator("#board tbody th", has_text="mine").wait_for()
    assert page.locator("h1").inner_text() == "Our board"
    page.locator("#tab-submit-button").click()
    page.get_by_role("button", name="Withdraw an entry of yours").click()
    page.get_by_label("Name of the entry").fill("theirs")
    page.get_by_role("button", name="Withdraw", exact=True).click()
    page.get_by_text("is not of account lab").wait_for()
    page.get_by_label("Name of the entry").fill("mine")
    page.get_by_role("button", name="Withdraw", exact=True).click()
    page.get_by_text("Withdrawn: mine").wait_for()
    page.locator("#tab-board-button").click()
    page.locator("#board tbody th", has_text="mine").wait_for(state="detached")


def move(rows):
    """Boxes that leave the frame."""
    tracks = dataclasses.replace(rows[0].tracks, subject=rows[0].tracks.subject + 1000)
    return [dataclasses.replace(rows[0], tracks=tracks), *rows[1:]]


def put(**fields):
    return {"change": lambda row: {**row, **fields}}


def model(**fields):
    return {"change": lambda row: {**row, "model": {**row["model"], **fields}}}


def forge(row):
    row["claim"]["accuracy"]["0.7"]["value"] = 0.99
    return row


def suite(**fields):
    return {"change": lambda row: {**row, "suite": {**row["suite"], **fields}}}


BAD = {
    "a forged figure": ({"change": forge}, "the boxes give"),
    "another version of the suite": (suite(version="0.1"), "version"),
    "another suite": (suite(name="mine"), "not one of this board"),
    "a prompt changed": (suite(sha256="0" * 64), "sha256"),
    "other seeds": ({"seeds": (1,)}, "seeds"),
    "missing samples": ({"rows": lambda rows: rows[1:]}, "missing"),
    "a sample twice": ({"rows": lambda rows: [*rows[1:], rows[1]]}, "twice"),
    "a box outside the frame": ({"rows": move}, "is outside"),
    "a score its boxes do not give": (
        {"rows": lambda rows: [dataclasses.replace(rows[0], score=0.123), *rows[1:]]},
        "claims 0.123",
    ),
    "a name that leads elsewhere": (put(name="../up"), "name"),
    "a name of letters that look like others": (put(name="mіne"), "name"),
    "a link that is not https": (model(url="javascript:alert(1)"), "https"),
    "markup": (model(id="<img src=x onerror=alert(1)>"), "model.id"),
    "an unknown field": (put(more=1), "no field"),
    "a base that is not there": (put(base="nobody"), "base"),
    "a name that is taken": (put(name="theirs"), "taken"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", BAD)
def test_rejected(submit, tmp_path, what):
    how, reason = BAD[what]
    rows = make_rows(seeds=how.get("seeds", (0,)), luck=5)
    rows = how["rows"](rows) if "rows" in how else rows
    made = {"change": how.get("change"), "seeds": how.get("seeds", (0,))}
    whole = make_rows(seeds=made["seeds"], luck=5)
    folder = write_entry(tmp_path / "bad", name="bad", rows=whole, **made)
    if "rows" in how:
        from dsrbench.submission import write_boxes

        write_boxes(folder, rows)
    _, said = submit(files_of(folder))
    assert "Not accepted" in said
    assert reason in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: folder[:1], "Expected one entry.json and one boxes.parquet"),
        (lambda folder: (folder[0].write_text('{"schema": NaN}'), folder)[1], "NaN is no number"),
        (lambda folder: (folder[0].write_text("[" * 100_000), folder)[1], "nested too deeply"),
        (lambda folder: (folder[1].write_bytes(np.zeros(99).tobytes()), folder)[1], "is no such table"),
    ],
)
def test_files_that_are_none(submit, tmp_path, make, reason):
    files = make(files_of(write_entry(tmp_path / "bad", name="bad", seeds=(0,))))
    _, said = submit(files)
    assert reason in said
