"""The generator `http` against a server of our own: what is paid for, what is retried, what a user sees; the key."""

from __future__ import annotations

import email.utils
import time

import numpy as np
import pytest
from click.testing import CliRunner
from fakes.video_service import Server

from dsrbench.backends.generators.http import Http
from dsrbench.backends.registry import generators
from dsrbench.cli import group
from dsrbench.errors import BackendError, InputError, OptionError, StoreError
from dsrbench.prompts import read_suite
from dsrbench.store import Run
from dsrbench.types import Clip, NoClip
from dsrbench.video import write_mp4

PROMPTS = read_suite("sprites").prompts[:5]
KEY = "sk-very-secret-0123456789"


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    ramp = np.linspace(0, 255, 48).astype(np.uint8)
    write_mp4(path, np.broadcast_to(ramp[None, None, :, None], (12, 32, 48, 3)), fps=24)
    return path.read_bytes()


@pytest.fixture
def server(video, tmp_path, monkeypatch):
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VIDEO_KEY", KEY)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(video) as server:
        yield server


def make(server, **options):
    """The generator, whose waits are noted in place of slept."""
    generator = Http(**{"url": server.url, "model": "toy-1", "key_env": "VIDEO_KEY", **options})
    generator.waits = []
    generator.service.wait = generator.waits.append
    return generator


def run(generator, count=1, seeds=None):
    return list(generator.generate(PROMPTS[:count], seeds or [0] * count))


def test_videos_in_order_with_what_the_file_says(server):
    generator = make(server, size="48x32", seconds="4", batch=2)
    clips = run(generator, 5)
    assert [clip.text for clip in clips] == [prompt.text for prompt in PROMPTS]
    assert {(clip.frames.shape, clip.fps) for clip in clips} == {((12, 32, 48, 3), 24.0)}
    assert [fields["prompt"] for fields in server.submitted.values()] == [prompt.text for prompt in PROMPTS]
    assert server.submitted["video_0"] == {
        "model": "toy-1", "size": "48x32", "seconds": "4", "prompt": PROMPTS[0].text,
    }  # fmt: skip
    assert clips[3].metadata["job"] == "video_3"
    assert generator.waits == [5.0] * 5
    with pytest.raises(InputError, match="2 prompts and 1 seeds"):
        next(generator.generate(PROMPTS[:2], [0]))


def test_no_more_jobs_at_once_than_asked_for(server):
    clips = make(server, batch=2).generate(PROMPTS, [0] * 5)
    counts = []
    for _ in range(5):
        next(clips)
        counts.append(len(server.submitted))
    assert counts == [2, 3, 4, 5, 5]


def test_what_was_submitted_is_asked_about_and_not_paid_for_again(server):
    clips = make(server, batch=3).generate(PROMPTS[:3], [0] * 3)
    next(clips)
    clips.close()  # killed
    assert len(server.submitted) == 3
    again = run(make(server), 3)
    assert len(server.submitted) == 3
    assert all(isinstance(clip, Clip) for clip in again)
    run(make(server), 1, [1])
    run(make(server, seconds="8"), 1)
    assert len(server.submitted) == 5, "another seed or another length is another video"


def test_a_job_the_service_has_forgotten_is_submitted_anew(server):
    run(make(server))
    server.submitted = {"other": {}}
    (clip,) = run(make(server))
    assert clip.metadata["job"] == "video_1"
    server.plan = {"ask": [(404, b"{}")] * 2}
    (none,) = run(make(server))
    assert none.reason.startswith("the service forgets its jobs")


def test_a_job_that_failed_is_no_clip_and_the_next_run_tries_again(server):
    server.status = "failed"
    (none,) = run(make(server))
    assert none == NoClip("job video_0 failed: the prompt was blocked")
    server.status = "completed"
    (clip,) = run(make(server))
    assert clip.metadata["job"] == "video_1"


def test_a_job_that_takes_too_long(server):
    server.rounds = 10**6
    (none,) = run(make(server, patience=0.01))
    assert none.reason == "job video_0 is in_progress after 0 s; another run asks again"


BUSY = (429, b'{"error": {"message": "slow down"}}', {"Retry-After": "7"})


@pytest.mark.parametrize("kind", ["submit", "ask", "download"])
@pytest.mark.parametrize(
    ("steps", "waits"),
    [
        ([BUSY, BUSY], [7.0, 7.0]),
        ([(500, b"oops"), (503, b""), (502, b"<html>")], [1.0, 2.0, 4.0]),
        (["drop", "short"], [1.0, 2.0]),
        ([(429, b"", {"Retry-After": "soon"})], [1.0]),
        ([(503, b"", {"Retry-After": "999999"})], [600.0]),
    ],
)
def test_a_busy_service_is_waited_for(server, kind, steps, waits):
    server.plan, server.rounds = {kind: list(steps)}, 0
    if kind != "download":
        steps = [step for step in steps if step != "short"]
        server.plan = {kind: list(steps)}
    generator = make(server)
    (clip,) = run(generator)
    assert isinstance(clip, Clip)
    assert generator.waits == waits[: len(steps)]
    assert len(server.submitted) == 1


def test_a_date_to_retry_after(server):
    server.rounds = 0
    server.plan = {"ask": [(503, b"", {"Retry-After": email.utils.formatdate(time.time() + 30, usegmt=True)})]}
    generator = make(server)
    run(generator)
    assert 25 < generator.waits[0] <= 30


