"""Pages of the clips on which people and score differ: boxes, parts of the score, answers; all text escaped."""

from __future__ import annotations

import re
import shutil

import pytest
from factories.runs import EVIL

from dsrbench.analysis.judgments import ClaimAnswers, Judgment
from dsrbench.analysis.labels import ClipLabel, Labels
from dsrbench.analysis.people import compare_people
from dsrbench.report.people_pages import write_people_pages
from dsrbench.store import Run
from dsrbench.types import Status
from dsrbench.video import probe

WICKED = "<b>ada</b>"


@pytest.fixture(scope="module")
def pages(rendered_run, tmp_path_factory):
    """Pages of all clips with a video, for answers of one annotator who sees all go from left to right."""
    folder = tmp_path_factory.mktemp("pages")
    shown = [sample for sample in rendered_run.samples() if sample.score.status is not Status.FAILED]
    labels = Labels([ClipLabel(WICKED, sample.id, "left", "right", "both") for sample in shown], [])
    answers = ClaimAnswers({"start": 0.9, "end": 0.1}, {"LR": 0.25, "RL": 0.25, "L": 0.25, "R": 0.25})
    judgments = {sample.id: Judgment("<vlm>", *sample.id, "", (answers,), 1.0) for sample in shown[:3]}
    people = compare_people(shown, labels, {"<vlm>": judgments})
    written = write_people_pages(folder, people.largest, labels, [rendered_run], {"<vlm>": judgments})
    return folder, people.largest, written, judgments


def test_a_page_for_each_clip(pages):
    folder, verdicts, written, judgments = pages
    assert list(written) == [verdict.sample.id for verdict in verdicts]
    index = (folder / "index.html").read_text("utf-8")
    links = re.findall(r'href="([^"]+\.html)"', index)
    assert [folder / link for link in links] == list(written.values())
    for verdict in verdicts:
        page = written[verdict.sample.id].read_text("utf-8")
        assert "&lt;b&gt;ada&lt;/b&gt;" in page
        assert WICKED not in page
        follows = verdict.share == 1
        assert ("100% of those who can tell accept" in page) is follows
        assert ("follows the prompt" in page) is follows
        assert ("&lt;vlm&gt;" in page) is (verdict.sample.id in judgments)
        assert "<script" not in page
        assert EVIL not in page
        assert not re.findall(r"""(?:src|href)=["'](?!data:|overlay\.mp4)""", page), "nothing from elsewhere"


def test_videos_with_boxes(pages):
    _, verdicts, written, _ = pages
    n_watched = 0
    for verdict in verdicts:
        page = written[verdict.sample.id]
        overlay = page.parent / "overlay.mp4"
        assert overlay.exists() is ("overlay.mp4" in page.read_text("utf-8"))
        if overlay.exists():
            n_watched += 1
            assert probe(overlay).n_frames == verdict.sample.n_frames
        else:
            assert "The frames cannot be shown" in page.read_text("utf-8")
    assert n_watched >= len(verdicts) - 1, "one video is damaged"


def test_runs_without_videos_and_tracks(rendered_run, tmp_path):
    run = Run.open(shutil.copytree(rendered_run.folder, tmp_path / "run"))
    shutil.rmtree(run.videos)
    sample = next(sample for sample in run.samples() if sample.score.status is Status.SCORED)
    labels = Labels([ClipLabel("ada", sample.id, "left", "right", "both")], [])
    verdicts = compare_people([sample], labels).largest
    (page,) = write_people_pages(tmp_path / "pages", verdicts, labels, [run]).values()
    assert "The frames cannot be shown" in page.read_text("utf-8")
    shutil.rmtree(run.folder / "tracks")
    assert write_people_pages(tmp_path / "others", verdicts, labels, [run]) == {}
    assert sample.prompt.id in (tmp_path / "others/index.html").read_text("utf-8")
