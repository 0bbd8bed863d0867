"""Pairs of runs and datasets: the same pairs from either, their videos where the file says, and bad input."""

from __future__ import annotations

import dataclasses
import hashlib

import pyarrow.parquet as pq
import pytest
from factories.dataset_runs import copy_run, write_source
from factories.samples import write_tables

from dsrbench.dataset import Form, Rules, adopt_pairs, build_dataset, pair_sources, read_pairs, write_pairs
from dsrbench.errors import InputError, StoreError, VideoError

ALL = Rules(near_duplicates=-1, validation=0, test=0, balance=0)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("runs") / "alpha")


def build(source, folder, *, inside=True, rules=ALL):
    build_dataset([str(source.folder)], folder, rules=rules, form=Form(inside=inside, shard_bytes=9_000))
    return folder


def bare(pairs):
    """Pairs without the places of their videos."""
    return [
        dataclasses.replace(pair, **{k: dataclasses.replace(getattr(pair, k), video="") for k in ("winner", "loser")})
        for pair in pairs
    ]


def check_videos(out):
    for pair in read_pairs(out):
        for choice in (pair.winner, pair.loser):
            assert hashlib.sha256((out.parent / choice.video).read_bytes()).hexdigest() == choice.sha256


def test_a_run_and_its_dataset_give_the_same_pairs(source, tmp_path):
    report = pair_sources([str(source.folder)], tmp_path / "a/pairs.jsonl")
    assert report.n_pairs == 3
    check_videos(tmp_path / "a/pairs.jsonl")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["pairs.jsonl"], "videos stay where they are"
    for inside in (True, False):
        data = build(source, tmp_path / f"data-{inside}", inside=inside)
        out = tmp_path / f"pairs-{inside}/pairs.jsonl"
        assert pair_sources([str(data)], out) == report
        assert bare(read_pairs(out)) == bare(read_pairs(tmp_path / "a/pairs.jsonl"))
        assert (out.parent / "videos").exists() == inside
        check_videos(out)
    before = out.read_bytes()
    pair_sources([str(data)], out)
    assert out.read_bytes() == before


def test_only_the_split_and_only_what_is_chosen(source, tmp_path):
    data = build(source, tmp_path / "data", rules=dataclasses.replace(ALL, validation=0.34))
    out = tmp_path / "p/pairs.jsonl"
    assert pair_sources([str(data)], out).n_pairs == 2
    assert len(list((tmp_path / "p/videos").iterdir())) == 4
    assert pair_sources([str(data)], tmp_path / "v/pairs.jsonl", split="validation").n_pairs == 1
    with pytest.raises(InputError, match=r"has no split 'test'; it has: train, validation$"):
        pair_sources([str(data)], out, split="test")
    with pytest.raises(InputError, match=r"no pairs to train on: 0 pairs; .* 2 only winners"):
        pair_sources([str(data)], out, threshold=0)


def test_a_run_and_another(source, tmp_path):
    other = write_source(tmp_path / "more", prompts=1, first=7)
    report = pair_sources([str(source.folder), str(other.folder)], tmp_path / "pairs.jsonl")
    assert report.n_pairs == 4
    with pytest.raises(InputError, match=r"sample alpha/1000_LR/0 is in another source as well"):
        pair_sources([str(source.folder), str(build(source, tmp_path / "data"))], tmp_path / "pairs.jsonl")
    beta = write_source(tmp_path / "beta", model="beta", prompts=1)
    samples = [
        dataclasses.replace(s, prompt=dataclasses.replace(s.prompt, text="Another text.")) for s in beta.samples()
    ]
    write_tables(beta, samples)
    with pytest.raises(InputError, match=r"beta: prompt '1000_LR' is another than in the first source; suites differ"):
        pair_sources([str(source.folder), str(beta.folder)], tmp_path / "pairs.jsonl")


def test_videos_that_are_not_what_they_should_be(source, tmp_path):
    data = build(source, tmp_path / "data")
    (table,) = [p for p in (data / "data").iterdir() if "00000-of" in p.name]
    rows = pq.read_table(table)
    changed = rows.set_column(
        rows.schema.get_field_index("video_sha256"), rows.schema.field("video_sha256"), [["0" * 64] * len(rows)]
    )
    pq.write_table(changed, table)
    with pytest.raises(VideoError, match=r"^row alpha/1000_LR/\d: its video does not match its sha256"):
        pair_sources([str(data)], tmp_path / "pairs.jsonl")
    assert not (tmp_path / "pairs.jsonl").exists()
    table.write_bytes(table.read_bytes()[:-40])
    with pytest.raises(StoreError, match=r"damaged .*; fetch or build the dataset again"):
        pair_sources([str(data)], tmp_path / "pairs.jsonl")
    files = build(source, tmp_path / "files", inside=False)
    next((files / "data").rglob("*.mp4")).unlink()
    with pytest.raises(VideoError, match=r"cannot be read \(No such file or directory\); fetch it again"):
        pair_sources([str(files)], tmp_path / "pairs.jsonl")
    run = copy_run(source, tmp_path / "run")
    run.find_video(run.samples()[0].video).unlink()
    with pytest.raises(VideoError, match="no such file, though a pair is made of it"):
        pair_sources([str(run.folder)], tmp_path / "pairs.jsonl")


def test_what_is_no_source(tmp_path):
    with pytest.raises(InputError, match="neither a run folder"):
        pair_sources([str(tmp_path)], tmp_path / "pairs.jsonl")


def test_pairs_of_another_folder(source, tmp_path):
    pair_sources([str(source.folder)], tmp_path / "a/pairs.jsonl")
    assert adopt_pairs(tmp_path / "a/pairs.jsonl", tmp_path / "b/c/pairs.jsonl") == 3
    check_videos(tmp_path / "b/c/pairs.jsonl")
    write_pairs(tmp_path / "none.jsonl", [])
    with pytest.raises(InputError, match="no pairs in it"):
        adopt_pairs(tmp_path / "none.jsonl", tmp_path / "d.jsonl")
