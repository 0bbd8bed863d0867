"""Datasets: what is in them, that `datasets` reads them, that a stopped build ends the same, and bad input."""

from __future__ import annotations

import io
import json
import re
import xml.dom.minidom

import pytest
import yaml
from factories.dataset_runs import copy_run, copy_videos, files, write_source
from factories.samples import write_tables

from dsrbench.dataset import Form, Rules, build_dataset
from dsrbench.dataset import build as building
from dsrbench.dataset.read import iter_rows
from dsrbench.dataset.rows import sample_of
from dsrbench.errors import InputError, OptionError, RunMismatchError, StoreError, VideoError
from dsrbench.metric import score_tracks
from dsrbench.store import LocalDisk, Run, RunManifest
from dsrbench.types import VideoTracks
from dsrbench.video import read_clip

SMALL = Form(shard_bytes=9_000, name="tiny", licence="cc0-1.0")
ALL = Rules(near_duplicates=-1, validation=0.34, test=0)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("runs") / "alpha")


@pytest.fixture(scope="module")
def built(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "tiny"
    build_dataset([str(source.folder)], folder, rules=ALL, form=SMALL)
    return folder


def test_rows_are_the_samples_with_their_boxes(built, source):
    rows = {row["sample_id"]: row for split in ("train", "validation") for row in iter_rows(built, split)}
    assert len(rows) == 6
    for sample in source.samples():
        row = rows[str(sample.id)]
        assert row["video"]["bytes"] == source.find_video(sample.video).read_bytes()
        assert row["label"] == ("winner" if sample.seed == 0 else "loser")
        assert json.loads(row["manifest"])["detector"]["name"] == "scripted"
        back = sample_of(row)
        assert back.row() == {**sample.row(), "split": row["split"], "video": row["video"]["path"]}
        boxes = [[box or [float("nan")] * 4 for box in row[name]] for name in ("subject_boxes", "object_boxes")]
        assert score_tracks(VideoTracks(*boxes), back.prompt).dsr_score == sample.score.dsr_score


def test_splits_are_by_prompt(built):
    of = [{row["prompt_id"] for row in iter_rows(built, split)} for split in ("train", "validation")]
    assert [len(prompts) for prompts in of] == [2, 1]
    assert not of[0] & of[1]
    assert len(list((built / "data").glob("train-*-of-00004.parquet"))) == 4, "a shard has at most 9,000 bytes"


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "files"])
def test_datasets_reads_it_whole_and_streaming(source, tmp_path, inside, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    form = Form(inside=inside, shard_bytes=9_000, name="tiny")
    build_dataset([str(source.folder)], tmp_path / "tiny", rules=ALL, form=form)
    asked = {"path": str(tmp_path / "tiny"), "split": "train"}
    for data in (datasets.load_dataset(**asked), datasets.load_dataset(**asked, streaming=True)):
        rows = list(data.cast_column("video", datasets.Video(decode=False)))
        assert len(rows) == 4
        assert rows[0]["relations"] in (["L", "R"], ["L", "T"], ["T", "R"])
        video = rows[0]["video"]
        if inside:
            assert data.features["video"] == datasets.Video(decode=False)
        import av

        with av.open(io.BytesIO(video["bytes"]) if inside else video["path"]) as container:
            frames = list(container.decode(video=0))
        assert len(frames) == len(rows[0]["subject_boxes"]) == rows[0]["n_frames"] == 33


def test_the_card(built):
    text = (built / "README.md").read_text()
    header = yaml.safe_load(text.split("---\n")[1])
    assert header["license"] == "cc0-1.0"
    assert [part["split"] for part in header["configs"][0]["data_files"]] == ["train", "validation"]
    assert "| `train` | 4 | 2 | 2 | 2 |" in text
    assert "Of 6 samples 6 are rows" in text
    assert "| alpha | videos that were given | 0, 1 | tiny 1 (`555555555555`) | scripted | assignment |" in text
    for picture in re.findall(r"\]\((plots/.+?)\)", text):
        drawn = xml.dom.minidom.parseString((built / picture).read_bytes())
        assert drawn.documentElement.getElementsByTagName("rect").length > 3
    assert str(built.parent) not in text
    lines = (built / "prompts.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["suite"] == "tiny"
    assert len(lines) == 4


def test_what_is_dropped_is_counted(source, rendered_run, tmp_path):
    many = copy_videos(source, tmp_path / "many", times=3)
    made = build_dataset([str(many.folder)], tmp_path / "a", rules=Rules(validation=0, test=0))
    # bytes differ, pictures do not
    assert (made.rows, made.dropped) == ({"train": 6}, {"near_duplicate": 12})
    capped = build_dataset([str(many.folder)], tmp_path / "b", rules=Rules(near_duplicates=-1, per_prompt=3))
    assert capped.dropped == {"cap": 9}
    assert "| cap | the prompt has more rows than the cap | 9 |" in (tmp_path / "b/README.md").read_text()
    # one invalid, one without a video, one damaged file
    folder = str(rendered_run.folder)
    with pytest.raises(VideoError, match=r"^1 of 12 videos cannot be used; the first is .*1003_LR.*--partial$"):
        build_dataset([folder], tmp_path / "c")
    made = build_dataset([folder], tmp_path / "c", partial=True, rules=Rules(near_duplicates=4, balance=0))
    assert made.dropped == {"failed": 1, "invalid": 1, "missing": 1, "copy": 1}
    kept = build_dataset([folder], tmp_path / "d", partial=True, rules=Rules(keep_invalid=True, balance=0))
    assert sum(kept.rows.values()) == sum(made.rows.values()) + 1
    rows = [row for split in kept.rows for row in iter_rows(tmp_path / "d", split)]
    (invalid,) = [row for row in rows if row["status"] == "invalid"]
    assert invalid["label"] is None
    assert invalid["subject_boxes"][5] is None


def test_a_finished_build_is_found_again(built, source):
    before = files(built)
    stamps = {path: path.stat().st_mtime_ns for path in built.rglob("*")}
    build_dataset([str(source.folder)], built, rules=ALL, form=SMALL)
    assert files(built) == before
    assert {path: path.stat().st_mtime_ns for path in stamps if path != built} == {
        path: stamp for path, stamp in stamps.items() if path != built
    }


def test_a_build_that_stops_anywhere_ends_the_same(built, source, tmp_path, monkeypatch):
    whole, out, writing = files(built), tmp_path / "out", LocalDisk.writing
    for fatal in (2, 3, 4, 4, 5, 6):  # before the shards, at each of the first, at the pictures, at the card
        count = 0

        def stopping(self, name, fatal=fatal):
            nonlocal count
            count += 1
            if count == fatal:
                raise KeyboardInterrupt
            return writing(self, name)

        monkeypatch.setattr(LocalDisk, "writing", stopping)
        with pytest.raises(KeyboardInterrupt):
            build_dataset([str(source.folder)], out, rules=ALL, form=SMALL)
        assert not (out / "curation.json").exists()
    monkeypatch.setattr(LocalDisk, "writing", writing)
    monkeypatch.setattr("dsrbench.dataset.collect.hash_video", lambda path: pytest.fail("it was hashed before"))
    build_dataset([str(source.folder)], out, rules=ALL, form=SMALL)
    assert files(out) == whole


def test_videos_that_go_while_it_is_stopped_leave_no_rows(source, tmp_path, monkeypatch):
    run = copy_run(source, tmp_path / "run")
    asked = {"rules": Rules(near_duplicates=-1, validation=0, test=0), "form": SMALL, "partial": True}
    monkeypatch.setattr(building, "write_card", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        build_dataset([str(run.folder)], tmp_path / "out", **asked)
    monkeypatch.undo()
    gone = run.samples()[0]
    run.find_video(gone.video).unlink()
    made = build_dataset([str(run.folder)], tmp_path / "out", **asked)
    assert (made.rows, made.dropped) == ({"train": 5}, {"missing": 1})
    assert str(gone.id) not in {row["sample_id"] for row in iter_rows(tmp_path / "out", "train")}


def test_two_models_of_one_suite(source, tmp_path):
    other = write_source(tmp_path / "beta", model="beta", prompts=1)
    made = build_dataset([str(source.folder), str(other.folder)], tmp_path / "two", rules=ALL)
    # beta's clips are alpha's, byte by byte
    assert (sum(made.rows.values()), made.dropped) == (6, {"copy": 2})


def test_runs_that_do_not_go_together(source, tmp_path):
    def other(name, **change):
        run = copy_run(source, tmp_path / name)
        run.write_manifest(RunManifest.from_json({**run.manifest.to_json(), **change}))
        return [str(source.folder), str(run.folder)]

    def refuse(error, match, folders):
        with pytest.raises(error, match=match) as caught:
            build_dataset(folders, tmp_path / "out")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out" / "data").exists()

    suite = {"name": "other", "version": "2", "sha256": "6" * 64}
    refuse(RunMismatchError, r"of different suites \(tiny 1 and other 2\); build a dataset", other("a", suite=suite))
    detector = {"name": "picodet"}
    refuse(RunMismatchError, r"scored in different ways \(detector\.name", other("b", detector=detector))
    refuse(InputError, r"sample alpha/1000_LR/0 is in .* and .*--model-name", other("c"))
    refuse(InputError, "given twice", [str(source.folder)] * 2)
    refuse(InputError, "at least one run folder", [])
    refuse(StoreError, "no run folder", [str(tmp_path / "nowhere")])
    unfinished = copy_run(source, tmp_path / "unfinished")
    (unfinished.folder / "samples.parquet").unlink()
    refuse(StoreError, "its run has not finished", [str(unfinished.folder)])


def test_a_video_that_is_not_the_one_scored(source, tmp_path):
    run = copy_run(source, tmp_path / "run")
    path = run.find_video(run.samples()[2].video)
    path.write_bytes(path.read_bytes() + b"x")
    run.find_video(run.samples()[4].video).unlink()
    with pytest.raises(VideoError, match=r"^2 of 6 videos .* not the video that was scored; its sha256 is another"):
        build_dataset([str(run.folder)], tmp_path / "out")
    assert build_dataset([str(run.folder)], tmp_path / "out", partial=True, force=True).dropped == {"missing": 2}


def test_a_folder_that_holds_something_else(built, source, tmp_path):
    with pytest.raises(RunMismatchError, match="holds a dataset of other runs or options"):
        build_dataset([str(source.folder)], built)
    (tmp_path / "mine/data").mkdir(parents=True)
    with pytest.raises(InputError, match="files that are not of a dataset"):
        build_dataset([str(source.folder)], tmp_path / "mine")
    again = tmp_path / "again"
    build_dataset([str(source.folder)], again, rules=Rules(balance=0))
    build_dataset([str(source.folder)], again, rules=ALL, form=SMALL, force=True)
    assert files(again) == files(built)


def test_nothing_left(source, tmp_path):
    run = Run(tmp_path / "none")
    run.write_manifest(source.manifest)
    write_tables(run, [])
    with pytest.raises(InputError, match="none of 0 samples is left"):
        build_dataset([str(run.folder)], tmp_path / "out")


@pytest.mark.parametrize(
    "options",
    [
        *({"threshold": 1.1}, {"threshold": float("nan")}, {"near_duplicates": 65}, {"per_prompt": -1}),
        *({"balance": 0.5}, {"validation": -0.1}, {"validation": 0.5, "test": 0.5}, {"balance": float("nan")}),
    ],
)
def test_options_out_of_range(options):
    with pytest.raises(OptionError):
        Rules(**options)


def test_a_decoded_video_is_that_of_the_run(built, source, tmp_path):
    row = next(iter_rows(built, "train"))
    (tmp_path / "v.mp4").write_bytes(row["video"]["bytes"])
    frames = read_clip(tmp_path / "v.mp4").frames
    (sample,) = [s for s in source.samples() if str(s.id) == row["sample_id"]]
    assert (frames == read_clip(source.find_video(sample.video)).frames).all()
