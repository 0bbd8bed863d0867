"""The metric class: what it takes, what it refuses, what it gives."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from factories.runs import Spec, true_tracks

from dsrbench.errors import BoxError, InputError, PromptError
from dsrbench.metric import DSRScore, score_tracks
from dsrbench.metric.accumulator import THRESHOLDS
from dsrbench.types import Detections, FrameCounts, Prompt, Relation, VideoScore

TRACKS = true_tracks(Spec("m", "p", "LR", "L-"), frames=81)
TRACKS.subject[40:45] = np.nan
EXPECTED = score_tracks(TRACKS, "LR").dsr_score


def as_frames(boxes, kind):
    """One detections object a frame; an absent box is a frame without detections."""
    rows = [row[None][~np.isnan(row[None]).any(axis=1)] for row in boxes]
    return [kind(row) for row in rows]


def own(row):
    return Detections(row, np.ones(len(row)), np.zeros(len(row), int))


def test_arrays_lists_and_detections_are_one():
    metric = DSRScore()
    for convert in (np.asarray, np.ndarray.tolist, lambda b: as_frames(b, own), lambda b: tuple(as_frames(b, own))):
        assert metric.update(convert(TRACKS.subject), convert(TRACKS.object), "LR").dsr_score == EXPECTED
    assert metric.update(TRACKS.subject.astype(np.float32), TRACKS.object.astype(int), "LR").dsr_score == EXPECTED
    assert metric.compute()["n_samples"] == 5


def test_two_boxes_of_one_entity_are_none():
    frames = as_frames(TRACKS.subject, own)
    frames[0] = own(np.array([TRACKS.subject[0], TRACKS.subject[1]]))
    assert DSRScore().update(frames, TRACKS.object, "LR").n_scored == 75


def test_no_frames():
    score = DSRScore().update(np.empty((0, 4)), np.empty((0, 4)), "LR")
    assert score.reason == "too few scored frames: 0 of at least 4"


GOOD = np.tile([0.0, 0, 10, 10], (5, 1))


@dataclasses.dataclass
class Odd:
    """Detections of a shape that is none."""

    xyxy: np.ndarray


def changed(index, value):
    boxes = GOOD.copy()
    boxes[index] = value
    return boxes


REFUSED = [
    # nothing at all, a number, words
    ([], "shape"),
    (3.0, "shape"),
    ("boxes", "boxes"),
    (None, "shape"),
    # wrong shapes: one box, five numbers, three axes, ragged
    (GOOD[0], "shape"),
    (np.zeros((5, 5)), "shape"),
    (np.zeros((1, 5, 4)), "shape"),
    ([[0, 0, 1, 1], [0, 0]], "subject"),
    # NaN or infinity within a box; the frame is named
    (changed((3, 1), np.nan), "frame 3"),
    (changed((4, 2), np.inf), "frame 4"),
    # negative width, negative height
    (changed((2, 0), 11.0), "negative width or height at frame 2"),
    (changed((1, 3), -1.0), "negative width or height at frame 1"),
    # other lengths than the object
    (GOOD[:4], "4 frames, object has 5"),
    # a single detections object is no video
    (own(GOOD), "one detections object a frame"),
    # detections of other shapes, also beside good ones
    ([Odd(np.zeros((1, 5)))] * 5, "shape"),
    ([own(GOOD[:1])] * 4 + [Odd(np.zeros((1, 5)))], "subject"),
    # detections among arrays
    ([own(GOOD[:1])] * 4 + [GOOD[0]], "subject"),
]


@pytest.mark.parametrize(("subject", "message"), REFUSED, ids=lambda v: v if isinstance(v, str) else type(v).__name__)
def test_refused_boxes(subject, message):
    metric = DSRScore()
    with pytest.raises(BoxError, match=message):
        metric.update(subject, GOOD, "LR")
    # nothing was counted
    assert metric.compute()["n_samples"] == 0


@pytest.mark.parametrize("codes", ["", "LQ", [], ["left", "right"], ">X"])
def test_refused_relations(codes):
    with pytest.raises(PromptError):
        DSRScore().update(GOOD, GOOD, codes)


@pytest.mark.parametrize("threshold", [-0.1, 1.01, math.nan])
def test_refused_thresholds(threshold):
    with pytest.raises(InputError, match=r"0\.\.1"):
        DSRScore(threshold=threshold)


def filled(**options):
    """Two correct ones, a static one, an invalid and a failed one."""
    metric = DSRScore(**options)
    for asked, path in (("LR", "LR"), ("TR", "TR"), ("LR", "L")):
        tracks = true_tracks(Spec("m", "p", asked, path), frames=81)
        metric.update(tracks.subject, tracks.object, asked)
    metric.update(np.full((81, 4), np.nan), np.full((81, 4), np.nan), "LR")
    metric.add(VideoScore.failed("no video"))
    return metric


def test_figures():
    found = filled().compute()
    good = [1.0, score_tracks(true_tracks(Spec("m", "p", "TR", "TR"), frames=81), "TR").dsr_score, 0.5]
    assert found["n_samples"] == 5
    assert found["coverage"] == 3 / 5
    assert found["accuracy"] == found["accuracy@0.7"] == 2 / 5
    assert found["accuracy@0.0"] == found["accuracy@0.5"] == 3 / 5
    assert found["accuracy@0.9"] == 1 / 5
    assert found["mean_score"] == pytest.approx(np.mean(good))
    assert found["mean_score_low"] == pytest.approx(sum(good) / 5)
    assert found["mean_score_high"] == pytest.approx((sum(good) + 2) / 5)
    assert set(found) >= {f"accuracy@{t}" for t in THRESHOLDS}


def test_another_threshold():
    assert filled(threshold=0.95).compute()["accuracy"] == 1 / 5


def test_nothing_yet():
    found = DSRScore().compute()
    assert found.pop("n_samples") == 0
    assert all(math.isnan(value) for value in found.values())


def test_only_invalid_ones():
    metric = DSRScore()
    metric.add(VideoScore.invalid("why"))
    found = metric.compute()
    assert (found["coverage"], found["accuracy"], found["mean_score_low"], found["mean_score_high"]) == (0, 0, 0, 1)
    assert math.isnan(found["mean_score"])


def test_unvisited_chains_are_wrong():
    metric = DSRScore()
    tracks = true_tracks(Spec("m", "p", "LTR", "LUR"), frames=81)
    assert metric.update(tracks.subject, tracks.object, "LTR").dsr_score == pytest.approx(1)
    found = metric.compute()
    assert (found["accuracy"], found["accuracy@0.0"], found["coverage"]) == (0, 0, 1)


def test_merging_is_gathering():
    one, two = filled(), DSRScore()
    two.update(TRACKS.subject, TRACKS.object, "LR")
    whole = filled()
    whole.update(TRACKS.subject, TRACKS.object, "LR")
    one.merge(two)
    assert one.compute() == whole.compute()
    assert two.compute()["n_samples"] == 1
    empty = DSRScore()
    empty.merge(whole)
    assert empty.compute() == whole.compute()


@pytest.mark.parametrize("options", [{"threshold": 0.6}, {"counts": FrameCounts.published()}])
def test_unlike_metrics_do_not_merge(options):
    with pytest.raises(InputError, match="unlike settings"):
        DSRScore().merge(DSRScore(**options))


def test_reset_forgets():
    metric = filled()
    metric.reset()
    assert metric.compute()["n_samples"] == 0


def test_counts_are_used():
    short = true_tracks(Spec("m", "p", "LR", "LR"), frames=16)
    assert DSRScore(counts=FrameCounts.published()).update(short.subject, short.object, "LR").reason
    assert not DSRScore().update(short.subject, short.object, "LR").reason


def test_a_prompt_says_what_was_asked():
    prompt = Prompt("p", "text", "cat", "box", Relation.chain("LR"))
    assert DSRScore().update(TRACKS.subject, TRACKS.object, prompt).dsr_score == EXPECTED
