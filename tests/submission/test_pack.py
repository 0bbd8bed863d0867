from __future__ import annotations

import dataclasses
import json

import pytest
from factories.entries import MODEL, SUITE, failed, make_rows, write_whole_run
from factories.samples import write_tables

from dsrbench.errors import InputError, OptionError, StoreError
from dsrbench.prompts import read_suite
from dsrbench.submission import SubmissionError, check_entry, pack_entry
from dsrbench.submission.pack import hide_paths, tidy_text
from dsrbench.types import Certainty, Status


def pack(run, out, **given):
    return pack_entry(run, out, **{"name": "wan", "model": MODEL, **given})


def check(folder):
    return check_entry(folder, lambda name, version: read_suite(SUITE))


@pytest.fixture(scope="module")
def rows():
    given = make_rows()
    given[3] = dataclasses.replace(failed(given[3]), reason="/home/someone/videos/x y/a.mp4: the file is empty")
    given[4] = dataclasses.replace(given[4], text_used="Longer\nwords,\u200b for a model")
    unknown = dataclasses.replace(given[5], status=Status.INVALID, tracks=None, score=float("nan"))
    given[5] = dataclasses.replace(unknown, reason="the detector does not know 'box'")
    return given


@pytest.fixture(scope="module")
def run(rows, tmp_path_factory):
    return write_whole_run(tmp_path_factory.mktemp("run"), rows=rows)


def test_a_run_becomes_an_entry_that_is_accepted(run, tmp_path):
    entry = pack(run, tmp_path, base="base", notes="note")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boxes.parquet", "entry.json"]
    checked = check(tmp_path)
    assert checked.entry == entry
    assert (entry.base, entry.notes, entry.seeds) == ("base", "note", (0, 1, 2, 3, 4))
    assert [s.score.status for s in checked.samples] == [s.score.status for s in run.samples()]
    assert [s.score.dsr_score for s in checked.samples if s.score.status is Status.SCORED] == [
        s.score.dsr_score for s in run.samples() if s.score.status is Status.SCORED
    ]
    assert checked.summary.n_failed == checked.summary.n_invalid == 1


def test_certainties_come_along(rows, tmp_path):
    run = write_whole_run(tmp_path / "run", rows=rows)
    samples = run.samples()
    first = next(n for n, sample in enumerate(samples) if sample.score.status is Status.SCORED)
    score = dataclasses.replace(samples[first].score, certainty=Certainty(0.25, 0.5, 0.75))
    samples[first] = dataclasses.replace(samples[first], score=score)
    write_tables(run, samples)
    entry = pack(run, tmp_path / "entry")
    checked = check(tmp_path / "entry")
    found = {sample.id[1:]: sample.score.certainty for sample in checked.samples}
    assert found.pop(samples[first].id[1:]) == Certainty(0.25, 0.5, 0.75)
    assert set(found.values()) == {None}
    assert entry.claim["accuracy"]["0.7"]["low"] == checked.summary.headline.low


def test_nothing_of_this_machine_gets_into_it(run, tmp_path):
    entry = pack(run, tmp_path)
    assert entry.generator.options == {"adapter": "adapter", "model": "lab/model"}
    everything = (tmp_path / "entry.json").read_bytes() + repr(check(tmp_path).samples).encode()
    assert b"someone" not in everything
    assert check(tmp_path).samples[3].score.reason == "x y/a.mp4: the file is empty"
    assert check(tmp_path).samples[4].text_used == "Longer words, for a model"


def test_equal_runs_give_equal_bytes(run, tmp_path):
    for name in "ab":
        pack(run, tmp_path / name)
    for file in ("entry.json", "boxes.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": "../x"}, "name of an entry must be letters"),
        ({"notes": "x" * 600}, "notes has 600 characters"),
        ({"base": "a b"}, "base must be letters"),
        ({"model": dataclasses.replace(MODEL, url="http://x.org")}, "model.url must be an https address"),
        ({"model": dataclasses.replace(MODEL, id="/home/me/model")}, "model.id must be letters"),
        ({"model_in_run": "beta"}, "has no model 'beta'; it has m"),
    ],
)
def test_what_is_no_entry_is_not_written(run, tmp_path, given, expected):
    with pytest.raises((SubmissionError, OptionError, InputError), match=expected):
        pack(run, tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_a_run_without_every_sample(rows, tmp_path):
    short = write_whole_run(tmp_path / "short", rows=rows[:-1])
    with pytest.raises(InputError, match="119 samples are not the 24 prompts of dsr-core-mini with 5 seeds"):
        pack(short, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_of_two_models(rows, tmp_path):
    run = write_whole_run(tmp_path / "run", rows=rows)
    samples = run.samples()
    write_tables(run, [*samples, *(dataclasses.replace(sample, model="n") for sample in samples)])
    with pytest.raises(InputError, match=r"several models \(m, n\)"):
        pack(run, tmp_path / "out")
    assert pack(run, tmp_path / "out", model_in_run="m").claim["n_samples"] == 120


def test_tracks_that_are_gone(rows, tmp_path):
    run = write_whole_run(tmp_path / "run", rows=rows)
    run.disk.remove(run.disk.list("tracks")[0])
    with pytest.raises(StoreError, match="are gone; run dsrbench eval again"):
        pack(run, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_run_that_has_not_finished(rows, tmp_path):
    run = write_whole_run(tmp_path / "run", rows=rows)
    run.disk.remove("samples.parquet")
    with pytest.raises(StoreError, match="has not finished"):
        pack(run, tmp_path / "out")


def test_an_entry_there_is_replaced_whole(run, tmp_path):
    pack(run, tmp_path, notes="first")
    (tmp_path / "boxes.parquet").write_bytes(b"damaged")
    pack(run, tmp_path, notes="second")
    assert check(tmp_path).entry.notes == "second"
    assert json.loads((tmp_path / "entry.json").read_bytes())["notes"] == "second"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/home/me/a.mp4", "a.mp4"),
        ("C:\\Users\\me\\a.mp4: damaged", "a.mp4: damaged"),
        ("~/videos/a.mp4", "a.mp4"),
        ("a cat / a dog and/or 1/2", "a cat / a dog and/or 1/2"),
        ("https://host/path/x", "https://host/path/x"),
        ("\x1b[31mred\n", "[31mred"),
        ("", ""),
    ],
)
def test_tidy_text(text, kept):
    assert tidy_text(text) == kept


def test_hide_paths_knows_what_is_on_this_disk(tmp_path, monkeypatch):
    (tmp_path / "runs" / "adapter").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert hide_paths("runs/adapter") == "adapter"
    assert hide_paths("org/adapter") == "org/adapter"
    assert hide_paths(["file:///home/me/x", "\\\\server\\share\\x", 3, None, ""]) == ["x", "x", 3, None, ""]
