"""Status and reasons, counts and windows, chains: one case a rule."""

from __future__ import annotations

import numpy as np
import pytest
from literal import dsr_score

from dsrbench.errors import PromptError
from dsrbench.metric import DSRScore, score_many, score_tracks
from dsrbench.types import FrameCounts, Prompt, Relation, Status, VideoTracks

LEFT, RIGHT, ABOVE, BELOW = (-30.0, 0.0), (30.0, 0.0), (0.0, -30.0), (0.0, 30.0)


def tracks_of(*centres):
    """10 x 10 pixels around each given centre, beside an object of that size at the origin; None is an absent box."""
    boxes = [[np.nan] * 4 if c is None else [c[0] - 5, c[1] - 5, c[0] + 5, c[1] + 5] for c in centres]
    return VideoTracks(np.array(boxes).reshape(-1, 4), np.tile([-5.0, -5, 5, 5], (len(boxes), 1)))


def glide(n_frames, start=LEFT, end=RIGHT):
    return tracks_of(*np.linspace(start, end, n_frames))


STATUS = [
    # no frames at all
    ([], "LR", "too few scored frames: 0 of at least 4"),
    # one frame
    ([LEFT], "LR", "too few scored frames: 1 of at least 4"),
    # never a box
    ([None] * 81, "LR", "too few scored frames: 0 of at least 20"),
    # one frame short of the share
    ([LEFT] * 19 + [None] * 62, "LR", "too few scored frames: 19 of at least 20"),
    # just enough
    ([LEFT] * 20 + [None] * 61, "LR", ""),
    # gaps anywhere do not matter
    (([LEFT] + [None] * 3) * 20 + [None], "LR", ""),
    # depth is not in boxes: first, last, or between
    ([LEFT] * 81, "FR", "relation F (front) needs depth; score with a depth estimator"),
    ([LEFT] * 81, "LB", "relation B (behind) needs depth; score with a depth estimator"),
    ([LEFT] * 81, "LFR", "relation F (front) needs depth; score with a depth estimator"),
]


@pytest.mark.parametrize(("centres", "relations", "reason"), STATUS)
def test_status(centres, relations, reason):
    score = score_tracks(tracks_of(*centres), relations)
    assert (score.status, score.reason) == (Status.INVALID if reason else Status.SCORED, reason)
    parts = [score.dsr_score, score.r_init, score.g_init, score.r_fin, score.g_fin]
    assert np.isnan(parts).all() == bool(reason)
    assert (score.diagnosis is None) == bool(reason)
    assert score.passes(0.0) == (not reason)


LENGTHS = [
    # frames, fewest scored, window; (1, 4 and 16 have the floors)
    (1, 4, 1),
    (4, 4, 1),
    (16, 4, 1),
    (33, 8, 1),
    (49, 12, 2),
    (81, 20, 3),
    (121, 30, 4),
    (500, 123, 19),
]


@pytest.mark.parametrize(("n_frames", "fewest", "window"), LENGTHS)
def test_counts_scale_with_the_length(n_frames, fewest, window):
    tracks = glide(n_frames)
    score = score_tracks(tracks, "LR")
    if n_frames < fewest:
        assert score.reason == f"too few scored frames: {n_frames} of at least {fewest}"
        return
    assert score.status is Status.SCORED
    assert score.n_scored == n_frames
    assert score.r_init == pytest.approx(np.mean(score.ssr_initial[:window]), abs=1e-12)
    assert score.r_fin == pytest.approx(np.mean(score.ssr_final[-window:]), abs=1e-12)
    assert score.g_init == (score.ssr_initial[0] - score.ssr_initial[-1]) / 2
    # as many frames as are asked for are enough, one less is not
    for scored in (fewest - 1, fewest):
        some = tracks_of(*[LEFT] * scored, *[None] * (n_frames - scored))
        assert (score_tracks(some, "LR").status is Status.SCORED) == (scored == fewest)


