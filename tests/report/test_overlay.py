"""Boxes land on their objects, interpolated ones look different, and the written video keeps length and size."""

from __future__ import annotations

import numpy as np
import pytest
from factories.runs import FRAMES, HEIGHT, WIDTH, Spec, render, true_tracks

from dsrbench.errors import InputError
from dsrbench.report import draw_boxes, write_overlay
from dsrbench.report.overlay import COLOURS
from dsrbench.types import FrameState, VideoTracks
from dsrbench.video import probe, read_clip, write_mp4

MOVING = true_tracks(Spec("m", "p", "LR", "LR"))


def extent(frame, colour):
    rows, columns = np.where((frame == colour).all(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_boxes_are_where_the_tracks_say():
    frames = render(MOVING)
    drawn = draw_boxes(frames, MOVING)
    assert drawn.shape == frames.shape
    assert drawn.dtype == np.uint8
    assert np.array_equal(frames, render(MOVING)), "the frames given are left alone"
    for i in (0, 16, FRAMES - 1):
        for boxes, colour in zip((MOVING.subject, MOVING.object), COLOURS, strict=True):
            if i == 16 and colour == COLOURS[0]:
                continue  # the subject is right behind the object
            x0, _, x1, y1 = extent(drawn[i], colour)
            assert (x0, y1) == pytest.approx((boxes[i][0], boxes[i][3]), abs=1.5)
            assert x1 >= boxes[i][2] - 1


@pytest.mark.parametrize("size", [(16, 16), (64, 40), (854, 480)])
def test_any_size_and_boxes_at_the_edges(size):
    boxes = np.array([[0, 0, 4, 4], [size[0] - 4, size[1] - 4, size[0], size[1]], [-5, -5, 3, 3], [2, 2, 2, 2]], float)
    tracks = VideoTracks(boxes, np.full((4, 4), np.nan), size)
    drawn = draw_boxes(np.zeros((4, size[1], size[0], 3), np.uint8), tracks)
    assert all((frame == COLOURS[0]).all(axis=2).any() for frame in drawn)
    assert not (drawn == COLOURS[1]).all(axis=3).any()


def test_tracks_of_another_size_are_scaled():
    tracks = VideoTracks([[100, 100, 300, 200]], [[np.nan] * 4], (640, 400))
    drawn = draw_boxes(np.zeros((1, 200, 320, 3), np.uint8), tracks)
    x0, _, x1, y1 = extent(drawn[0], COLOURS[0])
    assert (x0, x1, y1) == pytest.approx((50, 150, 100), abs=1.5)


def test_interpolated_boxes_are_dashed():
    boxes = np.array([[20.0, 60, 120, 120]] * 2)
    state = np.array([FrameState.DETECTED, FrameState.FILLED], np.uint8)
    tracks = VideoTracks(boxes, np.full((2, 4), np.nan), (WIDTH, HEIGHT), subject_state=state)
    whole, dashed = (
        (frame[118:121, 20:120] == COLOURS[0]).all(axis=2).any(axis=0)
        for frame in draw_boxes(np.zeros((2, HEIGHT, WIDTH, 3), np.uint8), tracks)
    )
    assert whole.all()
    assert 0.3 < dashed.mean() < 0.8


def test_start_says_which_frame():
    frames = render(MOVING)
    assert np.array_equal(draw_boxes(frames[20:24], MOVING, start=20), draw_boxes(frames, MOVING)[20:24])


def test_written_overlay(tmp_path):
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    write_mp4(source, render(MOVING), fps=16)
    write_overlay(source, MOVING, target, labels=("cat", "box"))
    info, frames = probe(target), read_clip(target).frames
    assert (info.width, info.height, info.fps, len(frames)) == (WIDTH, HEIGHT, 16, FRAMES)
    expected = draw_boxes(read_clip(source).frames, MOVING, labels=("cat", "box"))
    assert np.abs(frames.astype(int) - expected).mean() < 4


@pytest.mark.parametrize(
    ("frames", "start", "words"),
    [
        (np.zeros((2, 8, 8), np.uint8), 0, "uint8"),
        (np.zeros((2, 8, 8, 3)), 0, "float64"),
        (np.zeros((FRAMES + 1, 8, 8, 3), np.uint8), 0, "of another video"),
        (np.zeros((2, 8, 8, 3), np.uint8), FRAMES - 1, "of another video"),
    ],
)
def test_refusals(frames, start, words):
    with pytest.raises(InputError, match=words):
        draw_boxes(frames, MOVING, start=start)


def test_other_boxes_are_dashed_beside_the_scored_ones():
    elsewhere = VideoTracks(MOVING.subject + 90, np.full_like(MOVING.object, np.nan), MOVING.size)
    frames = render(MOVING)[:1]
    plain, drawn = draw_boxes(frames, MOVING), draw_boxes(frames, MOVING, others=elsewhere)
    added = (drawn[0] == COLOURS[0]).all(axis=2) & ~(plain[0] == COLOURS[0]).all(axis=2)
    left, top, _, bottom = elsewhere.subject[0].astype(int)
    edge = added[top : bottom - 1, left]
    assert 0.2 < edge.mean() < 0.8
    assert np.array_equal((drawn == COLOURS[1]).all(axis=3), (plain == COLOURS[1]).all(axis=3))
