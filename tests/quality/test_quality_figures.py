"""Quality figures: what lowers each, and what does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from factories.samples import write_tables

from dsrbench.quality import (
    FIGURES,
    colour_features,
    compare_quality,
    duplicate_rate,
    identity_consistency,
    measure_clip,
    measure_run,
    sharpness,
    temporal_smoothness,
    track_smoothness,
)
from dsrbench.quality.identity import cut_crops
from dsrbench.store import Run, Sample, SampleKey
from dsrbench.types import Detections, Prompt, VideoScore, VideoTracks
from dsrbench.video import sha256_file, write_mp4

RNG = np.random.default_rng(0)


def drawn(count=20, step=2, side=12, colour=(200, 60, 20)):
    """A square of one colour on a grey ground that moves evenly to the right, with its boxes."""
    frames = np.full((count, 48, 80, 3), 128, np.uint8)
    boxes = np.array([[step * t, 10, step * t + side, 10 + side] for t in range(count)], float)
    for frame, (x0, y0, x1, y1) in zip(frames, boxes.astype(int), strict=True):
        frame[y0:y1, x0:x1] = colour
    return frames, boxes


def blurred(frames):
    y = frames.astype(float)
    for axis in (1, 2):
        y = (np.roll(y, 1, axis) + y + np.roll(y, -1, axis)) / 3
    return y.astype(np.uint8)


def test_sharpness_falls_with_blur_and_rises_with_noise():
    frames, _ = drawn()
    noisy = (frames.astype(int) + RNG.integers(-60, 60, frames.shape)).clip(0, 255).astype(np.uint8)
    assert sharpness(blurred(frames)) < sharpness(frames) < sharpness(noisy)
    assert sharpness(frames) == pytest.approx(sharpness(frames[::-1]))
    assert math.isnan(sharpness(frames[:0]))


def test_sharpness_by_hand():
    frame = np.zeros((1, 3, 4, 3), np.uint8)
    frame[0, 1, 1] = 255  # its own Laplacian is -4, its neighbour's 1: mean -1.5, variance 2.5 squared
    assert sharpness(frame) == pytest.approx(6.25)


def test_flicker_lowers_the_smoothness_of_the_frames_and_length_does_not():
    frames, _ = drawn(count=40, step=1)
    flickering = frames.copy()
    flickering[::2] //= 2
    assert temporal_smoothness(flickering) < temporal_smoothness(frames) - 0.05
    still = np.repeat(frames[:1], 33, axis=0)
    assert temporal_smoothness(still) == 1
    direct = frames @ [0.299, 0.587, 0.114] / 255
    expected = 1 - np.abs(direct[1:-1] - (direct[2:] + direct[:-2]) / 2).mean()
    assert temporal_smoothness(frames) == pytest.approx(expected)
    assert math.isnan(temporal_smoothness(frames[:2]))


def test_the_smoothness_of_a_path():
    _, even = drawn()
    shaken = even + RNG.normal(0, 3, (len(even), 1)) * [1, 0, 1, 0]
    assert track_smoothness(even) == 1
    assert track_smoothness(shaken) < 0.8
    assert track_smoothness(10 * shaken) == pytest.approx(track_smoothness(shaken))
    gap = shaken.copy()
    gap[5] = np.nan
    rest = [t for t in range(1, len(even) - 1) if t not in (4, 5, 6)]
    centres = (shaken[:, 0] + shaken[:, 2]) / 2
    bends = [abs(centres[t + 1] - 2 * centres[t] + centres[t - 1]) / 12 for t in rest]
    assert track_smoothness(gap) == pytest.approx(1 / (1 + np.mean(bends)))
    assert math.isnan(track_smoothness(np.full((9, 4), np.nan)))


def test_duplicates():
    cat, same, far = [0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10]

    def frame(*boxes):
        return Detections([b for b, _ in boxes], [0.9] * len(boxes), [label for _, label in boxes])

    once = frame((cat, 0), (far, 1))
    assert duplicate_rate([once, Detections.none()]) == 0
    assert duplicate_rate([frame((cat, 0), (same, 0))]) == 0, "one thing seen twice"
    assert duplicate_rate([frame((cat, 0), (far, 0)), once, frame((cat, 1), (far, 1)), once]) == 0.5
    assert math.isnan(duplicate_rate([]))


def test_crops_are_what_the_boxes_hold():
    frames, boxes = drawn(count=3)
    boxes[1] = np.nan
    crops = cut_crops(frames, boxes)
    assert [crop.shape for crop in crops] == [(12, 12, 3)] * 2
    assert all((crop == [200, 60, 20]).all() for crop in crops)
    assert cut_crops(frames, boxes + 500) == []
    assert cut_crops(frames, boxes - [5, 0, 5, 0])[0].shape == (12, 7, 3)


def test_identity_is_lost_with_the_colours():
    frames, boxes = drawn()
    turned = frames.copy()
    turned[10:, :, :, ::] = turned[10:, :, :, ::-1]
    features = [np.array([colour_features(c) for c in cut_crops(f, boxes)]) for f in (frames, turned)]
    assert features[0].sum(axis=1) == pytest.approx(np.ones(20))
    assert identity_consistency(features[0]) == pytest.approx(1)
    assert identity_consistency(features[1]) == pytest.approx((9 + (0 + 0) / 2 + 9 / 2) / 19)
    assert math.isnan(identity_consistency(features[0][:1]))
    assert identity_consistency(7 * features[1]) == pytest.approx(identity_consistency(features[1]))


def test_a_clip_without_a_subject_has_the_figures_of_its_frames():
    frames, _ = drawn()
    found = measure_clip(frames, None)
    assert {name for name, value in found.items() if math.isnan(value)} == {
        "identity_colour",
        "track_smoothness",
        "duplicate_rate",
    }
    more = measure_clip(frames, None, networks=[lambda f, crops: {"clip_quality": float(len(f) + len(crops))}])
    assert more["clip_quality"] == 20
    assert set(more) <= set(FIGURES)


def test_a_run_is_measured_with_the_boxes_it_keeps(tmp_path):
    frames, boxes = drawn(step=3, colour=(128, 128, 128))
    frames[:, 10:22, :40] = [200, 60, 20]
    run = Run(tmp_path)
    prompt = Prompt("p", "text", "cat", "box", "LR")
    path = run.place_video("p.mp4")
    write_mp4(path, frames, fps=8)
    sample = Sample("m", prompt, 0, VideoScore.invalid("so"), "p.mp4", sha256_file(path))
    lost = Sample("m", prompt, 1, VideoScore.failed("no video"))
    two = Detections([[0, 0, 4, 4], [20, 0, 24, 4]], [0.9, 0.9], [0, 0])
    run.write_tracks(sample.id, VideoTracks(boxes, np.full((20, 4), np.nan)), {})
    run.write_detections(sample.id, [two] * 20, {})
    write_tables(run, [sample, lost])
    told = []
    found = measure_run(run, on_clip=lambda *seen: told.append(seen))
    assert list(found) == [sample.id]
    assert found[sample.id]["duplicate_rate"] == 1
    assert found[sample.id]["track_smoothness"] == 1
    assert found[sample.id]["identity_colour"] < 0.9
    assert told == [(1, 1, "p.mp4")]


def test_two_models_are_compared_where_both_have_a_figure():
    def side(model, *values):
        return {SampleKey(model, f"p{n}", 0): {"sharpness": v, "clip_quality": math.nan} for n, v in enumerate(values)}

    found = compare_quality(side("a", 1.0, 2.0, math.nan, 9.0), side("b", 2.0, 4.0, 1.0))
    assert list(found) == ["sharpness"]
    row = found["sharpness"]
    assert (row.n_pairs, row.a, row.b, row.difference.difference) == (2, 1.5, 3.0, 1.5)
    assert compare_quality({}, {}) == {}
