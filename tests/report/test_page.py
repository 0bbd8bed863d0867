"""What the page is written from; how it behaves is tested in tests/browser."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from urllib.parse import unquote

import pytest
from factories.runs import SHOWN, write_run

from dsrbench.analysis import summarize
from dsrbench.evaluation.defaults import choose_backends
from dsrbench.evaluation.manifest import build_manifest
from dsrbench.evaluation.planning import Job, Plan
from dsrbench.prompts import Suite
from dsrbench.report import update_page, write_page
from dsrbench.report.pagedata import Locator, order_samples, page_rows
from dsrbench.report.scripts import script_json
from dsrbench.store import Run, VideoRecord
from dsrbench.types import FrameCounts, Status


def embedded(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def test_page_and_summary(rendered_run):
    path = write_page(rendered_run)
    assert path == rendered_run.folder / "report/index.html"
    page = path.read_text("utf-8")
    data = embedded(page)
    assert json.loads((path.parent / "summary.json").read_text("utf-8")) == summarize(rendered_run.samples()).to_json()
    assert len(data["rows"]) == len(SHOWN)
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)""", page), "nothing from elsewhere"
    url = data["columns"].index("url")
    for row in data["rows"]:
        assert not row[url] or (path.parent / unquote(row[url])).resolve().is_relative_to(rendered_run.folder)
        assert " " not in row[url]
        assert "#" not in row[url]


def test_writing_twice_gives_equal_bytes_and_drops_old_data(tmp_path):
    run = write_run(tmp_path / "run", SHOWN[:2])
    first = write_page(run).read_bytes()
    stale = run.folder / "report/data/007.js"
    stale.write_text("old")
    assert write_page(run).read_bytes() == first
    assert not stale.exists()
    assert [p.name for p in (run.folder / "report/data").iterdir()] == ["000.js"]


def test_order(rendered_run):
    samples = order_samples(rendered_run.samples())
    status = [s.score.status for s in samples]
    assert status == [Status.SCORED] * 10 + [Status.INVALID, Status.FAILED]
    scores = [s.score.dsr_score for s in samples[:10]]
    assert scores == sorted(scores)


@pytest.mark.parametrize(("counts", "window"), [(None, 1), (FrameCounts.published(), 3), (FrameCounts(window=2), 2)])
def test_window_in_force(rendered_run, counts, window):
    """Counts as the manifest of a run has them."""
    samples = rendered_run.samples()[:1]
    plan = Plan((Job(samples[0].id, samples[0].prompt, None, ""),), Suite("one", "1", (samples[0].prompt,)))
    backends = choose_backends(detector="sprites-template").make()
    manifest = build_manifest(plan, dataclasses.replace(backends, counts=counts))
    data = page_rows(samples, [""], manifest)
    assert data["rows"][0][data["columns"].index("window")] == window


def report_files(run):
    return {path: path.read_bytes() for path in (run.folder / "report").rglob("*") if path.is_file()}


def test_a_report_that_is_whole_is_left_and_a_damaged_one_is_made_again(tmp_path):
    run = write_run(tmp_path / "run", SHOWN)
    update_page(run)
    whole = report_files(run)
    assert {path.name for path in whole} == {"summary.json", "index.html", "source.json", "000.js"}
    times = {path: path.stat().st_mtime_ns for path in whole}
    update_page(run)
    assert {path: path.stat().st_mtime_ns for path in whole} == times
    for path, data in whole.items():
        for damage in (lambda path=path, data=data: path.write_bytes(data[: len(data) // 2]), path.unlink):
            damage()
            update_page(run)
            assert report_files(run) == whole, path


def test_videos_elsewhere_are_found_by_the_note_beside_the_sample(tmp_path, rendered_run):
    source = rendered_run.folder / "videos" / rendered_run.samples()[0].video
    sample = dataclasses.replace(rendered_run.samples()[0], video="moved/it is.mp4")
    run = Run(tmp_path / "run")
    run.write_sample(sample, VideoRecord(str(source)))
    url = Locator(run).url(sample)
    assert (
        os.path.samefile(run.folder / "report" / unquote(url), source) if (run.folder / "report").mkdir() is None else 0
    )
    assert Locator(run).url(dataclasses.replace(sample, video="")) == ""


def test_hostile_file_names_stay_inside(tmp_path, rendered_run):
    sample = dataclasses.replace(rendered_run.samples()[0], video='javascript:alert(1)"<x>?#.mp4')
    url = Locator(Run(tmp_path)).url(sample)
    assert url.startswith("../videos/javascript%3A")
    assert not set(url) & set('"<>?#')


def test_script_json_cannot_end_its_element():
    text = script_json({"a": "</script><!--\u2028&", "b": float("nan")})
    assert text.isascii()
    assert not set(text) & set("<>&")
    assert json.loads(text) == {"a": "</script><!--\u2028&", "b": None}


def test_standalone_leaves_out_what_is_too_large(rendered_run, monkeypatch):
    monkeypatch.setattr("dsrbench.report.page.MAX_STANDALONE_BYTES", 10_000)
    monkeypatch.setattr("dsrbench.report.page.MAX_STANDALONE_SAMPLES", 8)
    path = write_page(rendered_run, standalone=True)
    data = embedded(path.read_text("utf-8"))
    urls = [row[data["columns"].index("url")] for row in data["rows"]]
    assert len(urls) == 8
    assert "" in urls
    assert any(url.startswith("data:video/mp4;base64,") for url in urls)
    assert path.stat().st_size < 200_000
