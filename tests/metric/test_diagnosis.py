"""The word for what a video shows, on trajectories that show it, for several types and with jitter."""

from __future__ import annotations

import numpy as np
import pytest

from dsrbench.metric import score_tracks
from dsrbench.types import Diagnosis, VideoTracks

SIDE = 40.0
PLACES = {
    "L": (-2.0, 0),
    "R": (2.0, 0),
    "T": (0, -2.0),
    "U": (0, 2.0),
    "7": (-2.0, -2.0),
    "9": (2.0, -2.0),
    "0": (0, 0),
}
"""Centre of the subject, in sides from the object's centre: the four places, two corners, the object itself."""


def move(stops, *, n_frames=81, jitter=0.0, seed=0):
    """Rest at the first stop, go through all, rest at the last; stops are letters or (x, y) in sides."""
    points = np.array([PLACES[stop] if isinstance(stop, str) else stop for stop in stops], float) * SIDE
    time = np.clip(np.linspace(-0.2, 1.2, n_frames), 0, 1) * (len(points) - 1)
    centre = np.stack([np.interp(time, np.arange(len(points)), points[:, axis]) for axis in (0, 1)], axis=1)
    noise = np.random.default_rng(seed).normal(0, 1, (2, n_frames, 2)) * jitter
    subject, still = centre + noise[0], noise[1]
    return VideoTracks(*(np.concatenate([c - SIDE / 2, c + SIDE / 2], axis=1) for c in (subject, still)))


CASES = [
    # correct: asked and shown, by the straight way
    *((type, type, "correct") for type in ("LR", "RL", "LT", "RT", "TL", "TR", "LU", "UR", "TU", "UT")),
    # correct: over the top; in a chain with every place visited
    ("LR", "LTR", "correct"),
    ("LTR", "LTR", "correct"),
    ("TLUR", "TLUR", "correct"),
    # correct by the published threshold: stopped where "right" is at -0.19, that is, less than half-way
    ("LR", ["L", (-0.19, 0)], "correct"),
    # correct by the published threshold, though it ends on top: half of the score is the start
    ("LR", "LT", "correct"),
    # and likewise from the far side, for the other half is the end
    ("TL", "RL", "correct"),
    # static: nowhere does it count as anything else
    *((type, place, "static") for type in ("LR", "RL", "LT", "TR", "UL") for place in PLACES),
    # static: in the corner where both relations hold at once
    ("LT", "7", "static"),
    ("TR", "9", "static"),
    # static: a small step
    ("LR", [(0.1, 1), (0.2, 1)], "static"),
    # static: a larger one; one step more is none of these
    ("LR", [(-0.1, 0), (0.2, 0)], "static"),
    ("LR", [(-0.1, 0), (0.4, 0)], "other"),
    # static: a long way, but never out of "left"
    ("LR", [(-6, 0), (-2, 0)], "static"),
    # reversed
    *((type, type[::-1], "reversed") for type in ("LR", "RL", "LT", "RT", "TL", "TR", "LU", "TU")),
    # reversed: a chain backwards
    ("LTR", "RTL", "reversed"),
    # wrong start: ends well, from a third place
    ("LT", "RT", "wrong_start"),
    ("UL", "TL", "wrong_start"),
    # wrong start: already where it should end, goes and comes back
    ("LR", "RLR", "wrong_start"),
    # wrong end: starts well, ends in a third place
    ("LT", "LU", "wrong_end"),
    ("TR", "TL", "wrong_end"),
    ("RT", "RU", "wrong_end"),
    # wrong end: the wrong way
    ("LR", [(-0.5, 0), (-2, 0)], "wrong_end"),
    # partial: stopped where "right" is at -0.21, just short of the threshold
    ("LR", ["L", (-0.21, 0)], "partial"),
    ("RL", ["R", (0.4, 0)], "partial"),
    ("LT", ["L", (-0.5, -0.2)], "partial"),
    # partial: a chain that arrived without its middle place
    ("LTR", "LUR", "partial"),
    ("LTUR", "LUTR", "partial"),
    # partial: a chain that returns, by another place; the same relation at both ends is not "reversed"
    ("LTL", "LUL", "partial"),
    ("TUT", "TRT", "partial"),
    # other: out and back
    ("LR", "LTL", "other"),
    ("LR", "LRL", "other"),
    ("TL", "TUT", "other"),
    # other: wrong at both ends
    ("LR", "TL", "other"),
    ("LT", "RU", "other"),
    ("UT", "LR", "other"),
]


@pytest.mark.parametrize("jitter", [0.0, 0.4])
@pytest.mark.parametrize(("type", "stops", "word"), CASES, ids=str)
def test_words(type, stops, word, jitter):
    # at rest in the middle of the object the least jitter decides the direction, and 0.01 sides decide a threshold
    close = not isinstance(stops, str)
    if jitter and close:
        jitter = 0.02
    score = score_tracks(move(stops, jitter=jitter), type)
    assert (score.diagnosis.value, score.passes()) == (word, word == "correct")


@pytest.mark.parametrize("n_frames", [16, 33, 500])
@pytest.mark.parametrize(("type", "stops", "word"), [case for case in CASES if isinstance(case[1], str)], ids=str)
def test_words_do_not_depend_on_the_length(type, stops, word, n_frames):
    assert score_tracks(move(stops, n_frames=n_frames), type).diagnosis.value == word


def test_every_word_occurs():
    assert {word for _, _, word in CASES} == {word.value for word in Diagnosis}


def test_gaps_change_no_word():
    tracks = move("LRL")
    tracks.subject[20:30] = np.nan
    assert score_tracks(tracks, "LR").diagnosis is Diagnosis.OTHER


def test_no_word_without_a_score():
    tracks = move("LR")
    tracks.object[10:] = np.nan
    assert score_tracks(tracks, "LR").diagnosis is None
