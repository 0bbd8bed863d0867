"""What must hold for all boxes: symmetries, ranges, and that the ways of scoring agree."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from literal import dsr_score, ssr

from dsrbench.geometry import ssr_scores
from dsrbench.metric import score_many, score_tracks
from dsrbench.metric.box_files import tracks_from_line
from dsrbench.types import FrameCounts, Relation, VideoTracks

IN_ITS_TIME = settings(deadline=None)  # a busy machine is no error
PARTS = ("r_init", "g_init", "r_fin", "g_fin")
CODES = st.sampled_from("LRTU")
TYPES = st.tuples(CODES, CODES).map("".join)


@st.composite
def boxes(draw, unit=0.25, most=800):
    """A box on a grid, so that sums are exact; one in some has no width or no height."""
    x, y, w, h = (draw(st.integers(low, most)) for low in (-most, -most, 0, 0))
    return [x * unit, y * unit, (x + w) * unit, (y + h) * unit]


PAIRS = st.tuples(boxes(), boxes())
ROWS = st.lists(st.one_of(PAIRS, PAIRS, PAIRS, st.none()), min_size=0, max_size=30)
WILD = st.floats(-1e6, 1e6, allow_subnormal=False)


def tracks_of(rows):
    nothing = ([np.nan] * 4, [np.nan] * 4)
    subject, object = np.array([row or nothing for row in rows], float).reshape(-1, 2, 4).transpose(1, 0, 2)
    return VideoTracks(subject, object)


def mapped(tracks, change):
    return VideoTracks(change(tracks.subject), change(tracks.object))


def numbers(score):
    return [score.dsr_score, *(getattr(score, part) for part in PARTS), score.n_scored]


def mirror(boxes):
    return boxes[:, [2, 1, 0, 3]] * np.array([-1.0, 1, -1, 1])


@IN_ITS_TIME
@given(ROWS, TYPES)
def test_a_mirror_swaps_left_and_right(rows, type):
    tracks = tracks_of(rows)
    mirrored = "".join(Relation(code).mirrored.value for code in type)
    seen, swapped = score_tracks(mapped(tracks, mirror), mirrored), score_tracks(tracks, type)
    np.testing.assert_equal(numbers(seen), numbers(swapped))
    np.testing.assert_equal(seen.ssr_initial, swapped.ssr_initial)
    assert (seen.reason, seen.diagnosis) == (swapped.reason, swapped.diagnosis)


@IN_ITS_TIME
@given(ROWS, TYPES)
def test_time_backwards_swaps_the_roles(rows, type):
    tracks = tracks_of(rows)
    forward, backward = score_tracks(tracks, type), score_tracks(mapped(tracks, lambda b: b[::-1]), type[::-1])
    np.testing.assert_equal([backward.r_fin, backward.g_fin], [forward.r_init, forward.g_init])
    np.testing.assert_equal([backward.r_init, backward.g_init], [forward.r_fin, forward.g_fin])
    np.testing.assert_allclose(backward.dsr_score, forward.dsr_score, rtol=0, atol=1e-15)
    np.testing.assert_equal(backward.ssr_final, forward.ssr_initial[::-1])


@IN_ITS_TIME
@given(ROWS, TYPES, st.integers(-10, 10))
def test_scale_by_powers_of_two_is_exact(rows, type, power):
    tracks = tracks_of(rows)
    scaled = mapped(tracks, lambda b: b * 2.0**power)
    np.testing.assert_equal(numbers(score_tracks(scaled, type)), numbers(score_tracks(tracks, type)))


@IN_ITS_TIME
@given(ROWS, TYPES, st.floats(0.1, 10), st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_scale_and_place_do_not_matter(rows, type, scale, dx, dy):
    tracks = tracks_of(rows)
    moved = mapped(tracks, lambda b: b * scale + np.array([dx, dy, dx, dy]))
    np.testing.assert_allclose(
        numbers(score_tracks(moved, type)), numbers(score_tracks(tracks, type)), rtol=0, atol=1e-9
    )


@IN_ITS_TIME
@given(PAIRS, CODES)
def test_one_frame_is_as_defined(pair, code):
    expected = ssr(*pair, code)
    found = ssr_scores(np.array(pair[0]), np.array(pair[1]), code)
    np.testing.assert_allclose(found, np.nan if expected is None else expected, rtol=0, atol=1e-12)


@IN_ITS_TIME
@given(PAIRS)
def test_opposites(pair):
    left, right, top = (float(ssr_scores(np.array(pair[0]), np.array(pair[1]), code)) for code in "LRT")
    np.testing.assert_equal(left, -right)
    # nothing is both wholly beside and wholly above
    assert np.isnan(left) or left**2 + top**2 <= 1 + 1e-12


@IN_ITS_TIME
@given(st.lists(st.tuples(WILD, WILD, WILD, WILD, WILD, WILD, WILD, WILD), min_size=4, max_size=12), TYPES)
def test_ranges(rows, type):
    rows = np.array(rows).reshape(-1, 2, 2, 2)
    corners = np.concatenate([rows.min(axis=2), rows.max(axis=2)], axis=-1)
    score = score_tracks(VideoTracks(corners[:, 0], corners[:, 1]), type)
    sequences = np.concatenate([score.ssr_initial, score.ssr_final])
    assert ((np.abs(sequences) <= 1) | np.isnan(sequences)).all()
    if score.n_scored >= 4:
        assert 0 <= score.dsr_score <= 1
        assert all(-1 <= getattr(score, part) <= 1 for part in PARTS)


@st.composite
def lines(draw):
    """A line of detections: none to three boxes of each entity and of others, in frames of any order."""
    names = ("cat", "box", "lamp")
    seen = st.lists(st.tuples(st.sampled_from(names), boxes()), max_size=4)
    frames = draw(st.lists(st.one_of(PAIRS.map(lambda p: [("cat", p[0]), ("box", p[1])]), seen), max_size=16))
    listed = [
        {"frame": i, "labels": [name for name, _ in f], "boxes_xyxy": [box for _, box in f]}
        for i, f in enumerate(frames)
    ]
    return {"frames": listed, "type": draw(TYPES), "subject": "cat", "object": "box", "n_frames": 16}


@IN_ITS_TIME
@given(lines(), st.randoms(use_true_random=False))
def test_order_of_boxes_and_frames_changes_nothing(line, random):
    shuffled = []
    for frame in line["frames"]:
        order = random.sample(range(len(frame["labels"])), len(frame["labels"]))
        shuffled.append({key: [frame[key][i] for i in order] for key in ("labels", "boxes_xyxy")})
        shuffled[-1]["frame"] = frame["frame"]
    random.shuffle(shuffled)
    a, b = (score_tracks(*tracks_from_line({**line, "frames": frames})) for frames in (line["frames"], shuffled))
    np.testing.assert_equal(numbers(a), numbers(b))
    expected = dsr_score(line["frames"], subject="cat", object="box", type=line["type"], scored=4, window=1)
    np.testing.assert_allclose(a.dsr_score, np.nan if expected is None else expected, rtol=0, atol=1e-12)


CHAINS = st.one_of(TYPES, st.lists(st.sampled_from("LRTUFB"), min_size=2, max_size=4).map("".join))
VIDEOS = st.lists(st.tuples(ROWS, CHAINS), max_size=6)
COUNTS = st.one_of(st.none(), st.builds(FrameCounts, scored=st.integers(1, 9), window=st.integers(1, 5)))


@IN_ITS_TIME
@given(VIDEOS, COUNTS)
def test_many_at_once_are_as_one_by_one(videos, counts):
    tracks = [tracks_of(rows) for rows, _ in videos]
    together = score_many(tracks, [asked for _, asked in videos], counts=counts)
    alone = [score_tracks(t, asked, counts=counts) for t, (_, asked) in zip(tracks, videos, strict=True)]
    np.testing.assert_equal([dataclasses.astuple(s) for s in together], [dataclasses.astuple(s) for s in alone])


@IN_ITS_TIME
@given(st.lists(ROWS, max_size=5), TYPES, COUNTS)
def test_scores_are_as_defined(videos, type, counts):
    scores = score_many([tracks_of(rows) for rows in videos], [type] * len(videos), counts=counts)
    for score, rows in zip(scores, videos, strict=True):
        in_force = counts or FrameCounts.for_frames(len(rows))
        frames = [{"labels": ["s", "o"] if row else [], "boxes_xyxy": list(row or [])} for row in rows]
        # the transcription knows no window wider than the clip
        window = min(in_force.window, max(score.n_scored, 1))
        expected = dsr_score(frames, subject="s", object="o", type=type, scored=in_force.scored, window=window)
        np.testing.assert_allclose(score.dsr_score, np.nan if expected is None else expected, rtol=0, atol=1e-12)
        if expected is not None:
            parts = (score.r_init, score.g_init, score.r_fin, score.g_fin)
            assert sum(parts) / 8 + 0.5 == pytest.approx(expected, abs=1e-12)


@settings(IN_ITS_TIME, max_examples=30)
@given(st.integers(1, 2000))
def test_counts_are_shares_of_the_published_ones(n_frames):
    counts, published = FrameCounts.for_frames(n_frames), FrameCounts.published()
    for name, least in (("scored", 4), ("redundant", 0), ("run", 2), ("window", 1), ("gap", 0)):
        share = getattr(published, name) * n_frames / 81
        assert getattr(counts, name) == least or abs(getattr(counts, name) - share) <= 0.5 + 1e-9