def test_a_repeated_submission_names_itself_the_same(server):
    server.plan = {"submit": [(500, b"")]}
    run(make(server), 2)
    keys = [headers["Idempotency-Key"] for kind, headers in server.log if kind == "submit"]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"submit": [(401, b'{"error": {"message": "bad key"}}')]}, "HTTP 401, the key is not accepted (bad key)"),
        ({"ask": [(403, b"no")]}, "HTTP 403, the key is not accepted (no); see the option key_env"),
        ({"submit": [(500, b"oops")] * 6}, "gave up after 6 attempts (HTTP 500: oops); what was submitted is kept"),
        ({"ask": [BUSY] * 6}, "gave up after 6 attempts (HTTP 429: slow down)"),
        ({"submit": [(200, b"<html>hello</html>")]}, "expected JSON with 'id', got '<html>hello</html>'"),
        ({"submit": [(200, b"[1]")]}, "expected JSON with 'id', got '[1]'"),
        ({"ask": [(200, b'{"status": 3}')]}, "expected JSON with 'status'"),
        ({"ask": [(200, b"\xff\xfe")]}, "expected JSON with 'status'"),
        ({"submit": [(404, b"{}")]}, "no video endpoint there, or no such model"),
        ({"ask": [(302, b"", {"Location": "http://127.0.0.1:1/"})]}, "a redirect, which is not followed"),
    ],
)
def test_what_ends_the_run_is_one_line(server, plan, words):
    server.plan = {kind: list(steps) for kind, steps in plan.items()}
    with pytest.raises(BackendError) as caught:
        run(make(server))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"submit": [(400, b'{"error": {"message": "no such size"}}')]}, "refused: HTTP 400: no such size"),
        ({"submit": [(422, b"bad")]}, "refused: HTTP 422: bad"),
        ({"download": [(200, b"not a video")]}, "expected a video, got 11 bytes that begin with b'not a video'"),
        ({"download": [(200, b"")]}, "expected a video, got 0 bytes"),
    ],
)
def test_what_fails_a_sample_leaves_the_others(server, plan, words):
    server.plan = {kind: list(steps) for kind, steps in plan.items()}
    none, clip = run(make(server), 2)
    assert isinstance(none, NoClip)
    assert words in none.reason
    assert isinstance(clip, Clip)


def test_a_silent_service(server, monkeypatch):
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        generator = make(server, url=url, timeout=0.05, attempts=2)
        with pytest.raises(BackendError, match="gave up after 2 attempts"):
            run(generator)
        assert generator.waits == [1.0]


def test_the_pace_is_kept(server):
    server.rounds = 0
    generator = make(server, per_minute=60)
    run(generator)
    assert len(generator.waits) == 2
    assert all(0 < wait <= 2 for wait in generator.waits)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": ""}, "url must be https://HOST/PATH"),
        ({"url": "ftp://host/v1"}, "url must be https://HOST/PATH"),
        ({"url": "https://me:secret@host/v1"}, "without a user or a key in it"),
        ({"url": "https://host/v1?key=secret"}, "without a user or a key in it"),
        ({"url": "https://host:port/v1"}, "url must be"),
        ({"model": ""}, "which model?"),
        ({"url": "https://host/v1", "key_env": "NO_SUCH_KEY"}, "set the environment variable NO_SUCH_KEY"),
        ({"key_env": "ODD_KEY"}, "the environment variable ODD_KEY holds no key"),
        ({"batch": 0}, "batch must be above 0, got 0"),
        ({"timeout": float("nan")}, "timeout must be above 0, got nan"),
        ({"poll": -1.0}, "poll and per_minute must be 0 or more"),
    ],
)
def test_bad_options(server, monkeypatch, options, words):
    monkeypatch.setenv("ODD_KEY", "secret\nsecret")
    with pytest.raises(OptionError) as caught:
        make(server, **options)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/jobs").write_text("a file, no folder")
    with pytest.raises(StoreError, match="the job's id cannot be kept"):
        run(make(server))


def test_the_key_goes_to_the_service_and_nowhere_else(server, tmp_path):
    generator = make(server)
    run(generator)
    assert {headers["Authorization"] for _, headers in server.log} == {f"Bearer {KEY}"}
    record = generators.create("http", {"url": server.url, "model": "toy-1", "key_env": "VIDEO_KEY"}).record()
    assert KEY not in repr([record, generator.service, vars(generator)])
    kept = [path.read_text() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not any(KEY in text for text in kept)


def test_the_whole_of_eval_and_again(server, tmp_path):
    url = f"generator.url={server.url}"
    options = (url, "generator.model=toy-1", "generator.key_env=VIDEO_KEY", "generator.poll=0")
    asked = ["eval", "--model", "http", "--suite", "sprites-val", "--limit", "3", "--seeds", "0..1"]
    asked += ["--detector", "sprites-template", "--out", str(tmp_path / "run")]
    asked += [word for option in options for word in ("-o", option)]
    done = CliRunner().invoke(group, asked, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    run_folder = Run(tmp_path / "run")
    samples = run_folder.samples()
    assert {(s.model, s.n_frames, s.fps) for s in samples} == {("toy-1", 12, 24.0)}
    lost = next(run_folder.videos.glob("*.mp4"))
    before, asked_before = lost.read_bytes(), len(server.log)
    lost.unlink()
    assert CliRunner().invoke(group, asked, catch_exceptions=False).exit_code == 0
    assert lost.read_bytes() == before
    assert len(server.submitted) == 3
    assert [kind for kind, _ in server.log[asked_before:]] == ["ask", "download"], "the others are not asked about"
    said = [path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert not any(KEY.encode() in text for text in [*said, done.output.encode()])
