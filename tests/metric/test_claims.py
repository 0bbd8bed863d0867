"""Several claims of one prompt: how they are read, and how their scores become one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dsrbench.errors import InputError
from dsrbench.metric import measure_certainty, score_draws, score_many, score_tracks
from dsrbench.metric.claims import read_claims
from dsrbench.types import Clause, Direction, Prompt, Relation, Status, TrackDraws, VideoTracks

NOTHING = np.full((81, 4), np.nan)
BOX = np.array([0.0, 0, 10, 10])

READ = [
    ("LR", ["LR"]),
    ("l", ["L"]),
    (">l+>R", [">L", ">R"]),
    ("L+>u+LTR", ["L", ">U", "LTR"]),
    (["L", "R"], ["LR"]),
    (Prompt.of_clauses("p", "x", [Clause("a", "b", "L"), Clause("c", direction=">U")]), ["L", ">U"]),
]


@pytest.mark.parametrize(("prompt", "codes"), READ)
def test_claims_are_read(prompt, codes):
    joined = [claim if isinstance(claim, Direction) else "".join(claim) for claim in read_claims(prompt)]
    assert joined == codes


def gliding(dx):
    path = np.linspace(BOX, BOX + np.array([dx, 0, dx, 0]), 81)
    return VideoTracks(path, NOTHING)


def beside(dx):
    return VideoTracks(np.tile(BOX + np.array([dx, 0, dx, 0]), (81, 1)), np.tile(BOX, (81, 1)))


COMBINED = [
    # tracks, type, status, score, reason
    ((gliding(100), gliding(-100)), ">R+>L", "scored", 1.0, ""),
    ((gliding(100), gliding(100)), ">R+>L", "scored", 0.0, ""),
    ((gliding(-100), gliding(-5)), ">L+>L", "scored", 0.74375, ""),
    ((beside(-30), beside(30)), "L+R", "scored", 1.0, ""),
    ((beside(-30), gliding(-100)), "L+>R", "scored", 0.0, ""),
    # an invalid claim makes the video invalid, whatever the score of the other
    ((gliding(-100), VideoTracks(NOTHING, NOTHING)), ">R+>L", "invalid", np.nan, "claim 2: too few scored frames: 0"),
]


@pytest.mark.parametrize(("tracks", "type", "status", "value", "reason"), COMBINED)
def test_the_least_counts(tracks, type, status, value, reason):
    first, *further = tracks
    score = score_tracks(dataclasses.replace(first, further=tuple(further)), type)
    assert score.status.value == status
    assert score.dsr_score == pytest.approx(value, nan_ok=True)
    assert score.reason.startswith(reason)
    alone = [score_tracks(each, codes) for each, codes in zip(tracks, type.split("+"), strict=True)]
    assert [each.dsr_score for each in score.clauses] == pytest.approx([s.dsr_score for s in alone], nan_ok=True)
    least = min(alone, key=lambda s: (s.status is Status.SCORED, s.dsr_score))
    assert score.diagnosis is least.diagnosis


def test_among_videos_of_one_claim():
    both = dataclasses.replace(gliding(100), further=(gliding(-100),))
    scores = score_many([gliding(100), both, beside(-30)], [">R", ">R+>R", "L"])
    assert [score.dsr_score for score in scores] == [1, 0, 1]
    assert [len(score.clauses) for score in scores] == [0, 2, 0]


@pytest.mark.parametrize(("tracks", "type"), [(gliding(1), ">L+>R"), (beside(1), (Relation.LEFT,))])
def test_tracks_for_every_claim(tracks, type):
    if type == (Relation.LEFT,):
        tracks = dataclasses.replace(tracks, further=(tracks,))
    with pytest.raises(InputError, match=r"expected the tracks of \d claims?, got those of \d"):
        score_tracks(tracks, type)


def test_certainty_of_several_claims():
    """A claim that passes in half of its draws, and one that always passes."""

    def drawn(tracks, others):
        subjects = np.stack([*[tracks.subject] * 4, *[others.subject] * 4]).astype(np.float32)
        objects = np.stack([tracks.object] * 8).astype(np.float32)
        return dataclasses.replace(tracks, draws=TrackDraws(subjects, objects))

    sure, unsure = drawn(gliding(100), gliding(100)), drawn(beside(-30), beside(30))
    tracks = dataclasses.replace(sure, further=(unsure,))
    assert len(score_draws(tracks, ">R+L")) == 8
    assert measure_certainty(tracks, ">R+L").p_pass == pytest.approx(0.5)
    assert measure_certainty(dataclasses.replace(sure, further=(beside(-30),)), ">R+L") is None
