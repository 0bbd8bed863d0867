"""`dsrbench dataset` as a user runs it: built, killed in the middle, and what it refuses."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest
from clips import command, dsrbench, environment, error_line
from factories.dataset_runs import copy_videos, files, write_source
from fakes.hub import FakeHub

pytest.importorskip("imagehash")
pytest.importorskip("yaml")

OPTIONS = ("--near-duplicates", "-1", "--per-prompt", "0", "--shard-mb", "0.03")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run of 120 samples, and the dataset an undisturbed build makes of it, with what that printed."""
    folder = tmp_path_factory.mktemp("place")
    copy_videos(write_source(folder / "small"), folder / "run", times=20)
    done = dsrbench("dataset", "build", "run", "--out", "whole", "--name", "data", *OPTIONS, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_what_it_says(place):
    folder, done = place
    assert "120 rows of 120 samples: train 120" in done.stdout
    assert "Dropped: none" in done.stdout
    assert "writing: 120/120" in done.stderr
    again = dsrbench("dataset", "build", "run", "--out", "whole", "--name", "data", *OPTIONS, cwd=folder)
    assert again.stdout == done.stdout
    assert "hashing" not in again.stderr


def test_killed_again_and_again_it_ends_the_same(place):
    folder, _ = place
    out, rng, kills = folder / "killed", random.Random(3), 0
    asked = command("dataset", "build", "run", "--out", "killed", "--name", "data", *OPTIONS)
    for until in (".build/hashes.jsonl", "data", "plots", ""):
        with subprocess.Popen(
            asked, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as child:
            while until and child.poll() is None and not (out / until).exists():
                time.sleep(0.001)
            if until:
                time.sleep(rng.uniform(0, 0.05))
                child.send_signal(signal.SIGKILL)
            _, err = child.communicate(timeout=120)
            kills += child.returncode == -signal.SIGKILL
        assert until or child.returncode == 0, err.decode()
    assert kills >= 2
    assert files(out) == files(folder / "whole")


BAD = [
    # no run; a run of which nothing is left; an option out of range; nothing to build from
    (("nowhere",), 6, "nowhere is no run folder: it has no run.json"),
    (("run", "--threshold", "2"), 3, "threshold must lie in 0..1, got 2.0"),
    (("run", "--balance", "0.5"), 3, "balance must be at least 1, or 0 for none"),
    (("run", "run"), 3, "a run folder is given twice"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), BAD)
def test_bad_input_is_one_line(place, arguments, code, words):
    done = dsrbench("dataset", "build", *arguments, "--out", "bad", cwd=place[0])
    assert words in error_line(done, code)


def test_a_bare_install_says_what_to_install(place):
    done = dsrbench(
        "dataset", "build", "run", "--out", "bare", cwd=place[0], before="sys.modules['imagehash'] = None\n"
    )
    assert "pip install 'dsrbench[dataset]'" in error_line(done, 5)


@pytest.fixture
def hub(tmp_path):
    """A Hub to which me may write, and what a child needs to find it."""
    with FakeHub() as server:
        server.tokens["hf_verysecret"] = {"me"}
        yield server, server.environment(HF_TOKEN="hf_verysecret", HF_HOME=str(tmp_path / "home"), CI="")


def test_there_and_back(place, hub, tmp_path):
    folder, (server, env) = place[0], hub
    server.faults = [("PUT /lfs", "drop"), ("POST .*/commit/", "503")]
    pushed = dsrbench("dataset", "push", "whole", "me/data", "--private", cwd=folder, env=env)
    assert pushed.returncode == 0, pushed.stderr
    assert server.faults == []
    assert pushed.stdout == f"hf://datasets/me/data@{server.repos['me/data'].commits[0][0]}\n"
    assert "hf_verysecret" not in pushed.stdout + pushed.stderr
    server.faults = [("GET .*/resolve/.*parquet", "drop"), ("GET .*/resolve/", "500")]
    pulled = dsrbench("dataset", "pull", "me/data", "--out", tmp_path / "back", cwd=tmp_path, env=env)
    assert pulled.returncode == 0, pulled.stderr
    assert pulled.stdout.startswith(pushed.stdout)
    there = {name: data for name, data in files(tmp_path / "back").items() if not name.startswith(".cache")}
    assert there == files(folder / "whole")


def test_a_suite_on_the_hub(place, hub):
    folder, (_, env) = place[0], hub
    assert dsrbench("dataset", "push", "whole", "me/data", cwd=folder, env=env).returncode == 0
    asked = ("eval", "--model", "sprites", "--estimate", "--suite")
    done = dsrbench(*asked, "hf://datasets/me/data/prompts.jsonl", cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    assert "15 samples of 1 model(s), suite tiny" in done.stderr
    missing = dsrbench(*asked, "hf://datasets/me/data/none.jsonl", cwd=folder, env=env)
    assert "hf://datasets/me/data/none.jsonl: no such file on the Hub" in error_line(missing, 7)


REFUSED = [
    (("whole", "you/data"), {}, 7, "hf://datasets/you/data: no permission (HTTP 403"),
    (("whole", "me/data"), {"HF_TOKEN": ""}, 7, "no token to write with; log in with hf auth login, or set HF_TOKEN"),
    (("whole", "data"), {}, 3, "'data' is no repository id; expected OWNER/NAME"),
    (("run", "me/data"), {}, 3, "run holds no finished dataset"),
    (("whole", "me/data"), {"DSRBENCH_OFFLINE": "1"}, 7, "offline, and hf://datasets/me/data is on the Hub"),
]


@pytest.mark.parametrize(("arguments", "more", "code", "words"), REFUSED)
def test_pushes_that_are_refused_are_one_line(place, hub, arguments, more, code, words):
    server, env = hub
    done = dsrbench("dataset", "push", *arguments, cwd=place[0], env={**env, **more})
    assert words in error_line(done, code)
    assert "hf_verysecret" not in done.stderr
    assert server.repos == {}


@pytest.mark.slow
def test_datasets_loads_it_from_the_hub(place, hub):
    pytest.importorskip("datasets")
    folder, (_, env) = place[0], hub
    assert dsrbench("dataset", "push", "whole", "me/data", cwd=folder, env=env).returncode == 0
    load = "next(iter(datasets.load_dataset('me/data', split='train', streaming={})))['sample_id']"
    code = f"import datasets\nprint({load.format(False)})\nprint({load.format(True)})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(**env), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["alpha/1000_LR/0"] * 2
