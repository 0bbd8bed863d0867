"""Runs done in parts: every part its blocks, and joined the bytes of the run that was not split."""

from __future__ import annotations

import itertools
import json

import pytest
from fakes.backends import plan, scorer, world

from dsrbench.errors import InputError, RunMismatchError, StoreError
from dsrbench.evaluation import Shard, evaluate, plan_videos
from dsrbench.evaluation.generation import make_blocks
from dsrbench.evaluation.merge import merge_shards
from dsrbench.records import to_json
from dsrbench.report import update_page
from dsrbench.store import Run


def do_shard(folder, number, of, *, the_plan=None, generator=None, by=None, **more):
    run = Run(folder / Shard(number, of).folder)
    evaluate(the_plan or plan(), by or scorer(), run, generator=generator or world(), shard=Shard(number, of), **more)
    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("whole") / "run")
    evaluate(plan(), scorer(), run, generator=world())
    update_page(run)
    return run


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    return [do_shard(folder, number, 3) for number in (1, 2, 3)]


def test_shards_with_a_second_detector(tmp_path):
    whole, parts, out = (Run(tmp_path / name) for name in ("whole", "parts", "out"))
    both = scorer(second=True)
    evaluate(plan((0,)), both, whole, generator=world())
    shards = [do_shard(parts.folder, n, 2, the_plan=plan((0,)), by=both) for n in (1, 2)]
    assert merge_shards(shards, out) == []
    assert out.manifest.second_detector.name == "dark"
    for name in ("samples.parquet", "run.json", *whole.disk.list("tracks"), *whole.disk.list("detections")):
        assert out.disk.read(name) == whole.disk.read(name), name
    alone = do_shard(tmp_path / "alone", 2, 2, the_plan=plan((0,)))
    with pytest.raises(RunMismatchError, match=r"of different runs \(second_detector"):
        merge_shards([shards[0], alone], Run(tmp_path / "mixed"))


@pytest.mark.parametrize("of", [1, 2, 3, 5, 12])
def test_every_block_is_in_one_shard(of):
    blocks = {tuple(job.key for job in block) for block in make_blocks(plan(), world())}
    parts = [Shard(number, of).take(plan(), world()) for number in range(1, of + 1)]
    found = [tuple(job.key for job in block) for part in parts for block in make_blocks(part, world())]
    assert sorted(found) == sorted(blocks)
    sizes = [len(part.jobs) for part in parts]
    assert max(sizes) - min(sizes) <= 2


def test_joined_they_are_the_run_that_was_not_split(shards, whole, tmp_path):
    out = Run(tmp_path / "out")
    assert merge_shards([shards[2], shards[0], shards[1]], out) == []
    update_page(out)
    same = ["samples.parquet", "run.json", "report/summary.json", "report/index.html"]
    same += itertools.chain(*(whole.disk.list(part) for part in ("videos", "generated", "tracks", "detections")))
    assert len(same) > 90
    for name in same:
        assert out.disk.read(name) == whole.disk.read(name), name
    assert out.disk.list("samples") == whole.disk.list("samples")
    # and it goes on like any other: nothing to do, or more seeds
    told = []
    evaluate(plan(), scorer(), out, generator=world(deadly="any"), on_progress=lambda *what: told.append(what))
    assert told == []
    evaluate(plan((0, 1, 2)), scorer(), out, generator=world(), on_progress=lambda *what: told.append(what[3]))
    assert len(set(told)) == 12


def test_joining_twice_or_into_the_folder_the_shards_lie_in(shards, whole, tmp_path):
    import shutil

    folder = shutil.copytree(shards[0].folder.parents[1], tmp_path / "run")
    runs = [Run(folder / run.folder.relative_to(shards[0].folder.parents[1])) for run in shards]
    for _ in range(2):
        merge_shards(runs, Run(folder))
    assert Run(folder).disk.read("samples.parquet") == whole.disk.read("samples.parquet")