PUBLISHED = [
    # a short clip of 16 frames has not the 20 scored frames the paper asks for
    (16, "too few scored frames: 16 of at least 20"),
    # 20 frames do
    (20, ""),
    (81, ""),
    # a long clip needs no more than 20, and its windows are 3 wide
    (500, ""),
]


@pytest.mark.parametrize(("n_frames", "reason"), PUBLISHED)
def test_published_counts_are_absolute(n_frames, reason):
    score = score_tracks(glide(n_frames), "LR", counts=FrameCounts.published())
    assert score.reason == reason
    if not reason:
        assert score.r_init == pytest.approx(np.mean(score.ssr_initial[:3]), abs=1e-12)


def test_81_frames_have_the_published_counts():
    tracks = glide(81, (-12, 3), (9, -7))
    scaled, published = (score_tracks(tracks, "LT", counts=counts) for counts in (None, FrameCounts.published()))
    assert scaled.dsr_score == published.dsr_score


def test_windows_skip_frames_without_a_score():
    # with windows of 3, the first three *scored* frames count, wherever they are
    centres = [None, LEFT, None, (-5.0, 0.0), RIGHT, *[RIGHT] * 20, None]
    score = score_tracks(tracks_of(*centres), "LR", counts=FrameCounts.published())
    assert score.r_init == pytest.approx((1 + 0.5 - 1) / 3)
    assert score.r_fin == 1
    assert np.isnan(score.ssr_initial[[0, 2, -1]]).all()
    assert score.n_scored == 23
    assert len(score.ssr_initial) == len(centres)


def test_window_wider_than_the_clip():
    counts = FrameCounts(scored=2, window=9)
    score = score_tracks(tracks_of(LEFT, RIGHT, RIGHT), "LR", counts=counts)
    assert (score.r_init, score.r_fin) == pytest.approx((-1 / 3, 1 / 3))


KNOWN = [
    # start, end, asked, score: by hand from the four parts
    (LEFT, RIGHT, "LR", 1.0),
    (LEFT, RIGHT, "RL", 0.0),
    (LEFT, LEFT, "LR", 0.5),
    (LEFT, ABOVE, "LT", 0.875),
    (ABOVE, BELOW, "TU", 1.0),
    (RIGHT, ABOVE, "LT", 0.5),
    # both boxes in one place: nothing holds, nothing changes
    ((0.0, 0.0), (0.0, 0.0), "LR", 0.5),
]


@pytest.mark.parametrize(("start", "end", "asked", "expected"), KNOWN)
def test_known_scores(start, end, asked, expected):
    assert score_tracks(tracks_of(*[start] * 40, *[end] * 41), asked).dsr_score == pytest.approx(expected, abs=1e-12)


CHAINS = [
    # stops (10 frames each), asked, visited
    ([LEFT, RIGHT], "LR", None),
    ([LEFT, ABOVE, RIGHT], "LTR", True),
    ([LEFT, BELOW, RIGHT], "LTR", False),
    ([LEFT, RIGHT], "LTR", False),
    ([LEFT, ABOVE, BELOW, RIGHT], "LTUR", True),
    # both visited, in the wrong order
    ([LEFT, BELOW, ABOVE, RIGHT], "LTUR", False),
    # a visit too many does not matter
    ([LEFT, BELOW, ABOVE, BELOW, RIGHT], "LTUR", True),
    # the same place twice
    ([LEFT, ABOVE, BELOW, ABOVE, RIGHT], "LTUTR", True),
    # back where it began
    ([LEFT, RIGHT, LEFT], "LRL", True),
    ([LEFT, LEFT, LEFT], "LRL", False),
]


@pytest.mark.parametrize(("stops", "asked", "visited"), CHAINS)
def test_chains(stops, asked, visited):
    frames = [stop for stop in stops for _ in range(10)]
    score = score_tracks(tracks_of(*frames), asked)
    assert score.visited is visited
    # the score is that of the ends
    assert score.dsr_score == score_tracks(tracks_of(*frames), asked[0] + asked[-1]).dsr_score
    assert score.passes(0.0) == (visited is not False)


