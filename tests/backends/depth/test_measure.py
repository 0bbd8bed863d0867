"""Depth statistics of boxes: medians, spreads and errors, alignment of the maps, smoothing, and draws."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dsrbench.backends.base import DepthEstimator
from dsrbench.backends.depth.ground_contact import GroundContact
from dsrbench.backends.depth.measure import align_map, measure_depth, smooth_medians
from dsrbench.errors import BackendError, BoxError
from dsrbench.metric import measure_certainty, score_tracks
from dsrbench.types import TrackDraws, VideoTracks

SIZE = (60, 40)
LEFT, RIGHT = [5.0, 10, 25, 30], [35.0, 10, 55, 30]


class Maps(DepthEstimator):
    """Gives the maps it was made with, in turn."""

    def __init__(self, maps):
        self.maps, self.next = np.asarray(maps, np.float32), 0

    def estimate(self, frames):
        self.next += len(frames)
        return self.maps[self.next - len(frames) : self.next]


def frames(n, per_chunk=4):
    return [np.zeros((min(per_chunk, n - i), SIZE[1], SIZE[0], 3), np.uint8) for i in range(0, n, per_chunk)]


def scene(subject_depth, object_depth, *, subject=LEFT, object=RIGHT, slope=0.0):
    """A background that is nearer below, and two boxes, the nearer drawn last."""
    rows = np.linspace(0, 1, SIZE[1])[:, None] + slope * np.linspace(0, 1, SIZE[0])[None]
    picture = np.broadcast_to(rows, (SIZE[1], SIZE[0])).copy()
    for depth, box in sorted([(subject_depth, subject), (object_depth, object)], key=lambda pair: pair[0]):
        x0, y0, x1, y1 = map(int, box)
        picture[y0:y1, x0:x1] = depth
    return picture


def tracks_of(n, subject=LEFT, object=RIGHT, **more):
    return VideoTracks(np.tile(subject, (n, 1)), np.tile(object, (n, 1)), SIZE, 8.0, **more)


def measure(maps, tracks):
    return measure_depth(Maps(maps), [tracks], frames(len(tracks)))[0]


def test_medians_and_spreads():
    depth = measure([scene(3, 2)] * 8, tracks_of(8)).depth
    assert depth[:, :2] == pytest.approx(np.tile([3, 2], (8, 1)))
    # flat boxes have the least spread, a share of the map's range
    assert depth[:, 2:4] == pytest.approx(np.full((8, 2), 0.02 * (3 - np.quantile(scene(3, 2), 0.05))), rel=0.1)
    assert depth[:, 4] == pytest.approx(np.zeros(8), abs=1e-9)


def test_a_sloping_box_has_a_spread_and_an_error():
    picture = scene(3, 2)
    picture[10:30, 5:25] = np.linspace(2, 4, 20)[None]
    depth = measure([picture] * 8, tracks_of(8)).depth
    # the inner 60 % of the box, between its 10th and its 90th percentile
    assert depth[0, 2] == pytest.approx(2 * 0.6 * 0.8, rel=0.1)
    assert 0.02 < depth[0, 4] < 0.2


OVERLAPS = [
    # subject, object, nearer: which depths come out
    ([5.0, 10, 25, 30], [20.0, 10, 40, 30], (3, 2)),
    ([5.0, 10, 25, 30], [20.0, 10, 40, 30], (2, 3)),
    # a small subject all in front of a large object
    ([25.0, 15, 35, 25], [5.0, 5, 55, 35], (3, 2)),
]


@pytest.mark.parametrize(("subject", "object", "depths"), OVERLAPS)
def test_boxes_that_overlap(subject, object, depths):
    tracks = tracks_of(8, subject, object)
    depth = measure([scene(*depths, subject=subject, object=object)] * 8, tracks).depth
    assert depth[0, :2] == pytest.approx(depths)


def test_the_ground_between_legs_is_left_out():
    picture = scene(1, 3)
    rows = np.linspace(0, 1, SIZE[1])
    picture[16:30, 8:22] = rows[16:30, None]  # a table: the ground behind it is most of its box
    depth = measure([picture] * 8, tracks_of(8)).depth
    assert depth[:, :2] == pytest.approx(np.tile([1, 3], (8, 1)))
    beside = picture.copy()
    beside[:, 26:28] = 1.5  # a pole that stands nearer at one side of the table hides nothing of it
    assert measure([beside] * 8, tracks_of(8)).depth[0, 0] == pytest.approx(1)


def test_what_is_as_far_as_its_surroundings_counts_whole():
    picture = scene(3, 2)
    picture[10:30, 0:30] = 0.5  # a picture on a wall
    assert measure([picture] * 8, tracks_of(8)).depth[:, 0] == pytest.approx(np.full(8, 0.5))


def with_masks(tracks, *areas):
    """Tracks with masks that are boxes of their own."""
    masks = np.zeros((2, SIZE[1], SIZE[0]), np.uint8)
    for mask, (x0, y0, x1, y1) in zip(masks, areas, strict=True):
        mask[y0:y1, x0:x1] = 1
    bits = np.packbits(masks.reshape(2, -1), axis=1)
    return dataclasses.replace(tracks, masks=np.tile(bits, (len(tracks), 1, 1)))


def test_masks_count_in_the_place_of_boxes():
    picture = scene(3, 2)
    picture[10:14, 5:25] = 7  # what the mask has, in a box of something else
    tracks = with_masks(tracks_of(8), (5, 10, 25, 14), (35, 10, 55, 30))
    assert measure([picture] * 8, tracks).depth[:, :2] == pytest.approx(np.tile([7, 2], (8, 1)))
    assert measure([picture] * 8, tracks_of(8)).depth[0, 0] == pytest.approx(3)
    assert measure([picture[::2, ::2]] * 8, tracks).depth[:, 0] == pytest.approx(np.full(8, 7))
    # a mask of one row vanishes from a map of a quarter of the size: then its box counts
    thin = with_masks(tracks_of(8), (5, 11, 25, 12), (35, 10, 55, 30))
    assert measure([picture[::4, ::4]] * 8, thin).depth[0, 0] == pytest.approx(3)


def test_masks_of_another_size():
    with pytest.raises(BoxError, match=r"masks must be uint8 \[8, 2, 300\], got uint8 \[8, 2, 5\]"):
        dataclasses.replace(tracks_of(8), masks=np.zeros((8, 2, 5), np.uint8))


def test_a_box_as_wide_as_the_frame():
    wide = [0.0, 10, 60, 30]
    depth = measure([scene(3, 2, subject=wide)] * 8, tracks_of(8, wide)).depth
    assert np.isfinite(depth).all()


def test_maps_of_another_resolution():
    small = [scene(3, 2)[::2, ::2]] * 8
    assert measure(small, tracks_of(8)).depth[:, :2] == pytest.approx(np.tile([3, 2], (8, 1)))


def test_scale_and_shift_of_each_map_do_not_matter():
    rng = np.random.default_rng(0)
    maps = [scene(3, 2 + t / 10) for t in range(8)]
    changed = [rng.uniform(0.2, 5) * picture + rng.uniform(-3, 3) for picture in maps]
    plain, other = measure(maps, tracks_of(8)), measure(changed, tracks_of(8))
    assert score_tracks(other, "F").ssr_initial == pytest.approx(score_tracks(plain, "F").ssr_initial)
    assert score_tracks(other, "FB").dsr_score == pytest.approx(score_tracks(plain, "FB").dsr_score)


def test_what_remains_of_the_background_is_an_error():
    rng = np.random.default_rng(0)
    noisy = [scene(3, 2) + rng.normal(0, 0.1, (SIZE[1], SIZE[0])) for _ in range(8)]
    depth = measure(noisy, tracks_of(8)).depth
    assert (depth[1:, 4] > 0.05).all()


def test_alignment_without_a_background():
    picture = scene(3, 2)
    aligned, residual = align_map(picture, picture * 2, np.zeros(picture.shape, bool))
    assert (aligned is picture, residual) == (True, 0.0)
    upside_down, residual = align_map(picture, -picture, np.ones(picture.shape, bool))
    assert (upside_down is picture, residual) == (True, 0.0)


def test_mirrored_maps_give_the_same_score():
    subject, object = [5.0, 10, 25, 30], [18.0, 12, 50, 36]
    picture = scene(3, 2, subject=subject, object=object, slope=0.3)
    plain = measure([picture] * 8, tracks_of(8, subject, object))
    turned = [[SIZE[0] - box[2], box[1], SIZE[0] - box[0], box[3]] for box in (subject, object)]
    mirrored = measure([picture[:, ::-1]] * 8, tracks_of(8, *turned))
    assert mirrored.depth == pytest.approx(plain.depth)
    assert score_tracks(mirrored, "F").dsr_score == pytest.approx(score_tracks(plain, "F").dsr_score)


def test_absent_boxes_and_boxes_at_the_edge():
    tracks = tracks_of(8, [55.0, 35, 60, 40])
    subject = tracks.subject.copy()
    subject[2:4] = np.nan
    depth = measure([scene(3, 2)] * 8, dataclasses.replace(tracks, subject=subject, subject_state=None)).depth
    assert np.isnan(depth[2:4]).all()
    assert np.isfinite(depth[[0, 1, 4, 7]]).all()


def test_smoothing_takes_single_frames_out():
    statistics = np.zeros((1, 9, 5))
    statistics[0, 4, 0] = 100
    statistics[0, 6] = np.nan
    smoothed = smooth_medians(statistics)
    assert smoothed[0, :, 0].tolist()[:6] == [0] * 6
    assert np.isnan(smoothed[0, 6]).all()


def test_draws_have_depth_of_their_own_boxes():
    plain = tracks_of(20)
    drawn = [np.stack([boxes] * 2).astype(np.float32) for boxes in (plain.subject, plain.object)]
    drawn[0][1] = [25, 0, 33, 8]
    tracks = dataclasses.replace(plain, draws=TrackDraws(*drawn))
    measured = measure([scene(3, 2)] * 20, tracks)
    assert measured.draws.depth[0] == pytest.approx(measured.depth, abs=1e-6)
    assert (measured.draws.depth[1, :, 0] < 1).all()
    assert measure_certainty(measured, "F").p_pass == pytest.approx(0.5, abs=0.01)


def test_several_claims_at_once():
    first, second = tracks_of(8), tracks_of(8, RIGHT, LEFT)
    measured = measure_depth(Maps([scene(3, 2)] * 8), [first, second], frames(8))
    assert measured[0].depth[:, 0] == pytest.approx(measured[1].depth[:, 1])


WRONG = [
    (np.zeros((8, 40)), "expected a depth map"),
    (np.zeros((3, 40, 60)), "expected a depth map"),
]


@pytest.mark.parametrize(("maps", "message"), WRONG)
def test_wrong_maps(maps, message):
    with pytest.raises(BackendError, match=message):
        measure(maps, tracks_of(8))


def test_frames_that_do_not_come():
    with pytest.raises(BackendError, match="expected depth of 8 frames, got it of 4"):
        measure_depth(Maps([scene(3, 2)] * 8), [tracks_of(8)], frames(4))


GROUND = [
    # subject, object, order: 1 in front, -1 behind, 0 not told
    ([5.0, 18, 25, 38], [35.0, 10, 55, 30], 1),
    ([35.0, 10, 55, 30], [5.0, 18, 25, 38], -1),
    # on top of the object
    ([38.0, 2, 48, 14], [35.0, 10, 55, 30], 0),
    # cut off by the lower border
    ([5.0, 18, 25, 40], [35.0, 10, 55, 30], 0),
    # above any horizon
    ([5.0, 2, 25, 10], [35.0, 10, 55, 30], 0),
]


@pytest.mark.parametrize(("subject", "object", "order"), GROUND)
def test_ground_contact(subject, object, order):
    tracks = measure_depth(GroundContact(), [tracks_of(20, subject, object)], [])[0]
    score = score_tracks(tracks, "F")
    assert np.sign(score.dsr_score - 0.5) == order if order else score.reason.startswith("too few scored frames")


def test_ground_contact_of_draws():
    plain = tracks_of(20, [5.0, 18, 25, 38])
    drawn = [boxes[None].astype(np.float32) for boxes in (plain.subject, plain.object)]
    tracks = dataclasses.replace(plain, draws=TrackDraws(*drawn))
    measured = measure_depth(GroundContact(), [tracks], [])[0]
    assert measured.draws.depth[0] == pytest.approx(measured.depth, abs=1e-6)
