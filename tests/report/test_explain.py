"""The explanation is one file that holds prompt, verdict, losses, curves and frames, all text escaped."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from factories.draws import draws_of
from factories.runs import EVIL, FRAMES, SHOWN, Spec, make_prompt, render, true_tracks
from factories.samples import make_sample
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dsrbench.metric import measure_certainty, score_tracks
from dsrbench.report import explain_decision, write_explanation
from dsrbench.report.chart import curves_svg
from dsrbench.report.explain import key_frames
from dsrbench.store import Sample
from dsrbench.types import Status, VideoScore, VideoTracks
from dsrbench.video import write_mp4


def explain(tmp_path, spec):
    tracks, prompt = true_tracks(spec), make_prompt(spec)
    sample = Sample(spec.model, prompt, 0, score_tracks(tracks, prompt), video="x.mp4", n_frames=FRAMES)
    write_mp4(tmp_path / "x.mp4", render(tracks), fps=16)
    return write_explanation(tmp_path, video=tmp_path / "x.mp4", sample=sample, tracks=tracks).read_text("utf-8")


def test_page_says_what_happened_and_shows_it(tmp_path):
    (tmp_path / "overlay.mp4").write_bytes(b"-")
    page = explain(tmp_path, SHOWN[1])
    assert "It runs backwards: the cat starts right of the box and ends left of it." in page
    assert "<h1>Reversed</h1>" in page
    assert page.count("0.250</td>") == 4, "each of the four parts lost a quarter"
    assert 'href="overlay.mp4"' in page
    assert page.count("<polyline") == 2
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(d))) for d in re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    ]
    assert len(pictures) == 6
    assert {p.size for p in pictures} == {(320, 180)}
    assert not re.findall(r"""(?:src|href)=["'](?!data:|overlay\.mp4)""", page), "nothing from elsewhere"


def test_text_is_escaped(tmp_path):
    page = explain(tmp_path, SHOWN[7])
    assert "<script" not in page
    assert "cat<b>" not in page
    assert "A cat&lt;/script&gt;" in page
    assert EVIL not in page


def explain_draws(tmp_path, tracks, drawn, prompt):
    """The page of a video whose tracker also finds other tracks probable, and what the command says."""
    tracks = draws_of(tracks, drawn)
    score = score_tracks(tracks, prompt)
    score = dataclasses.replace(score, certainty=measure_certainty(tracks, prompt))
    sample = Sample("m", prompt, 0, score, video="x.mp4", n_frames=FRAMES)
    write_mp4(tmp_path / "x.mp4", render(tracks), fps=16)
    page = write_explanation(tmp_path, video=tmp_path / "x.mp4", sample=sample, tracks=tracks).read_text("utf-8")
    return page, explain_decision(sample, tracks)


def test_an_uncertain_decision_says_what_else_the_video_could_show(tmp_path):
    good, still = true_tracks(Spec("m", "p", "LR", "LR")), true_tracks(Spec("m", "p", "LR", "L"))
    page, says = explain_draws(tmp_path, still, [still] * 3 + [good] * 2, make_prompt(SHOWN[0]))
    assert "The decision is uncertain: the probability that the video passes 0.7 is 40 %" in says
    assert says.endswith(
        "The cat could also be the one further to the right in the last frames; the score would then be 1.00."
    )
    assert says in page
    assert "uncertain</span>" in page
    assert "Dashed: other probable boxes" in page


def test_a_certain_decision_says_no_more(tmp_path):
    good, still = true_tracks(Spec("m", "p", "LR", "LR")), true_tracks(Spec("m", "p", "LR", "L"))
    page, says = explain_draws(tmp_path, good, [good] * 19 + [still], make_prompt(SHOWN[0]))
    assert says.startswith("The decision is certain: the probability that the video passes 0.7 is 95 %")
    assert "could also be" not in says
    assert says in page
    assert "uncertain" not in page
    assert "Dashed:" not in page


def test_an_alternative_of_a_noun_with_markup_is_escaped(tmp_path):
    good, still = true_tracks(Spec("m", "p", "LR", "LR")), true_tracks(Spec("m", "p", "LR", "L"))
    prompt = dataclasses.replace(make_prompt(SHOWN[0]), subject="cat<b>")
    page, says = explain_draws(tmp_path, still, [still, good], prompt)
    assert "The cat<b> could also be" in says
    assert "The cat&lt;b&gt; could also be" in page
    assert "cat<b>" not in page


def test_tracks_without_draws_say_nothing_of_certainty(tmp_path):
    page = explain(tmp_path, SHOWN[0])
    assert "decision" not in page


@pytest.mark.parametrize("score", ["invalid", "failed"])
def test_unscored_and_unreadable(tmp_path, score):
    tracks = VideoTracks(np.full((5, 4), np.nan), np.full((5, 4), np.nan))
    path = write_explanation(tmp_path / "new", video=tmp_path / "none.mp4", sample=make_sample(score), tracks=tracks)
    page = path.read_text("utf-8")
    assert "No score" in page
    assert "The frames cannot be shown" in page
    assert "Where the points went" not in page
    assert "overlay.mp4" not in page


SEQUENCE = st.lists(st.one_of(st.floats(-1, 1), st.just(float("nan"))), max_size=30)


@given(SEQUENCE, st.integers(1, 5))
def test_curves_are_well_formed(values, window):
    text = curves_svg(np.array(values), -np.array(values), window=window, marks=[0] if values else [])
    if not values:
        assert text == ""
        return
    picture = ElementTree.fromstring(text)
    points = [line.get("points").split() for line in picture.iter("polyline")]
    drawn = {p for line in points for p in line}
    assert len(drawn) <= 2 * sum(not np.isnan(v) for v in values)
    for point in drawn:
        x, y = map(float, point.split(","))
        assert 0 <= x <= 720
        assert 0 <= y <= 190


@given(SEQUENCE, st.integers(1, 8))
def test_key_frames_hold_both_ends(values, n):
    frames = key_frames(
        VideoScore(Status.SCORED, ssr_initial=np.array(values), ssr_final=-np.array(values)), len(values), n=n
    )
    assert frames == sorted(set(frames))
    if values:
        assert {frames[0], frames[-1]} == {0, len(values) - 1}
    assert len(frames) <= max(n, 4)


def test_key_frames_mark_the_change():
    a = np.repeat([1.0, -1.0], [13, 17])
    assert {13, 14} & set(key_frames(VideoScore(Status.SCORED, ssr_initial=a, ssr_final=-a), 30))
