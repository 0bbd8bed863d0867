"""Two backends on the same videos: joined right, counted right, and two models are sent elsewhere."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from factories.samples import make_sample, write_tables
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrbench.analysis import compare_backends, read_reference
from dsrbench.analysis.agreement import Agreement
from dsrbench.analysis.reference import entries_of
from dsrbench.errors import InputError
from dsrbench.records import to_json
from dsrbench.store import Run, RunManifest


def write_samples(folder, samples, manifest=None):
    run = Run(folder)
    run.write_manifest(RunManifest.from_json(manifest or {}))
    write_tables(run, samples)
    return run


def clips(scores, *, model="m", folder="", sha="s"):
    return [
        make_sample(s, prompt=f"p{i}", model=model, video=f"{folder}{i}.mp4", video_sha256=f"{sha}{i}" if sha else "")
        for i, s in enumerate(scores)
    ]


def agree(tmp_path, here, there) -> Agreement:
    return compare_backends(write_samples(tmp_path / "a", here), write_samples(tmp_path / "b", there))


def test_by_hand(tmp_path):
    found = agree(
        tmp_path, clips([0.1, 0.8, 0.6, "invalid", 0.9, "failed"]), clips([0.2, 0.6, 0.6, 0.5, 0.7, "invalid"])
    )
    assert (found.n_joined, found.n_only_here, found.n_only_there, found.n_both_scored) == (6, 0, 0, 4)
    assert (found.coverage_here, found.coverage_there) == (pytest.approx(4 / 6), pytest.approx(5 / 6))
    assert found.mean_absolute_difference == pytest.approx((0.1 + 0.2 + 0 + 0.2) / 4)
    assert found.median_absolute_difference == pytest.approx(0.15)
    assert found.mean_signed_difference == pytest.approx((-0.1 + 0.2 + 0 + 0.2) / 4)
    assert [v.video for v in found.decisions_differ] == ["1.mp4"], "0.8 against 0.6; 0.9 and 0.7 both pass"
    assert {v.video for v in found.largest_differences[:2]} == {"1.mp4", "4.mp4"}
    assert found.pearson == pytest.approx(np.corrcoef([0.1, 0.8, 0.6, 0.9], [0.2, 0.6, 0.6, 0.7])[0, 1])
    # Ranks 1 3 2 4 and 1 2.5 2.5 4.
    assert found.spearman.value == pytest.approx(np.corrcoef([1, 3, 2, 4], [1, 2.5, 2.5, 4])[0, 1])
    assert found.n_curves == 0
    assert math.isnan(found.ssr_mean_absolute_difference)


def test_spearman_is_scipys(tmp_path):
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    a = rng.random(60)
    b = np.clip(a + rng.normal(0, 0.2, 60), 0, 1).round(1)
    found = agree(tmp_path, clips(a.tolist()), clips(b.tolist()))
    assert found.spearman.value == pytest.approx(spearmanr(a, b).statistic)
    assert 0.3 < found.spearman.low < found.spearman.value < found.spearman.high < 1
    assert len(found.largest_differences) == 10


@given(st.lists(st.one_of(st.floats(0, 1), st.just("invalid")), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_a_run_agrees_with_itself(tmp_path_factory, scores):
    run = write_samples(tmp_path_factory.mktemp("run"), clips(scores))
    found = compare_backends(run, run)
    assert found.n_joined == len(scores)
    assert found.n_decisions_differ == 0
    assert found.n_both_scored == 0 or found.mean_absolute_difference == 0
    assert math.isnan(found.pearson) or found.pearson == pytest.approx(1)
    json.dumps(to_json(found), allow_nan=False)


def test_joined_by_file_name_whatever_the_folder(tmp_path):
    found = agree(tmp_path, clips([0.1, 0.2], folder="x/y/"), clips([0.1, 0.2, 0.3]))
    assert (found.n_joined, found.n_only_there) == (2, 1)


def test_joined_by_content_where_names_differ(tmp_path):
    found = agree(tmp_path, clips([0.1, 0.2], model="wan"), clips([0.1, 0.2], model="wan-1.3b", folder="z"))
    assert found.n_joined == 2


def test_a_changed_file_is_not_the_same_video(tmp_path):
    there = clips([0.1, 0.2])
    found = agree(tmp_path, [clips([0.1], sha="other")[0], there[1]], there)
    assert (found.n_joined, found.n_only_here, found.n_only_there) == (1, 1, 1)


@pytest.mark.parametrize("models", [("a", "b"), ("videos", "videos")])
def test_two_models_are_sent_to_compare(tmp_path, models):
    here, there = (clips([0.1, 0.9], model=m, sha=f"{i}") for i, m in enumerate(models))
    with pytest.raises(InputError, match=r"two models.*dsrbench compare") as error:
        agree(tmp_path, here, there)
    assert "\n" not in str(error.value)


def test_nothing_in_common(tmp_path):
    with pytest.raises(InputError, match="no video is on both sides"):
        compare_backends(
            write_samples(tmp_path, clips([0.5])), entries_of([make_sample(0.5, prompt="q", video="q.mp4")])
        )


def test_ambiguous_names(tmp_path):
    twice = [make_sample(0.5, prompt=p, video=f"{p}/x.mp4") for p in "ab"]
    with pytest.raises(InputError, match="cannot tell them apart"):
        agree(tmp_path, twice, twice)


def test_samples_without_a_file_are_only_here(tmp_path):
    found = agree(tmp_path, [*clips([0.5]), make_sample("failed", prompt="x")], clips([0.5]))
    assert (found.n_joined, found.n_only_here) == (1, 1)


HEAD = "model,video,status,dsr_score,extra\n"


def reference(tmp_path, text, curves=None):
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    if curves is not None:
        (tmp_path / "c.json").write_text(json.dumps(curves))
    return read_reference(tmp_path / "r.csv", tmp_path / "c.json" if curves is not None else None)


def test_reference_with_curves(tmp_path):
    curves = [{"model": "m", "video": "0.mp4", "initial": [None, 0.5, 0.25], "final": [None, 0.0, 1.0]}]
    curves.append({"model": "m", "video": "1.mp4", "initial": None, "final": None})
    entries = reference(tmp_path, "\ufeff" + HEAD + "m,0.mp4,scored,0.25,?\nm,1.mp4,invalid,,\n", curves)
    samples = clips([0.5, 0.5], sha="")
    score = dataclasses.replace(
        samples[0].score, ssr_initial=np.array([0.1, 0.4, np.nan]), ssr_final=np.array([0.2, 0.2, np.nan])
    )
    samples[0] = dataclasses.replace(samples[0], score=score)
    found = compare_backends(write_samples(tmp_path / "run", samples), entries)
    assert (found.n_joined, found.n_both_scored, found.n_curves) == (2, 1, 1)
    assert found.ssr_mean_absolute_difference == pytest.approx((0.1 + 0.2) / 2), "one frame scored on both sides"
    assert found.mean_signed_difference == pytest.approx(0.25)


BAD = [
    # what, text, words of the error
    ("columns absent", "model,video\nm,x\n", "lacks the columns status, dsr_score"),
    ("empty file", "", "lacks the columns"),
    ("unknown status", HEAD + "m,x,ok,0.5,\n", "line 2: status is 'ok'"),
    ("scored without a score", HEAD + "m,x,scored,,\n", "expected a number in 0..1"),
    ("the -100 of the reference scripts", HEAD + "m,x,scored,-100,\n", "'-100'"),
    ("NaN", HEAD + "m,x,scored,nan,\n", "expected a number"),
    ("a video twice", HEAD + "m,x,scored,1,\nm,d/x,scored,0,\n", "line 3: m/x is there twice"),
]


@pytest.mark.parametrize(("what", "text", "words"), BAD, ids=[b[0] for b in BAD])
def test_bad_references(tmp_path, what, text, words):
    with pytest.raises(InputError, match=words):
        reference(tmp_path, text)


@pytest.mark.parametrize(
    "curves",
    [{}, {"a": 1}, [1], [{"model": "m"}], [{"model": "m", "video": "x", "initial": [1], "final": [1, 2]}], "text"],
)
def test_bad_curves(tmp_path, curves):
    if curves == {}:
        assert reference(tmp_path, HEAD, curves) == []
        return
    with pytest.raises(InputError, match="cannot read the curves"):
        reference(tmp_path, HEAD, curves)


def test_absent_files(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_reference(tmp_path / "none.csv")


def test_certain_videos_are_compared_apart(tmp_path):
    here, there = [0.1, 0.8, 0.6, 0.9, 0.75, 0.3], [0.2, 0.85, 0.72, 0.85, 0.4, 0.25]
    p_pass = [0.0, 0.97, 0.4, 1.0, 0.6, None]
    samples = [
        make_sample(s, prompt=f"p{i}", video=f"{i}.mp4", p_pass=p)
        for i, (s, p) in enumerate(zip(here, p_pass, strict=True))
    ]
    found = agree(tmp_path, samples, clips(there, sha="")).certain
    assert (found.n_known, found.n_certain, found.share) == (5, 3, 0.6)
    assert found.spearman.value == pytest.approx(np.corrcoef([1, 2, 3], [1, 2.5, 2.5])[0, 1])
    assert found.median_absolute_difference == pytest.approx(0.05)
    assert found.n_decisions_differ == 0
    assert to_json(found)["n_certain"] == 3


def test_no_certain_video_and_no_certainty_at_all(tmp_path):
    unsure = [make_sample(s, prompt=f"p{i}", video=f"{i}.mp4", p_pass=0.5) for i, s in enumerate([0.6, 0.8])]
    found = agree(tmp_path, unsure, clips([0.5, 0.9], sha="")).certain
    assert (found.n_known, found.n_certain, found.share, found.n_decisions_differ) == (2, 0, 0, 0)
    assert math.isnan(found.spearman.value)
    assert math.isnan(found.median_absolute_difference)
    assert agree(tmp_path / "without", clips([0.5, 0.9]), unsure).certain is None, (
        "that the other side is sure says nothing"
    )
