"""Detections drawn by hand, for the tests of association trackers."""

from __future__ import annotations

import numpy as np

from dsrbench.types import Detections, Prompt

SIZE = (320, 180)
PROMPT = Prompt("p", "A cat goes right of a chair.", "cat", "chair", ("L", "R"))


def path(n_frames, start=(40, 60), step=(6, 0), size=(40, 30)):
    """Boxes [T, 4] of something that moves at constant speed."""
    corner = np.array(start, np.float64) + np.arange(n_frames)[:, None] * np.array(step)
    return np.concatenate([corner, corner + size], axis=1)


def video(*entities, n_frames):
    """Detections of every frame from (label, boxes [T, 4], scores [T] or one score); a score of 0 is a miss."""
    frames = []
    for t in range(n_frames):
        rows = [(boxes[t], np.broadcast_to(score, n_frames)[t], label) for label, boxes, score in entities]
        rows = [row for row in rows if row[1] > 0]
        frames.append(
            Detections(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]), [row[2] for row in rows])
        )
    return frames


def every_fourth(frames, dense=8):
    """The frames with all but every fourth left out, but none near either end, as `--protocol fast` gives them."""
    ends = (*range(dense), *range(len(frames) - dense, len(frames)))
    return [found if t % 4 == 0 or t in ends else Detections.left_out() for t, found in enumerate(frames)]


def check_empty(associate, n_frames):
    """Frames without detections give tracks without boxes."""
    tracks = associate([Detections.none()] * n_frames)
    assert len(tracks) == n_frames
    assert np.isnan(tracks.subject).all()
    assert np.isnan(tracks.object).all()
    assert not tracks.subject_state.any()


def states(tracks):
    return "".join("-DPF"[state] for state in tracks.subject_state)
