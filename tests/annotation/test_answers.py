"""The files of answers: appended, undone, resumed, and whole after every kind of end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest
from factories.annotation import make_clips, small_plan

from dsrbench.analysis.labels import read_labels
from dsrbench.annotation.answers import AnswerFile, export_answers
from dsrbench.annotation.plan import Plan
from dsrbench.annotation.session import Session, StaleTaskError
from dsrbench.errors import InputError, StoreError

CLIP = {"start": "left", "end": "right", "present": "both"}
PAIR = {"better": "first"}


def answer_all(session, n=None):
    task = session.next()
    for _ in range(session.n_tasks if n is None else n):
        task = session.answer(task["task"], PAIR if task["kind"] == "pair" else CLIP)
    return task


def test_answers_are_what_the_reader_reads(tmp_path):
    plan = small_plan(tmp_path, 3)
    for name in ("ada", "Émile B."):
        assert answer_all(Session(plan, AnswerFile(tmp_path / "labels", name)))["kind"] == "end"
    labels = read_labels(tmp_path / "labels")
    assert labels.annotators == ["ada", "Émile B."]
    assert sorted(label.sample for label in labels.clips[:3]) == [clip.sample.id for clip in plan.clips]
    assert {(label.start, label.end, label.present) for label in labels.clips} == {("left", "right", "both")}
    assert [label.better for label in labels.pairs] == ["first", "first"]


def test_undo_and_resume(tmp_path):
    plan = Plan(make_clips(30), [], 0.2, seed=1)
    order = [task.id for task in plan.tasks("ada")]
    session = Session(plan, AnswerFile(tmp_path, "ada"))
    assert not session.next()["can_undo"]
    with pytest.raises(StaleTaskError, match="no answer to undo"):
        session.undo()
    for n in range(len(order)):
        session = Session(plan, AnswerFile(tmp_path, "ada"))  # as after a start
        task = session.next()
        assert (task["task"], task["done"], task["total"]) == (order[n], n, 36)
        after = session.answer(order[n], CLIP)
        assert session.undo()["task"] == order[n]
        assert session.answer(order[n], CLIP) == after
    assert session.n_done == 36
    assert session.undo()["task"] == order[-1]


def test_only_the_next_task_is_answered(tmp_path):
    plan = small_plan(tmp_path, 3)
    session = Session(plan, AnswerFile(tmp_path / "labels", "ada"))
    first = session.next()["task"]
    second = session.answer(first, CLIP)["task"]
    for task in (first, "", "x", plan.tasks("ben")[1].id):
        with pytest.raises(StaleTaskError):
            session.answer(task, CLIP)
    for bad in ({}, {**CLIP, "end": "up"}, {**CLIP, "present": None}, {**CLIP, "start": ["left"]}):
        with pytest.raises(InputError, match="expected one of"):
            session.answer(second, bad)
    assert len(AnswerFile(tmp_path / "labels", "ada").rows) == 1


def test_answers_about_other_runs_stay(tmp_path):
    plan = small_plan(tmp_path, 2, n_pairs=0)
    other = '{"annotator": "ada", "sample": {"model": "o", "prompt_id": "p", "seed": 0}, "start": "left", "end": "left"'
    (tmp_path / "ada.jsonl").write_text(other + ', "present": "both"}\n')
    session = Session(plan, AnswerFile(tmp_path, "ada"))
    assert (session.n_done, session.next()["can_undo"]) == (0, False)
    answer_all(session)
    assert (session.n_done, len(read_labels(tmp_path).clips)) == (2, 3)


def test_a_line_that_was_cut_short_was_never_taken(tmp_path):
    plan = small_plan(tmp_path, 3)
    answer_all(Session(plan, AnswerFile(tmp_path, "ada")), 2)
    path = tmp_path / "ada.jsonl"
    whole = path.read_bytes()
    for end in range(len(whole.splitlines()[0]) + 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        file = AnswerFile(tmp_path, "ada")
        assert len(file.rows) == 1
        assert path.read_bytes() == whole.splitlines(keepends=True)[0]
    path.write_bytes(whole[:-1])
    assert len(AnswerFile(tmp_path, "ada").rows) == 2
    assert path.read_bytes() == whole


KILLED = """
import sys
from pathlib import Path
from dsrbench.annotation.answers import AnswerFile
file = AnswerFile(Path(sys.argv[1]), "ada")
for i in range(10**6):
    row = {"sample": {"model": "m", "prompt_id": "p", "seed": i}, "start": "left", "end": "left", "present": "both"}
    file.append(row)
    if i % 7 == 3:
        file.drop_last()
        file.append(row)
    print(i, flush=True)
"""


@pytest.mark.slow
def test_no_answer_is_lost_when_the_process_is_killed(tmp_path):
    rng = random.Random(0)
    for attempt in range(12):
        folder = tmp_path / str(attempt)
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE)
        child.stdout.readline()
        time.sleep(rng.uniform(0, 0.3))
        os.kill(child.pid, signal.SIGKILL)
        taken = 1 + len(child.communicate()[0].splitlines())
        seeds = [row["sample"]["seed"] for row in AnswerFile(folder, "ada").rows]
        assert seeds == list(range(len(seeds)))
        assert len(seeds) >= taken - 1
        assert read_labels(folder).annotators == ["ada"]


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    file = AnswerFile(tmp_path, "ada")
    file.append({"n": 1})
    before = file.path.read_bytes()

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    for change in (lambda: file.append({"n": 2}), file.drop_last):
        with pytest.raises(StoreError, match="disk full"):
            change()
        assert file.path.read_bytes() == before
        assert len(file.rows) == 1


@pytest.mark.parametrize("name", ["", " ", "../x", "a/b", ".hidden", "a\0b", "a\nb", "x" * 65, " a", "a\\b", "-x"])
def test_names_that_are_no_file_names(tmp_path, name):
    with pytest.raises(InputError, match="expected the name of an annotator"):
        AnswerFile(tmp_path, name)


@pytest.mark.parametrize("text", ['{"annotator": "ben"}\n', "[]\n", "x\n{}\n", '{"annotator": "ada"}\nx\n'])
def test_files_with_something_else(tmp_path, text):
    (tmp_path / "ada.jsonl").write_text(text)
    with pytest.raises(InputError, match=r"ada\.jsonl"):
        AnswerFile(tmp_path, "ada")
    assert (tmp_path / "ada.jsonl").read_text() == text


def test_export(tmp_path):
    plan = small_plan(tmp_path, 3)
    answer_all(Session(plan, AnswerFile(tmp_path / "labels", "ada")))
    assert export_answers(tmp_path / "labels", tmp_path / "all.parquet") == 4
    rows = pq.read_table(tmp_path / "all.parquet").to_pylist()
    assert [row["kind"] for row in rows] == ["clip"] * 3 + ["pair"]
    assert {(row["annotator"], row["model"], row["prompt_id"]) for row in rows} == {("ada", "secret-model", "1000_LR")}
    assert [(row["start"], row["end"], row["present"], row["better"]) for row in rows[2:]] == [
        ("left", "right", "both", None),
        (None, None, None, "first"),
    ]
    assert {rows[3]["seed"], rows[3]["other_seed"]} == {4000, 4001}
    with pytest.raises(InputError, match="expected a folder with answers"):
        export_answers(tmp_path / "none", tmp_path / "x.parquet")