def test_a_visit_lasts_a_window():
    # in 81 frames the window is 3: two frames on top are no visit at 2/3 * 1 + 1/3 * -1, three are
    for frames, visited in ((1, False), (2, False), (3, True)):
        centres = [*[BELOW] * 40, *[ABOVE] * frames, *[BELOW] * (41 - frames)]
        assert score_tracks(tracks_of(*centres), "LTR").visited is visited


@pytest.mark.parametrize(("up", "visited"), [(4.5, False), (5.5, True)])
def test_a_visit_is_half_of_the_way(up, visited):
    centres = [*[BELOW] * 40, *[(0.0, -up)] * 20, *[BELOW] * 21]
    assert score_tracks(tracks_of(*centres), "UTU").visited is visited


def test_chains_without_a_score_say_nothing_of_visits():
    assert score_tracks(tracks_of(None, None, None, None, LEFT), "LTR").visited is None


def test_prompts_codes_and_relations_are_one():
    tracks = glide(81)
    prompt = Prompt("p", "text", "cat", "box", Relation.chain("LR"))
    scores = [score_tracks(tracks, asked).dsr_score for asked in (prompt, "LR", ["L", "R"], Relation.chain("LR"))]
    assert scores == [1.0] * 4


TEXT = "A cat is on the left of a box, then the cat walks to the right of the box."


@pytest.mark.parametrize("asked", ["LR", "lr", "Lr", TEXT, TEXT.upper(), f"\n{TEXT} "])
def test_codes_and_texts_in_either_case(asked):
    cat, box = np.linspace([0.0, 40, 20, 60], [80.0, 40, 100, 60], 81), np.tile([40.0, 40, 60, 60], (81, 1))
    tracks = VideoTracks(cat, box)
    assert score_tracks(tracks, asked).dsr_score == 1.0
    assert [score.dsr_score for score in score_many([tracks] * 2, [asked, "RL"])] == [1.0, 0.0]
    assert DSRScore().update(cat, box, asked).dsr_score == 1.0


@pytest.mark.parametrize("codes", ["", "LX", "lx", "L R", "L+", ">", ">LR", "+"])
def test_codes_that_are_none(codes):
    with pytest.raises(PromptError, match=r"unknown relation|expected relations|is no direction|cannot read"):
        score_tracks(glide(81), codes)


def test_score_many_of_nothing_and_of_unequal_numbers():
    assert score_many([], []) == []
    with pytest.raises(ValueError, match=r"shorter|longer"):
        score_many([glide(81)], ["LR", "LR"])


def test_more_videos_than_are_scored_at_once():
    tracks = [glide(81 if i % 3 else 16, (-30 + i / 10, i % 7), (30 - i / 5, i % 5)) for i in range(230)]
    together = score_many(tracks, ["LR"] * len(tracks))
    assert [s.dsr_score for s in together] == [score_tracks(t, "LR").dsr_score for t in tracks]
    lengths = np.array([len(t) for t in tracks])
    slow = [
        dsr_score(frames_of(t), subject="s", object="o", type="LR", scored=20 if len(t) == 81 else 4, window=w)
        for t, w in zip(tracks, np.where(lengths == 81, 3, 1), strict=True)
    ]
    assert [s.dsr_score for s in together] == pytest.approx(slow, abs=1e-12)


def frames_of(tracks):
    pairs = zip(tracks.subject.tolist(), tracks.object.tolist(), strict=True)
    return [{"labels": ["s", "o"], "boxes_xyxy": list(pair)} for pair in pairs]


def test_videos_do_not_leak_into_each_other():
    # empty, short and long ones in any order: each is scored as if alone
    tracks = [tracks_of(), glide(16), tracks_of(None), glide(81, RIGHT, LEFT), tracks_of(), glide(4)]
    for asked in ("LR", "LTR", "LU"):
        together, alone = score_many(tracks, [asked] * 6), [score_tracks(t, asked) for t in tracks]
        np.testing.assert_equal([s.dsr_score for s in together], [s.dsr_score for s in alone])
        assert [(s.reason, s.visited, s.diagnosis) for s in together] == [
            (s.reason, s.visited, s.diagnosis) for s in alone
        ]
