"""`dsrbench judge`: the file of a run, resuming to the same bytes, samples that are skipped, bad input."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from click.testing import CliRunner
from clips import command, environment
from factories import vision_models
from factories.runs import Spec, write_run

from dsrbench.analysis.judgments import parse_judgment, read_judgments
from dsrbench.backends.pretrained.models import Choice
from dsrbench.cli import group
from dsrbench.errors import DSRBenchError, InputError, MissingExtraError
from dsrbench.judging.model import Judge
from dsrbench.judging.run import ABSENT, CHANGED, NO_VIDEO, UNREADABLE, file_name, judge_run
from dsrbench.store import Run

SPECS = [
    Spec("m", "1000_LR", "LR", "LR"),
    Spec("m", "1000_LR", "LR", "RL", seed=1),
    Spec("m", "1001_LT", "LT", "LT"),
    Spec("m", "1002_T", "T", "T"),
    Spec("m", "1003_LTR", "LTR", "LR", flaw="no subject"),
    Spec("m", "1004_LR", "LR", "LR", flaw="no video"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return vision_models.qwen(tmp_path_factory.mktemp("tiny-vlm"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    write_run(folder, SPECS)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def make_judge(model, **options):
    return Judge(Choice(str(model), None, "cpu", "float32"), **{"frames": 2, **options})


def test_the_file_of_a_run(folder, model):
    judge = make_judge(model)
    judged = judge_run(Run.open(folder), judge)
    assert judged.path == folder / file_name(judge.name)
    assert judged.path.name.startswith(model.name)
    rows = [json.loads(line) for line in judged.path.read_text().splitlines()]
    assert [(row["prompt_id"], row["seed"]) for row in rows] == [(spec.prompt_id, spec.seed) for spec in SPECS[:5]]
    assert {key: [s.prompt_id for s in some] for key, some in judged.skipped.items()} == {NO_VIDEO: ["1004_LR"]}
    assert judged.n_new == 5
    assert list(rows[0]["claims"][0]["choice"]) == ["LR", "RL", "L", "R"]
    for row in rows:
        judgment = parse_judgment(row)
        assert judgment.score == row["score"] == min(*row["claims"][0]["yes"].values(), judgment.claims[0].chosen)
        assert judgment.certainty >= 0.5
    (judgments,) = read_judgments(Run.open(folder)).values()
    assert len(judgments) == 5


class StopError(Exception):
    """The end of a run before its time."""


def test_a_run_goes_on_to_the_same_bytes(folder, finished, model, tmp_path):
    whole = judge_run(Run.open(folder), make_judge(model)).path.read_bytes()
    other = tmp_path / "other"
    shutil.copytree(finished, other)
    for n in (1, 3):
        seen = []

        def stop(done, total, sample, seen=seen, n=n):
            seen.append(sample)
            if len(seen) == n:
                raise StopError

        with pytest.raises(StopError):
            judge_run(Run.open(other), make_judge(model), progress=stop)
        path = other / file_name(make_judge(model).name)
        path.write_bytes(path.read_bytes() + whole.splitlines()[4][:30])  # as a crash may leave it
    judged = judge_run(Run.open(other), make_judge(model))
    assert judged.n_new == 1
    assert judged.path.read_bytes() == whole
    assert judge_run(Run.open(other), make_judge(model)).n_new == 0
    assert judged.path.read_bytes() == whole


def test_judges_have_files_of_their_own(folder, model):
    for options in ({}, {"frames": 3}):
        judge_run(Run.open(folder), make_judge(model, **options))
    judges = read_judgments(Run.open(folder))
    assert [name.partition(", ")[2] for name in judges] == [
        f"questions 1, {n} frames, float32"
        for n in sorted((2, 3), key=lambda n: file_name(make_judge(model, frames=n).name))
    ]


def test_samples_that_are_skipped(folder, model):
    names = [sample.video for sample in Run.open(folder).samples()]
    (folder / "videos" / names[0]).unlink()
    (folder / "videos" / names[1]).write_bytes((folder / "videos" / names[2]).read_bytes())
    judged = judge_run(Run.open(folder), make_judge(model))
    assert {reason: len(keys) for reason, keys in judged.skipped.items()} == {ABSENT: 1, CHANGED: 1, NO_VIDEO: 1}
    shutil.rmtree(folder / "videos")
    with pytest.raises(InputError, match="whose video is not on this disk"):
        judge_run(Run.open(folder), make_judge(model, frames=3))


def test_judgments_of_other_videos_are_made_anew(folder, model):
    judged = judge_run(Run.open(folder), make_judge(model))
    whole = judged.path.read_bytes()
    rows = [json.loads(line) for line in whole.splitlines()]
    rows[2]["video_sha256"] = "0" * 64
    judged.path.write_text("".join(json.dumps(row) + "\n" for row in [rows[4], *rows[1:4]]))
    assert judge_run(Run.open(folder), make_judge(model)).n_new == 2
    assert judged.path.read_bytes() == whole


def test_a_damaged_video(tmp_path, model):
    specs = [Spec("m", "1000_LR", "LR", "LR"), Spec("m", "1001_LT", "LT", "LT", flaw="damaged video")]
    run = write_run(tmp_path / "run", specs)
    judged = judge_run(run, make_judge(model))
    assert [list(judged.skipped), judged.n_new] == [[UNREADABLE], 1]


def run_command(*words):
    return CliRunner().invoke(group, ["judge", *map(str, words)])


def test_the_command(folder, model):
    words = (folder, "--model", model, "--frames", 2, "--device", "cpu")
    result = run_command(*words)
    assert result.exit_code == 0, result.output
    assert "5 clips judged (5 now)" in result.output
    assert "skipped 1 sample without a video (m/1004_LR/0)" in result.output
    assert "note: the model gives its allowed answers a probability of 0." in result.output
    assert "s left" in result.output
    assert "5 clips judged (0 now)" in run_command(*words).output
    assert run_command(folder, "--help").exit_code == 0


def test_agreement_has_a_column_for_the_judge(folder, model, tmp_path):
    assert run_command(folder, "--model", model, "--frames", 2, "--device", "cpu").exit_code == 0
    answers = {"start": "left", "end": "right", "present": "both"}
    keys = [sample.id._asdict() for sample in Run.open(folder).samples() if sample.prompt.id == "1000_LR"]
    labels = tmp_path / "labels"
    labels.mkdir()
    lines = [json.dumps({"annotator": "ada", "sample": key, **answers}) + "\n" for key in keys]
    (labels / "ada.jsonl").write_text("".join(lines))
    words = ["agreement", folder, "--human", labels, "--out", tmp_path / "out.json", "--pages", tmp_path / "pages"]
    result = CliRunner().invoke(group, list(map(str, words)), env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    assert re.search(rf"Beside people.* DSR-Score +{model.name}", result.output)
    figures = json.loads((tmp_path / "out.json").read_text())
    ((name, judge),) = figures["judges"].items()
    assert name.startswith(f"{model.name}@")
    assert judge["n_clips"] == figures["score"]["n_clips"] == 2
    page = Path(figures["largest"][0]["page"]).read_text("utf-8")
    assert name in page
    assert "Answers of judges" in page


@pytest.mark.parametrize("package", ["transformers", "torch"])
def test_a_missing_package_is_named(finished, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    error = run_command(finished, "--offline").exception
    assert isinstance(error, MissingExtraError)
    assert f"needs the package {package!r}. Install it with: pip install 'dsrbench[hf]'" in str(error)


def test_a_run_that_has_not_finished(folder, model):
    (folder / "samples.parquet").unlink()
    result = run_command(folder, "--model", model)
    assert "its run has not finished" in str(result.exception)
    assert result.exception.exit_code == 6


BAD = [
    (["nowhere"], 6, "nowhere is no run folder"),
    (["RUN", "--model", "nowhere"], 5, "no such folder: nowhere"),
    (["RUN", "--model", "someone/model", "--offline"], 7, "offline, and not on this machine: someone/model"),
    (["RUN", "--model", "MODEL", "--frames", "0"], 3, "frames must be in 1..64, got 0"),
    (["RUN", "--frames", "0"], 3, "frames must be in 1..64, got 0"),  # said before anything is fetched
    (["RUN", "--model", "MODEL", "--batch-size", "0"], 3, "batch must be at least 1 question, got 0"),
    (["RUN", "--model", "MODEL", "--device", "abacus"], 3, "device 'abacus' cannot be used"),
    (["RUN", "--model", "MODEL", "--precision", "int3"], 3, "dtype must be one of"),
    (["RUN", "--model", "MODEL", "--revision", "main"], 3, "a revision belongs to a model on the Hub"),
]


@pytest.mark.parametrize(("words", "code", "message"), BAD)
def test_bad_input(words, code, message, finished, model):
    places = {"RUN": str(finished), "MODEL": str(model)}
    result = run_command(*(places.get(word, word) for word in words))
    assert isinstance(result.exception, DSRBenchError), result.output
    assert result.exception.exit_code == code
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (finished / "judgments").exists()


LINES = [
    ("{", "not JSON"),
    ('{"judge": "x"}', "expected lines of dsrbench judge"),
    ('{"judge":"x","model":"m","prompt_id":"p","seed":0,"video_sha256":"","mass":1,"claims":[]}', "expected claims"),
    (
        '{"judge":"x","model":"m","prompt_id":"p","seed":0,"video_sha256":"","mass":1,'
        '"claims":[{"yes":{"start":2},"choice":{"L":1}}]}',
        "expected probabilities in 0..1",
    ),
]


@pytest.mark.parametrize(("line", "message"), LINES)
def test_files_of_another_form(folder, model, line, message):
    path = folder / file_name(make_judge(model).name)
    path.parent.mkdir()
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=message):
        judge_run(Run.open(folder), make_judge(model))
    with pytest.raises(InputError, match="line 1"):
        read_judgments(Run.open(folder))
    assert path.read_text() == line + "\n"


@pytest.mark.slow
def test_kills_at_random_moments(folder, finished, model, tmp_path):
    """The process is killed a little after it began to judge, again and again, until it ends by itself."""
    words = ("--model", str(model), "--frames", "2", "--device", "cpu")
    assert run_command(folder, *words).exit_code == 0
    expected = next((folder / "judgments").iterdir()).read_bytes()
    other, rng = tmp_path / "other", random.Random(7)
    shutil.copytree(finished, other)
    n_killed = 0
    for _ in range(20):
        child = subprocess.Popen(
            command("judge", other, *words), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        path, size = other / "judgments", -1
        while child.poll() is None and size < 0:
            size = sum(file.stat().st_size for file in path.glob("*.jsonl")) if path.exists() else -1
            time.sleep(0.001)
        time.sleep(rng.random() * 0.05)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        if child.returncode == 0:
            break
        n_killed += 1
        if n_killed >= 3:
            assert run_command(other, *words).exit_code == 0
            break
    assert n_killed
    assert next(path.glob("*.jsonl")).read_bytes() == expected
