"""`dsrbench explain` as a user runs it: a page and an overlay of one video, or one line that says why not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from click.testing import CliRunner
from clips import FRAMES, SIZE, TEXT, dsrbench, error_line, write_boxes, write_clips

from dsrbench.cli import group
from dsrbench.evaluation.scorer import Scorer
from dsrbench.types import TrackDraws
from dsrbench.video import probe, read_clip

SCRIPTED = ("--detector", "scripted", "-o", "detector.boxes=boxes.jsonl")


@pytest.fixture
def place(tmp_path):
    write_clips(tmp_path, good="LR", reversed="RL", still="L")
    write_boxes(tmp_path / "boxes.jsonl", good="LR", reversed="RL", still="L", broken="LR")
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 100)
    return tmp_path


@pytest.mark.parametrize("name", ["good", "reversed", "still"])
def test_a_page_and_an_overlay(place, name):
    done = dsrbench("explain", f"{name}.mp4", TEXT, *SCRIPTED, cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("DSR-Score 0.")
    folder = place / f"explain-{name}"
    (page,) = folder.glob("*.html")
    assert done.stdout.rstrip().endswith(f"Page: {page.relative_to(place)}")
    assert "cat" in page.read_text()
    info = probe(folder / "overlay.mp4")
    assert (info.width, info.height, info.n_frames) == (*SIZE, FRAMES)
    # the boxes are drawn: the subject's orange is in the overlay and not in the clip
    assert orange(read_clip(folder / "overlay.mp4")) > 50 > orange(read_clip(place / f"{name}.mp4"))


def orange(clip):
    red, green, blue = (clip.frames[..., i].astype(int) for i in range(3))
    return int(((red > 190) & (green > 110) & (green < 200) & (blue < 70)).sum())


def test_another_folder_and_another_time(place):
    for _ in range(2):
        done = dsrbench("explain", "good.mp4", TEXT, *SCRIPTED, "--out", "a/b c", cwd=place)
        assert done.returncode == 0, done.stderr
    assert (place / "a/b c/overlay.mp4").is_file()


ERRORS = [
    # arguments, exit code, words
    (("good.mp4", "A cat sleeps.", *SCRIPTED), 3, "cannot read"),
    (("good.mp4", "", *SCRIPTED), 3, "expected the text of a prompt"),
    (("broken.mp4", TEXT, *SCRIPTED), 4, "broken.mp4: not a video, damaged or truncated"),
    (("none.mp4", TEXT, *SCRIPTED), 4, "none.mp4: "),
    ((".", TEXT, *SCRIPTED), 4, ""),
    (("good.mp4", TEXT, "--detector", "scriptd"), 5, "did you mean 'scripted'"),
    (("good.mp4", TEXT, *SCRIPTED, "-o", "detector.box=1"), 3, "no option 'box'"),
    (("good.mp4", TEXT, *SCRIPTED, "--out", "boxes.jsonl"), 6, "cannot write boxes.jsonl"),
    (("other.mp4", TEXT, *SCRIPTED), 5, "boxes.jsonl has no boxes for video 'other.mp4'"),
]


@pytest.mark.parametrize(("arguments", "code", "word"), ERRORS, ids=[word or "folder" for *_, word in ERRORS])
def test_errors_are_one_line(place, arguments, code, word):
    (place / "other.mp4").write_bytes((place / "good.mp4").read_bytes())
    done = dsrbench("explain", *arguments, cwd=place)
    assert word in error_line(done, code)
    assert done.stdout == ""
    assert not list(place.glob("explain-*"))


def test_an_uncertain_decision_is_told(place, monkeypatch):
    """A tracker whose draws are the boxes of the video, and those of it run backwards."""
    track = Scorer.track

    def track_with_draws(*args):
        tracks = track(*args)
        subject, object_ = (np.stack([boxes, boxes, boxes[::-1]]) for boxes in (tracks.subject, tracks.object))
        return dataclasses.replace(tracks, draws=TrackDraws(subject, object_))

    monkeypatch.setattr(Scorer, "track", track_with_draws)
    monkeypatch.chdir(place)
    done = CliRunner().invoke(group, ["explain", "good.mp4", TEXT, *SCRIPTED], catch_exceptions=False)
    assert "The decision is uncertain: the probability that the video passes 0.7 is 67 %" in done.output
    assert (
        "could also be the one further to the right in the first frames and further to the left in the" in done.output
    )
    assert "the score would then be 0.11" in done.output
