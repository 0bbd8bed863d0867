"""`dsrbench eval --wording`; the model is small and untrained."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from clips import write_clips

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from factories.sprites import write_model

from dsrbench import cli
from dsrbench.errors import BackendError, PromptError
from dsrbench.prompts import read_suite, write_suite
from dsrbench.prompts.suites import Suite
from dsrbench.prompts.wordings import write_wording
from dsrbench.store import Run

QUICK = ("-o", "generator.steps=1", "-o", "generator.enlarge=1", "-o", "generator.batch=1")
DETECTOR = ("--detector", "sprites-template")
HEARD = ["default", "scene-last", "definite", "sentences"]


def dsrbench(*args, cwd):
    """Run a command in this process, which has torch already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        return CliRunner().invoke(cli.group, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def three(tmp_path):
    write_suite(Suite("three", "1", read_suite("sprites-val").prompts[:3]), tmp_path / "three.jsonl")
    return read_suite(tmp_path / "three.jsonl")


def test_all_wordings_the_model_knows(model, three, tmp_path):
    asked = ("eval", "--model", model, "--suite", "three.jsonl", "--seeds", "0", *QUICK, *DETECTOR)
    done = dsrbench(*asked, "--wording", "all", "--out", "worded", cwd=tmp_path)
    assert done.exit_code == 0, done.output
    assert "note: sprites does not know the wordings pronoun, sides, states; they are left out" in done.stderr
    assert "Accuracy moves by" in done.stdout
    run = Run(tmp_path / "worded")
    samples = {(s.prompt.source_id, s.prompt.wording, s.seed): s for s in run.samples()}
    assert len(samples) == 3 * len(HEARD)
    for (id, wording, _), sample in samples.items():
        assert sample.text_used == write_wording(three.get(id), wording)
    assert run.manifest.suite.name == "three~0+1+2+3"
    summary = run.read_json("report/summary.json")
    assert set(summary["by_wording"]) == set(HEARD)
    assert (summary["n_samples"], summary["n_prompts"]) == (12, 3)
    assert 'wording":"definite"' in (run.folder / "report/index.html").read_text()
    # other words are another video, the same words the same one
    first = three.prompts[0].id
    hashes = [samples[first, wording, 0].video_sha256 for wording in HEARD]
    assert hashes[0] != hashes[1] != hashes[2] != hashes[0]
    # run again, nothing is made again; the default words give what they give alone
    before = {path: path.stat().st_mtime_ns for path in run.videos.iterdir()}
    assert dsrbench(*asked, "--wording", "all", "--out", "worded", cwd=tmp_path).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in run.videos.iterdir()} == before
    assert dsrbench(*asked, "--out", "plain", cwd=tmp_path).exit_code == 0
    for sample in Run(tmp_path / "plain").samples():
        assert sample.video_sha256 == samples[sample.prompt.id, "default", sample.seed].video_sha256
    # the videos are told apart by their names
    scored = ("eval", "--videos", run.videos, "--suite", "three.jsonl", "--wording", "0..3", *DETECTOR)
    assert dsrbench(*scored, "--out", "again", cwd=tmp_path).exit_code == 0
    again = {s.prompt.id: s.prompt.wording for s in Run(tmp_path / "again").samples()}
    assert again == {s.prompt.id: s.prompt.wording for s in samples.values()}
    done = dsrbench("eval", "--videos", run.videos, "--suite", "three.jsonl", *DETECTOR, "--out", "one", cwd=tmp_path)
    assert "9 of 12 videos name no prompt of the suite" in done.stderr
    assert len(Run(tmp_path / "one").samples()) == 3


def test_one_wording_alone(model, three, tmp_path):
    asked = ("eval", "--model", model, "--suite", "three.jsonl", "--seeds", "0", *QUICK, *DETECTOR)
    done = dsrbench(*asked, "--wording", "definite", cwd=tmp_path)
    assert done.exit_code == 0, done.output
    run = Run(tmp_path / "runs/tiny-three~definite")
    assert [s.prompt.id for s in run.samples()] == sorted(f"{p.id}~definite" for p in three)
    assert "by_wording" in run.read_json("report/summary.json")
    assert run.read_json("report/summary.json")["by_wording"] == {}


def test_a_wording_the_model_does_not_know(model, tmp_path):
    done = dsrbench("eval", "--model", model, "--suite", "sprites", "--wording", "pronoun", *QUICK, cwd=tmp_path)
    assert isinstance(done.exception, BackendError)
    assert str(done.exception) == (
        "generator 'sprites' does not know the wording 'pronoun' (the sprites model does not know the word "
        "'it'); of this suite it knows: default, scene-last, definite, sentences"
    )
    assert not (tmp_path / "runs").exists()


def test_a_suite_the_model_cannot_make_is_no_matter_of_wording(model, tmp_path):
    asked = ("eval", "--model", model, "--suite", "dsr-core-mini", "--wording", "all", *QUICK, *DETECTOR)
    done = dsrbench(*asked, cwd=tmp_path)
    assert isinstance(done.exception, BackendError)
    assert "it can make none of the suite's prompts" in str(done.exception)


def test_a_prompt_that_cannot_be_said_otherwise(tmp_path):
    write_clips(tmp_path / "videos", a="LR")
    fields = {"id": "a", "text": "x", "subject": "cat on a mat", "object": "chair", "relations": "LR"}
    (tmp_path / "s.jsonl").write_text(json.dumps(fields))
    done = dsrbench("eval", "--videos", "videos", "--suite", "s.jsonl", "--wording", "all", cwd=tmp_path)
    assert isinstance(done.exception, PromptError)
    assert "prompt 'a' has no wording 'scene-last'" in str(done.exception)


def test_wordings_need_a_suite(tmp_path):
    done = dsrbench("eval", "--videos", "videos", "--wording", "all", cwd=tmp_path)
    assert done.exit_code == 2
    assert "--wording needs the prompts it is about" in done.stderr
