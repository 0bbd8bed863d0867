from __future__ import annotations

import dataclasses

import pytest
from click.testing import CliRunner
from factories.entries import make_rows, write_entry

from dsrbench import cli
from dsrbench.submission import SubmissionError, write_boxes


def rescore(folder):
    return CliRunner().invoke(cli.group, ["rescore", str(folder)])


def test_an_entry_whose_figures_hold(tmp_path):
    done = rescore(write_entry(tmp_path / "e", name="mine"))
    assert done.exit_code == 0, done.output
    assert done.output.startswith("mine: 120 samples of dsr-core-mini, Accuracy@0.7 ")
    assert done.output.endswith("computed again from the boxes, as claimed\n")


def forge(row):
    row["claim"]["accuracy"]["0.7"]["value"] = 0.99


def version(row):
    row["suite"]["version"] = "0.9"


def unknown(row):
    row["suite"]["name"] = "dsr-cor"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (forge, "the boxes give"),
        (version, "suite dsr-core-mini has version 1.0 here, the entry is of '0.9'"),
        (unknown, "suite 'dsr-cor' does not come with this dsrbench; did you mean 'dsr-core'"),
    ],
)
def test_an_entry_whose_figures_do_not(tmp_path, change, words):
    done = rescore(write_entry(tmp_path / "e", name="mine", change=change))
    assert isinstance(done.exception, SubmissionError)
    assert (done.exception.exit_code, words in str(done.exception)) == (3, True), done.exception


def test_a_score_that_is_not_of_its_boxes(tmp_path):
    rows = make_rows()
    folder = write_entry(tmp_path / "e", name="mine", rows=rows)
    write_boxes(folder, [dataclasses.replace(rows[0], score=0.123), *rows[1:]])
    assert "claims 0.123" in str(rescore(folder).exception)


def test_a_folder_without_an_entry(tmp_path):
    assert "entry.json cannot be read" in str(rescore(tmp_path).exception)


def test_no_folder(tmp_path):
    error = rescore(tmp_path / "gone").exception
    assert (error.exit_code, "gone: expected a folder with an entry's two files" in str(error)) == (3, True)
