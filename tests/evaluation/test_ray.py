"""The Ray engine gives the bytes of the local one: also when workers crash, die, or are killed at random."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
from pathlib import Path

import pytest

from dsrbench.evaluation.engines.ray import CONNECTION_TRIES, ENVIRONMENT, RayEngine, connect, start_here

os.environ.update(ENVIRONMENT)  # before Ray is imported
ray = pytest.importorskip("ray")

from fakes.backends import IDS, SUITE, plan, scorer, world  # noqa: E402

from dsrbench.errors import BackendError, OptionError, StoreError  # noqa: E402
from dsrbench.evaluation import evaluate, plan_videos  # noqa: E402
from dsrbench.store import Run  # noqa: E402

pytestmark = [
    # Ray's own, about itself
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\..*"),
    # sockets and subprocesses that Ray leaves to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two CPUs on this machine, as the engine starts one, for all tests of this file."""
    with start_here(ray, cpus=2):
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("whole") / "run")
    evaluate(plan(), scorer(), run, generator=world())
    return run


def table(run):
    return run.disk.read("samples.parquet")


def evaluated(run):
    """The samples whose videos were detected, as often as they were."""
    import json

    lines = map(json.loads, run.disk.read("log.jsonl").decode().splitlines())
    return sorted(line["sample"] for line in lines if line["event"] == "evaluated")


def test_the_bytes_of_the_local_engine(cluster, whole, tmp_path):
    run, told = Run(tmp_path / "run"), []
    samples = evaluate(
        plan(), scorer(), run, generator=world(), engine=RayEngine(), on_progress=lambda *w: told.append(w)
    )
    assert table(run) == table(whole)
    assert run.disk.read("run.json") == whole.disk.read("run.json")
    for part in ("videos", "generated", "tracks", "detections"):
        assert run.disk.list(part) == whole.disk.list(part)
        assert all(run.disk.read(name) == whole.disk.read(name) for name in whole.disk.list(part))
    assert [sample.id for sample in samples] == [job.key for job in plan().jobs]
    assert sorted(done for _, done, _, _ in told) == list(range(1, 25))
    assert evaluated(run) == sorted(str(job.key) for job in plan().jobs)
    # nothing is left to do, and Ray is not asked
    evaluate(plan(), scorer(), run, generator=world(), engine=None, on_progress=lambda *w: told.append(w))
    assert len(told) == 24
    # more seeds: only theirs
    evaluate(
        plan((0, 1, 2)), scorer(), run, generator=world(), engine=RayEngine(), on_progress=lambda *w: told.append(w)
    )
    assert len(told) == 24 + 12


def test_a_second_detector(cluster, whole, tmp_path):
    """It is added to a finished run: the first detector is asked nothing, and would kill its worker."""
    one, two = (Run(shutil.copytree(whole.folder, tmp_path / name)) for name in ("local", "ray"))
    deadly = scorer(second=True, deadly="_seed")
    samples = evaluate(plan(), deadly, one, generator=world())
    evaluate(plan(), deadly, two, generator=world(), engine=RayEngine())
    assert {sample.score.status.value for sample in samples} == {"scored"}
    assert table(one) == table(two) != table(whole)
    assert one.disk.read("run.json") == two.disk.read("run.json")
    for part in ("tracks", "detections"):
        assert one.disk.list(part) == two.disk.list(part)
        assert all(one.disk.read(name) == two.disk.read(name) for name in one.disk.list(part))
    assert len(two.disk.list("detections", ".second.npz")) == 24


@pytest.mark.slow
def test_videos_that_were_given_and_damaged_ones(cluster, whole, tmp_path):
    videos = shutil.copytree(whole.videos, tmp_path / "videos")
    damaged = sorted(videos.iterdir())[3]
    damaged.write_bytes(b"no video")
    sorted(videos.iterdir())[5].unlink()
    one, two = Run(tmp_path / "local"), Run(tmp_path / "ray")
    asked = plan_videos(videos, SUITE, seeds=(0, 1))
    samples = evaluate(asked, scorer(crash=IDS[0]), one)
    evaluate(asked, scorer(crash=IDS[0]), two, engine=RayEngine())
    reasons = sorted(sample.score.reason for sample in samples if sample.score.status.value == "failed")
    assert reasons[0].startswith(f"{damaged.name}: not a video")
    assert reasons[1:] == ["crashed: RuntimeError: no boxes for this one"] * 2 + ["no video for this prompt"]
    assert table(one) == table(two)


@pytest.mark.slow
def test_a_crash_of_the_generator_is_a_row(cluster, tmp_path):
    one, two = Run(tmp_path / "local"), Run(tmp_path / "ray")
    for run, engine in ((one, None), (two, RayEngine())):
        samples = evaluate(plan(), scorer(), run, generator=world(crash=IDS[4]), engine=engine)
        assert {s.score.reason for s in samples} == {"", "world: crashed: RuntimeError: out of memory"}
    assert table(one) == table(two)


@pytest.mark.slow
def test_an_item_that_kills_its_worker_once_leaves_no_trace(cluster, whole, tmp_path):
    run, mark = Run(tmp_path / "run"), tmp_path / "died"
    evaluate(plan(), scorer(once=str(mark)), run, generator=world(), engine=RayEngine())
    assert mark.exists()
    assert table(run) == table(whole)


