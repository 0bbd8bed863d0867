"""The measurement of the sprites detectors: a detector that tells the truth is perfect, one that errs is caught."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from dsrbench import Detections, Status, VideoScore
from dsrbench.backends.detectors.sprites_template import SpritesTemplate

FOLDER = Path(__file__).parents[2] / "benchmark" / "sprites"


@pytest.fixture(scope="module")
def detectors():
    spec = importlib.util.spec_from_file_location("detectors", FOLDER / "detectors.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "detectors", module)
        patch.syspath_prepend(FOLDER)  # as when the script is run
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def clips(detectors):
    return list(detectors.render_clips(6))


def told(clips, change=lambda detections: detections):
    """A detector that knows the clips by their pixels."""
    known = {shown.frames.tobytes(): [change(d) for d in shown.truth] for shown in clips}
    return lambda frames, labels: known[frames.tobytes()]


def test_clips_are_seeded_and_of_the_test_prompts(detectors, clips):
    again = list(detectors.render_clips(6))
    for a, b in zip(clips, again, strict=True):
        np.testing.assert_array_equal(a.frames, b.frames)
    assert {shown.prompt.split for shown in clips} == {"test"}
    assert len({shown.prompt.id for shown in clips}) == 6


def test_the_truth_is_perfect(detectors, clips):
    row = detectors.measure(told(clips), clips)
    assert (row["frame recall"], row["precision"], row["mean IoU"]) == ("1.0000", "1.0000", "1.000")
    assert (row["score error"], row["status agreement"]) == ("0.0000", "1.0000")
    assert row["decision agreement"].startswith("1.0000 (0 of ")


def test_errors_are_counted(detectors, clips):
    one = lambda d: Detections(d.xyxy[:1], d.score[:1], d.label[:1])  # noqa: E731
    row = detectors.measure(told(clips, one), clips)
    n_true = sum(len(d) for shown in clips for d in shown.truth)
    n_told = sum(len(one(d)) for shown in clips for d in shown.truth)
    assert row["frame recall"] == f"{n_told / n_true:.4f}"
    assert row["precision"] == "1.0000"
    swapped = detectors.measure(told(clips, lambda d: Detections(d.xyxy, d.score, 1 - d.label)), clips)
    assert (swapped["frame recall"], swapped["precision"]) == ("0.0000", "0.0000")


def test_boxes_are_matched_one_to_one(detectors):
    truth = Detections(np.array([[0.0, 0, 10, 10], [0, 0, 8, 10]]), np.ones(2), np.array([0, 0]))
    found = Detections(np.array([[0.0, 0, 10, 10]]), np.ones(1), np.array([0]))
    assert detectors.overlaps(found, truth) == [1.0]
    assert detectors.overlaps(Detections.none(), truth) == []


def test_decisions_are_compared_where_both_are_scored(detectors):
    high, low = (VideoScore(Status.SCORED, dsr_score=value) for value in (0.9, 0.5))
    pairs = [(high, high), (high, low), (low, VideoScore.invalid("x")), (VideoScore.invalid("x"),) * 2]
    found = detectors.compare(pairs)
    assert found == {
        "score error": "0.2000",
        "decision agreement": "0.5000 (1 of 2 differ)",
        "both certain": "-",
        "status agreement": "0.7500",
    }
    assert detectors.compare(pairs[3:])["score error"] == "-"


def test_compressed_clips_keep_their_boxes(detectors, clips, tmp_path):
    large = detectors.through_h264(clips[0], tmp_path)
    assert large.frames.shape == (16, 192, 288, 3)
    seen = detectors.look(SpritesTemplate().detect, large.prompt, large.frames)
    found = sum(len(detectors.overlaps(f, t)) for f, t in zip(seen.found, large.truth, strict=True))
    assert found / sum(map(len, large.truth)) > 0.9
    assert not math.isnan(np.concatenate([t.xyxy for t in large.truth]).sum())
