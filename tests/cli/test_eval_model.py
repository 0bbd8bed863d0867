"""`dsrbench eval` with a model that makes the videos, as a user runs it; the model is small and untrained."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest
from clips import command, dsrbench, environment, error_line

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from factories.sprites import write_model  # noqa: E402

from dsrbench.store import Run  # noqa: E402

QUICK = ("-o", "generator.steps=1", "-o", "generator.enlarge=1", "--detector", "sprites-template")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.mark.slow
def test_a_folder_of_a_model_and_then_more_seeds(model, tmp_path):
    asked = ("eval", "--model", model, "--suite", "sprites-val", "--limit", "3", *QUICK)
    done = dsrbench(*asked, "--seeds", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("3 samples of 1 model(s), suite sprites-val: runs/tiny-sprites-val\n")
    assert "generating: 3/3" in done.stderr
    assert "scoring: 3/3" in done.stderr
    run = Run(tmp_path / "runs/tiny-sprites-val")
    assert len(run.samples()) == 3
    record = run.manifest.generator
    assert (record.name, record.options["steps"], record.options["folder"]) == ("sprites", 1, "tiny")
    assert record.fingerprint["clip"] == {"frames": 16, "fps": 8.0, "width": 48, "height": 32}
    assert (run.folder / "report/index.html").is_file()
    videos = {path: path.stat().st_mtime_ns for path in run.videos.iterdir()}
    assert dsrbench(*asked, "--seeds", "0..1", "--limit", "6", cwd=tmp_path).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in videos} == videos
    assert len(run.samples()) == 6
    # what was made is a folder of videos like any other
    scored = dsrbench(
        *("eval", "--videos", run.videos, "--suite", "sprites-val", "--partial", "--detector", "sprites-template"),
        cwd=tmp_path,
    )
    assert scored.returncode == 0, scored.stderr
    again = Run(tmp_path / "runs/videos-sprites-val").samples()
    assert [s.score.dsr_score for s in again] == pytest.approx([s.score.dsr_score for s in run.samples()], nan_ok=True)


@pytest.mark.slow
def test_an_interrupt_keeps_what_was_made(model, tmp_path):
    asked = ("eval", "--model", model, "--suite", "sprites-val", "--limit", "40", "-o", "generator.batch=1", *QUICK)
    running = subprocess.Popen(command(*asked), cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment())
    videos = tmp_path / "runs/tiny-sprites-val/videos"
    for _ in range(1200):
        if len(list(videos.glob("*.mp4"))) >= 2:
            break
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    errors = running.communicate(timeout=60)[1]
    assert running.returncode == 130, errors
    assert errors.splitlines()[-1] == (
        "dsrbench: interrupted; what was finished is kept, the same command goes on from there"
    )
    before = {path: path.stat().st_mtime_ns for path in videos.glob("*.mp4")}
    before.pop(max(before, key=before.__getitem__))  # it may have been interrupted between the file and its record
    assert dsrbench(*asked, cwd=tmp_path).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(Run(tmp_path / "runs/tiny-sprites-val").samples()) == 40


LACKS = "import sys; sys.modules['torch'] = None\n"


def test_a_bare_install_says_what_to_install(tmp_path):
    done = dsrbench("eval", cwd=tmp_path, before=LACKS)
    line = error_line(done, 5)
    assert "generator 'sprites' needs the package 'torch'" in line
    assert "pip install 'dsrbench[sprites]'" in line
    assert 'pip install ".[sprites]"' in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (
            ("--model", "cogvidox", "--suite", "sprites"),
            5,
            "no model named 'cogvidox', and no such folder; did you mean 'cogvideox'",
        ),
        (("-o", "generator.stps=3"), 3, "no option 'stps'; did you mean 'steps'"),
        (("-o", "generator.steps=0"), 3, "steps must be at least 1, got 0"),
        (("--adapter", "nowhere"), 5, "adapter nowhere: expected a .safetensors file"),
        (("--model", "{model}", "--suite", "horses.jsonl"), 5, "no 'horse'"),
        (("--model", "{model}", "--suite", "words.jsonl"), 3, "words.jsonl, line 1"),
    ],
)
def test_bad_input_is_one_line(model, tmp_path, more, code, words):
    horse = "A horse is on the left of a chair, then the horse walks to the right of the chair."
    (tmp_path / "horses.jsonl").write_text(json.dumps({"id": "1", "text": horse}) + "\n")
    (tmp_path / "words.jsonl").write_text(json.dumps({"id": "1", "text": "Make it nice."}) + "\n")
    given = [str(model) if word == "{model}" else word for word in more]
    base = () if "--model" in given else ("--model", model, "--suite", "sprites-val")
    done = dsrbench("eval", *base, *given, "--detector", "sprites-template", cwd=tmp_path)
    assert words in error_line(done, code)


USAGE = [
    ("--videos", "videos", "--model", "sprites"),
    ("--videos", "videos", "--adapter", "lora"),
    ("--videos", "videos", "-o", "generator.steps=3"),
    ("--partial",),
    ("--seeds", "x"),
    ("--videos", "videos", "--seeds", "4..1"),
    ("--videos", "videos", "--limit", "0"),
    ("--vidoes", "videos"),
]


@pytest.mark.parametrize("arguments", USAGE)
def test_usage_errors_end_with_2(tmp_path, arguments):
    done = dsrbench("eval", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ")
    assert "Traceback" not in done.stderr