@pytest.mark.slow
def test_an_item_that_kills_every_worker_is_a_failed_sample(cluster, whole, tmp_path):
    run = Run(tmp_path / "run")
    bad = f"{IDS[2]}_seed1"
    samples = evaluate(plan(), scorer(deadly=bad), run, generator=world(), engine=RayEngine(tries=2))
    failed = [sample for sample in samples if sample.score.status.value == "failed"]
    assert [(s.prompt.id, s.seed, s.score.reason) for s in failed] == [
        (IDS[2], 1, "its worker died 2 times in a row while it was at detect")
    ]
    # the next run tries again
    evaluate(plan(), scorer(), run, generator=world(), engine=RayEngine())
    assert table(run) == table(whole)


@pytest.mark.slow
def test_a_prompt_that_kills_every_generator_costs_its_block(cluster, whole, tmp_path):
    run = Run(tmp_path / "run")
    samples = evaluate(plan((0,)), scorer(), run, generator=world(deadly=IDS[3]), engine=RayEngine(tries=2))
    failed = {s.prompt.id: s.score.reason for s in samples if s.score.status.value == "failed"}
    # of the block of IDS[2] and IDS[3] the first was made
    assert failed == {IDS[3]: "its worker died 2 times in a row while it was at generate"}
    evaluate(plan(), scorer(), run, generator=world(), engine=RayEngine())
    assert table(run) == table(whole)


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_ends_the_run(cluster, whole, tmp_path):
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    (run.folder / "tracks").write_text("a file, no folder")
    with pytest.raises(StoreError, match=r"cannot write .*tracks"):
        evaluate(plan_videos(whole.videos, SUITE), scorer(), run, engine=RayEngine())
    (run.folder / "tracks").unlink()
    other = Run(tmp_path / "other")
    evaluate(plan_videos(whole.videos, SUITE), scorer(), other)
    evaluate(plan_videos(whole.videos, SUITE), scorer(), run, engine=RayEngine())
    assert table(run) == table(other)


@pytest.mark.slow
def test_a_backend_that_is_other_on_the_workers_ends_the_run(cluster, whole, tmp_path):
    import dataclasses

    made = scorer()
    other = dataclasses.replace(made, detector=dataclasses.replace(made.detector, fingerprint={"weights": "other"}))
    with pytest.raises(BackendError, match="'bright' has other weights or libraries here"):
        evaluate(plan_videos(whole.videos, SUITE), other, Run(tmp_path / "run"), engine=RayEngine())


def test_pools_the_cluster_has_not(cluster, whole, tmp_path):
    asked = plan_videos(whole.videos, SUITE)
    with pytest.raises(OptionError, match=r"the pools need 8\.5 CPUs and the cluster has 2"):
        evaluate(asked, scorer(), Run(tmp_path / "run"), engine=RayEngine(pools={"detect": {"cpus": 8.0}}))


def kill_at_random(folder, stop, rng, kills):
    """Kill ten processes that left their id in a folder, one at a time; they are workers of this test."""
    while len(kills) < 10 and not stop.wait(rng.uniform(0.2, 3.0)):
        for path in rng.sample(found := sorted(folder.iterdir()), len(found)):
            process = Path(f"/proc/{path.name}/cmdline")
            if process.exists() and process.read_bytes().startswith(b"ray::"):
                os.kill(int(path.name), signal.SIGKILL)
                kills.append(path.name)
                break


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_workers_killed_at_random_moments(cluster, whole, tmp_path, seed):
    run, pids, kills, stop = Run(tmp_path / "run"), tmp_path / "pids", [], threading.Event()
    pids.mkdir()
    made = {"seconds": 0.4, "pids": str(pids)}
    killer = threading.Thread(target=kill_at_random, args=(pids, stop, random.Random(seed), kills))
    killer.start()
    try:
        evaluate(plan(), scorer(**made), run, generator=world(**made), engine=RayEngine(tries=50))
    finally:
        stop.set()
        killer.join()
    assert len(kills) >= 3
    assert table(run) == table(whole)
    assert set(evaluated(run)) == {str(job.key) for job in plan().jobs}
    assert len(run.disk.list("samples", ".json")) == 24
    for part in ("videos", "generated", "tracks", "detections", "samples"):
        assert run.disk.list(part) == whole.disk.list(part)


class BusyHead:
    """Ray's `init` on a busy cluster, which gives up on some clients."""

    def __init__(self, refusals):
        self.left = refusals

    def init(self, **options):
        assert options["address"] == "ray://head:1"
        self.left -= 1
        if self.left >= 0:
            raise ConnectionAbortedError("Initialization failure from server:\nTimeoutError: too busy")


def test_a_busy_head_is_asked_again():
    head = BusyHead(CONNECTION_TRIES - 1)
    connect(head, "ray://head:1")
    assert head.left == -1


def test_a_head_that_stays_busy_ends_the_run():
    head = BusyHead(CONNECTION_TRIES)
    with pytest.raises(ConnectionAbortedError):
        connect(head, "ray://head:1")
    assert head.left == 0
