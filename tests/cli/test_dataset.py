"""`dsrbench dataset` as a user runs it: built, killed in the middle, and what it refuses."""

from __future__ import annotations

import random
import signal
import subprocess
import time

import pytest
from clips import command, dsrbench, environment, error_line
from dataset.runs import copy_videos, files, write_source

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
