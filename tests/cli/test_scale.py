"""Engines, shards, merging and run folders at URLs, as a user asks for them."""

from __future__ import annotations

import random
import signal
import subprocess
import time

import pytest
from clips import command, dsrbench, environment, error_line, write_clips, write_suite, write_weights

from dsrbench.store import Run

NAMES = {f"{1000 + i}_LR": kind for i, kind in enumerate(["LR", "RL", "L", "LR", "RL"])}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Five clips; the arguments but for --out, and the run of one process."""
    place = tmp_path_factory.mktemp("scale")
    write_clips(place / "videos", **NAMES)
    write_suite(place / "suite.jsonl", *NAMES)
    arguments = ("eval", "--videos", "videos", "--suite", "suite.jsonl", "--detector", "picodet",
                 "-o", f"detector.weights={write_weights(place)}", "--out")  # fmt: skip
    done = dsrbench(*arguments, "whole", cwd=place)
    assert done.returncode == 0, done.stderr
    return place, arguments


def table(place, out):
    return Run(place / out).disk.read("samples.parquet")


def test_shards_and_their_merging(asked):
    place, arguments = asked
    for number in (1, 2):
        done = dsrbench(*arguments, "split", "--shard", f"{number}/2", cwd=place)
        assert done.returncode == 0, done.stderr
        assert f"split/shards/{number}-of-2" in done.stderr
        if number == 1:
            line = error_line(dsrbench("merge", "split/shards/1-of-2", "--out", "split", cwd=place), 3)
            assert "of 2 shards these are not there or not finished: 2" in line
    done = dsrbench("merge", "split/shards/1-of-2", "split/shards/2-of-2", "--out", "split", cwd=place)
    assert done.returncode == 0, done.stderr
    for name in ("samples.parquet", "run.json", "report/summary.json", "report/index.html"):
        assert Run(place / "split").disk.read(name) == Run(place / "whole").disk.read(name), name
    assert "5 of 5" in done.stdout


def test_a_part_of_the_shards(asked):
    place, arguments = asked
    assert dsrbench(*arguments, "some", "--shard", "2/2", cwd=place).returncode == 0
    done = dsrbench("merge", "some/shards/2-of-2", "--out", "some", "--partial", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "note: shards that are missing: 1" in done.stderr
    assert "2 of 2" in done.stdout


LACKS = "import sys; sys.modules['ray'] = None\n"


def test_without_ray_it_says_what_to_install(asked):
    place, arguments = asked
    line = error_line(dsrbench(*arguments, "none", "--engine", "ray", cwd=place, before=LACKS), 5)
    assert line.startswith("dsrbench: engine 'ray' needs the package 'ray'")
    assert "pip install 'dsrbench[ray]'" in line
    assert not (place / "none").exists()


BAD = [
    (("--shard", "3"), 3, "expected a shard such as 3/16, the third of sixteen, got '3'"),
    (("--shard", "6/6"), 3, "5 samples do not make 6 shards; give --shard I/5 at most"),
    (("--engine", "ray", "--pool", "detct=2"), 3, "no stage 'detct' in pool 'detct=2'; did you mean 'detect'"),
    (("--engine", "ray", "--pool", "detect=2,cpus=900"), 3, "CPUs and the cluster has"),
    (("--engine", "ray", "--address", "127.0.0.1:1"), 5, "no Ray cluster at 127.0.0.1:1"),
]


@pytest.mark.parametrize(("more", "code", "words"), BAD)
def test_bad_input_is_one_line(asked, more, code, words):
    place, arguments = asked
    assert words in error_line(dsrbench(*arguments, "bad", *more, cwd=place), code)


@pytest.mark.parametrize(
    "more", [("--address", "auto"), ("--tries", "2"), ("--pool", "detect=2"), ("--engine", "dask")]
)
def test_usage_errors_end_with_2(asked, more):
    place, arguments = asked
    done = dsrbench(*arguments, "bad", *more, cwd=place)
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: ")


@pytest.mark.slow
def test_the_ray_engine(asked):
    pytest.importorskip("ray")
    place, arguments = asked
    done = dsrbench(*arguments, "ray", "--engine", "ray", "--pool", "detect=2,cpus=0.25", cwd=place, timeout=300)
    assert done.returncode == 0, done.stderr
    assert table(place, "ray") == table(place, "whole")
    assert "scoring: 5/5" in done.stderr
    # finished: no cluster is started
    before = "import sys\nfrom dsrbench.evaluation.engines import ray\nray.start_here = None\n"
    again = dsrbench(*arguments, "ray", "--engine", "ray", cwd=place, before=before)
    assert again.returncode == 0, again.stderr


@pytest.fixture
def bucket(monkeypatch):
    """A bucket of an S3-compatible server on this machine, and the environment that leads to it."""
    moto_server = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    env = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem(skip_instance_cache=True).mkdir("runs")
    yield s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    server.stop()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_run_in_a_bucket(asked, bucket, tmp_path, monkeypatch):
    place, arguments = asked
    cache = {"DSRBENCH_CACHE": str(tmp_path / "one")}
    done = dsrbench(*arguments, "s3://runs/a", cwd=place, env=cache)
    assert done.returncode == 0, done.stderr
    assert bucket.cat_file("runs/a/samples.parquet") == table(place, "whole")
    there = {path.removeprefix("runs/a/") for path in bucket.find("runs/a")}
    whole = Run(place / "whole")
    for part in ("videos", "tracks", "detections", "samples", "report"):
        assert set(whole.disk.list(part)) <= there
    # on another machine there is nothing to do, and its report is the same
    other = {"DSRBENCH_CACHE": str(tmp_path / "two")}
    done = dsrbench(*arguments, "s3://runs/a", cwd=place, env=other)
    assert done.returncode == 0, done.stderr
    assert bucket.cat_file("runs/a/log.jsonl").count(b'"evaluated"') == 0, "the log is that of the last machine"
    assert bucket.cat_file("runs/a/samples.parquet") == table(place, "whole")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_run_in_a_bucket_that_is_killed(asked, bucket, tmp_path):
    place, arguments = asked
    rng, kills = random.Random(3), 0
    for turn in range(16):
        # now and then on another machine
        env = environment(DSRBENCH_CACHE=str(tmp_path / f"machine {turn % 3 == 2}"))
        with subprocess.Popen(
            command(*arguments, "s3://runs/b"), cwd=place, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as child:
            try:
                _, err = child.communicate(timeout=rng.uniform(1, 6) if turn < 15 else 120)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.communicate()
                kills += 1
                continue
            assert child.returncode == 0, err.decode()
            break
        time.sleep(0.1)
    assert kills >= 1
    assert bucket.cat_file("runs/b/samples.parquet") == table(place, "whole")
    assert [path for path in bucket.find("runs/b") if path.endswith((".tmp", ".part"))] == []
