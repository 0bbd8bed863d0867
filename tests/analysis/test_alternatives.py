"""Other tracks of the other decision: which are found, whose boxes are elsewhere, where and when."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from factories.draws import draws_of, still_track
from factories.runs import Spec, true_tracks

from dsrbench.analysis.alternatives import (
    Displacement,
    Entity,
    Side,
    Span,
    alternative_tracks,
    find_alternative,
)
from dsrbench.errors import InputError
from dsrbench.metric import score_tracks
from dsrbench.types import Prompt, Relation, TrackDraws, VideoScore

ASKED = Prompt("p", "text", "duck", "box", Relation.chain("LR"))
GOOD = true_tracks(Spec("m", "p", "LR", "LR"))
BAD = true_tracks(Spec("m", "p", "LR", "R"))
"""Tracks whose subject is at the right of the object throughout."""


def find(tracks, prompt=ASKED):
    return find_alternative(tracks, prompt, score_tracks(tracks, prompt))


def test_the_subject_is_elsewhere_at_the_start():
    found = find(draws_of(BAD, [BAD] * 3 + [GOOD] * 2))
    assert (found.draw, found.dsr_score) == (3, 1.0)
    assert found.displacements == (Displacement(Entity.SUBJECT, Span.FIRST, Side.LEFT),)


def test_the_subject_is_elsewhere_at_the_end():
    found = find(draws_of(GOOD, [true_tracks(Spec("m", "p", "LR", "L")), GOOD]))
    assert found.draw == 0
    assert found.displacements == (Displacement(Entity.SUBJECT, Span.LAST, Side.LEFT),)


def test_the_object_is_elsewhere_throughout():
    drawn = dataclasses.replace(GOOD, object=GOOD.object + np.array([130, 0, 130, 0]))
    found = find(draws_of(GOOD, [drawn]))
    assert found.displacements == (Displacement(Entity.OBJECT, Span.THROUGHOUT, Side.RIGHT),)
    assert found.dsr_score < 0.7


def test_swapped_tracks_are_elsewhere_on_two_sides():
    swapped = dataclasses.replace(GOOD, subject=GOOD.object, object=GOOD.subject)
    found = find(draws_of(GOOD, [swapped]))
    assert found.displacements == (
        Displacement(Entity.SUBJECT, Span.FIRST, Side.RIGHT),
        Displacement(Entity.SUBJECT, Span.LAST, Side.LEFT),
        Displacement(Entity.OBJECT, Span.FIRST, Side.LEFT),
        Displacement(Entity.OBJECT, Span.LAST, Side.RIGHT),
    )


def test_the_one_of_median_score_is_taken():
    tracks = [still_track(GOOD, at) for at in (-0.4, -1.0, -1.6)]
    found = find(draws_of(GOOD, [GOOD, *tracks]))
    scores = [score_tracks(track, ASKED).dsr_score for track in tracks]
    assert found.dsr_score == pytest.approx(sorted(scores)[1], abs=1e-6)


@pytest.mark.parametrize("drawn", [[GOOD] * 4, [dataclasses.replace(BAD, subject=np.full_like(BAD.subject, np.nan))]])
def test_no_draw_of_the_other_decision_that_can_be_scored(drawn):
    assert find(draws_of(GOOD, drawn)) is None


def test_boxes_that_are_little_moved_are_no_alternative():
    """The score is near the threshold, and a shift of a few pixels changes the decision."""
    shifts = np.arange(150)
    tracks = [dataclasses.replace(GOOD, object=GOOD.object + np.array([s, 0, s, 0])) for s in shifts]
    scores = np.array([score_tracks(track, ASKED).dsr_score for track in tracks])
    last = int(np.flatnonzero(scores >= 0.7)[-1])
    assert scores[last + 1] < 0.7
    assert find(draws_of(tracks[last], [tracks[last + 1]])) is None


def test_tracks_without_draws_have_none():
    assert find_alternative(GOOD, ASKED, VideoScore.failed("")) is None
    alternative = find(draws_of(BAD, [GOOD]))
    with pytest.raises(InputError, match="expected tracks with draws"):
        alternative_tracks(BAD, alternative)


def test_tracks_of_an_alternative_have_the_displaced_boxes_alone():
    tracks = draws_of(BAD, [BAD, GOOD])
    other = alternative_tracks(tracks, find(tracks))
    is_shown = ~np.isnan(other.subject[:, 0])
    assert is_shown[0]
    assert not is_shown[-1], "there both are at the right"
    np.testing.assert_allclose(other.subject[is_shown], GOOD.subject[is_shown])
    assert np.isnan(other.object).all()
    assert (other.size, other.fps) == (GOOD.size, GOOD.fps)


def test_boxes_without_extent_are_elsewhere():
    points = np.repeat(GOOD.subject[:, :2], 2, axis=0).reshape(-1, 4).astype(np.float32)
    tracks = dataclasses.replace(GOOD, draws=TrackDraws(points[None], GOOD.object[None]))
    assert find(tracks) is None, "a box without extent has no score"