def test_a_shard_goes_on_where_it_stopped(shards, tmp_path):
    def stop(verb, done, total, name):
        if (verb, done) == ("scoring", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do_shard(tmp_path, 2, 3, on_progress=stop)
    again = do_shard(tmp_path, 2, 3)
    assert again.disk.read("samples.parquet") == shards[1].disk.read("samples.parquet")


def test_a_shard_is_not_done_in_the_folder_of_another(shards):
    with pytest.raises(RunMismatchError, match="shard"):
        evaluate(plan(), scorer(), shards[0], generator=world(), shard=Shard(2, 3))
    with pytest.raises(RunMismatchError, match="shard"):
        evaluate(plan(), scorer(), shards[0], generator=world())


def test_missing_shards_are_listed(shards, tmp_path):
    out = Run(tmp_path / "out")
    with pytest.raises(InputError, match="of 3 shards these are not there or not finished: 1, 3; run them, or give"):
        merge_shards([shards[1]], out)
    assert not out.folder.exists()
    assert merge_shards([shards[1], shards[2]], out, partial=True) == ["shards that are missing: 1"]
    assert out.manifest.missing_shards == (1,)
    assert len(out.samples()) == 16
    # and then the last one comes
    merge_shards(shards, out)
    assert "missing_shards" not in json.loads(out.disk.read("run.json"))
    assert len(out.samples()) == 24


def test_an_unfinished_shard_is_a_missing_one(shards, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        do_shard(tmp_path, 1, 3, on_progress=lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(InputError, match="not finished: 1;"):
        merge_shards([Run(tmp_path / "shards/1-of-3"), *shards[1:]], Run(tmp_path / "out"))


REFUSED = [
    # what is other about the second shard, and how it is told
    ({"the_plan": plan((0, 2))}, r"are of different runs \(seeds: \[0, 1\] -> \[0, 2\]\)"),
    ({"of": 2}, r"different runs \(shards: 3 -> 2\)"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_shards_of_another_run(shards, tmp_path, change, message):
    other = do_shard(tmp_path, **{"number": 2, "of": 3, **change})
    with pytest.raises(RunMismatchError, match=message):
        merge_shards([shards[0], other, shards[2]], Run(tmp_path / "out"))


def alter(run, to, **manifest):
    import shutil

    shutil.copytree(run.folder, to)
    text = {**json.loads((to / "run.json").read_text()), **manifest}
    (to / "run.json").write_text(json.dumps(text))
    return Run(to)


def test_another_suite_detector_or_machine(shards, tmp_path):
    suite = {**to_json(shards[1].manifest.suite), "sha256": "0" * 64}
    other = alter(shards[1], tmp_path / "suite", suite=suite)
    with pytest.raises(RunMismatchError, match=r"suite\.sha256"):
        merge_shards([shards[0], other, shards[2]], Run(tmp_path / "out"))
    other = alter(shards[1], tmp_path / "threads", threads=99)
    notes = merge_shards([shards[0], other, shards[2]], Run(tmp_path / "out"))
    assert notes == [f"shard 2 differs from shard 1 in threads: {shards[0].manifest.threads} -> 99"]


def test_one_shard_twice_a_whole_run_and_a_sample_of_two(shards, whole, tmp_path):
    with pytest.raises(InputError, match="shard 1 is there twice"):
        merge_shards([shards[0], shards[0]], Run(tmp_path / "out"))
    with pytest.raises(InputError, match="is a whole run and no shard"):
        merge_shards([whole], Run(tmp_path / "out"))
    copy = alter(shards[0], tmp_path / "copy", shard={"number": 2, "of": 3, "n_samples": 8})
    with pytest.raises(InputError, match="is in shards 1 and 2"):
        merge_shards([shards[0], copy, shards[2]], Run(tmp_path / "out"))
    short = alter(shards[0], tmp_path / "short", shard={"number": 1, "of": 3, "n_samples": 9})
    with pytest.raises(StoreError, match="shard 1 has 8 samples in its tables and not the 9"):
        merge_shards([short, *shards[1:]], Run(tmp_path / "out"))


def test_a_folder_that_holds_another_run(shards, whole, tmp_path):
    other = Run(tmp_path / "other")
    evaluate(plan((4,)), scorer(), other, generator=world())
    with pytest.raises(RunMismatchError, match="holds another run"):
        merge_shards(shards, other)


def test_videos_that_were_given(whole, tmp_path):
    from fakes.backends import SUITE

    asked = plan_videos(whole.videos, SUITE)
    run = Run(tmp_path / "run")
    evaluate(asked, scorer(), run)
    parts = []
    for number in (1, 2, 3, 4, 5):
        parts.append(Run(tmp_path / Shard(number, 5).folder))
        evaluate(asked, scorer(), parts[-1], shard=Shard(number, 5))
    merge_shards(parts, Run(tmp_path / "out"))
    assert Run(tmp_path / "out").disk.read("samples.parquet") == run.disk.read("samples.parquet")


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/3/5", ""])
def test_what_is_no_shard(text):
    with pytest.raises(InputError, match="expected a shard such as 3/16"):
        Shard.parse(text)


def test_more_shards_than_blocks():
    with pytest.raises(InputError, match="12 blocks of videos that are made at once do not make 13 shards"):
        Shard(1, 13).take(plan(), world())
