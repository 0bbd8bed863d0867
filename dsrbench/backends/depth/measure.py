"""Depth statistics of tracked entities, from the maps of an estimator or from boxes.

The statistics of an entity are the median over its mask, from a tracker that has masks, or else over the inner 60 % of
its box without the other's box; and the spread from the 10th to the 90th percentile, at least 2 % of the range of the
whole map. Where little is left without the other's
box, as for a cat in front of a sofa, the inner box counts as it is. Pixels that are no nearer than what lies beside the
box in the same row are left out, too: they are the ground that is seen between the legs of a table. An entity of which
little is left then, such as a picture on a wall, counts with all pixels.

An estimator gives each map up to scale and shift. A map is aligned to the one before by least squares on the
background, outside all boxes; what remains there is an error of the difference, beside the errors of the medians. The
medians of each entity are smoothed over five frames; smoothing maps would mix a moving entity with what it leaves
behind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import BoxDepthEstimator, DepthEstimator
from dsrbench.errors import BackendError
from dsrbench.types import Floats, VideoTracks
from dsrbench.types.tracks import DEPTH_COLUMNS

INNER = 0.6
"""Share of a box's sides that its inner part has."""

MIN_FREE = 0.2
"""Share of the inner part that must lie outside the other's box for the rest to be left out."""

MARGIN = 0.15
"""Width of what lies beside a box, at either side, as a share of its width."""

MIN_SOLID = 0.1
"""Share of the pixels that must be nearer than what lies beside the box for the others to be left out."""

MIN_SPREAD = 0.02
"""Smallest spread, as a share of a map's own range from the 5th to the 95th percentile."""

SMOOTHED = 5
"""Frames over which medians are smoothed."""

MAX_INDEPENDENT = 50
"""Largest number of pixels that count as independent in the error of a median; neighbours err alike."""

_ALIGNED = 2000
"""Background pixels that an alignment uses at most."""


def measure_depth(
    estimator: DepthEstimator | BoxDepthEstimator, tracks: Sequence[VideoTracks], chunks: Iterable[NDArray[np.uint8]]
) -> list[VideoTracks]:
    """Measure the depth of tracked entities.

    Args:
        estimator: Estimator of maps, whose video was started, or of boxes.
        tracks: Tracks of one video, of one or several claims.
        chunks: Frames of the video in order, uint8 `[B, H, W, 3]` each; not read for an estimator of boxes.

    Returns:
        The tracks with the depth of their boxes and of their draws.

    Raises:
        BackendError: The estimator gives other than a map per frame, or fewer frames come than the tracks have.
    """
    if isinstance(estimator, BoxDepthEstimator):
        return [_measure_boxes(estimator, each) for each in tracks]
    meter = _Meter(tracks)
    for frames in chunks:
        maps = np.asarray(estimator.estimate(frames))
        if maps.ndim != 3 or len(maps) != len(frames):
            raise BackendError(f"expected a depth map [h, w] per frame for {len(frames)} frames, got {maps.shape}")
        for depth_map in maps:
            meter.add(np.asarray(depth_map, np.float64))
    return meter.finish()


def _measure_boxes(estimator: BoxDepthEstimator, tracks: VideoTracks) -> VideoTracks:
    depth = estimator.estimate_boxes(tracks.subject, tracks.object, size=tracks.size)
    draws = tracks.draws
    if draws is not None:
        boxes = [np.asarray(part, np.float64) for part in (draws.subject, draws.object)]
        drawn = estimator.estimate_boxes(boxes[0], boxes[1], size=tracks.size)
        draws = dataclasses.replace(draws, depth=drawn.astype(np.float32))
    return dataclasses.replace(tracks, depth=depth, draws=draws)


class _Meter:
    """Measures the depth statistics of all tracks frame by frame."""

    def __init__(self, tracks: Sequence[VideoTracks]) -> None:
        self._tracks = tracks
        self._pairs = [_stack_pairs(each) for each in tracks]
        self._statistics = [np.full((*pairs.shape[:2], DEPTH_COLUMNS), np.nan) for pairs in self._pairs]
        self._previous: Floats | None = None
        self._frame = 0

    def _masks(self, tracks: VideoTracks, shape: tuple[int, ...]) -> list[NDArray[np.bool_] | None]:
        """Return the masks of subject and object at the size of the map; None where there is none."""
        if tracks.masks is None:
            return [None, None]
        width, height = tracks.size
        rows, columns = (
            ((np.arange(n) + 0.5) * side / n).astype(int) for n, side in zip(shape, (height, width), strict=True)
        )
        masks = [np.unpackbits(bits, count=width * height).reshape(height, width) for bits in tracks.masks[self._frame]]
        return [mask[np.ix_(rows, columns)].astype(bool) for mask in masks]

    def add(self, depth_map: Floats) -> None:
        """Measure the next frame in its map."""
        if self._frame >= len(self._tracks[0]):
            self._frame += 1
            return
        scale = np.array(depth_map.shape[::-1]) / np.maximum(self._tracks[0].size, 1)
        boxes = [pairs[:, self._frame] * np.tile(scale, 2) for pairs in self._pairs]
        residual = 0.0
        if self._previous is not None and self._previous.shape == depth_map.shape:
            background = ~_mark_boxes(depth_map.shape, np.concatenate([part[0] for part in boxes]))
            depth_map, residual = align_map(depth_map, self._previous, background)
        self._previous = depth_map
        low, high = np.quantile(depth_map, [0.05, 0.95])
        for tracks, statistics, pairs in zip(self._tracks, self._statistics, boxes, strict=True):
            least = MIN_SPREAD * (high - low)
            distinct, index = np.unique(pairs.reshape(len(pairs), -1), axis=0, return_inverse=True)
            values = [_measure_pair(depth_map, pair.reshape(2, 4), least) for pair in distinct]
            statistics[:, self._frame] = np.array(values)[index.reshape(-1)]
            if tracks.masks is not None:
                masks = self._masks(tracks, depth_map.shape)
                statistics[0, self._frame] = _measure_pair(depth_map, pairs[0], least, masks)
            statistics[:, self._frame, 4] = np.hypot(statistics[:, self._frame, 4], residual)
        self._frame += 1

    def finish(self) -> list[VideoTracks]:
        """Return the tracks with their depth."""
        if self._frame != len(self._tracks[0]):
            raise BackendError(f"expected depth of {len(self._tracks[0])} frames, got it of {self._frame}")
        finished = []
        for tracks, statistics in zip(self._tracks, self._statistics, strict=True):
            smoothed = smooth_medians(statistics)
            draws = tracks.draws
            if draws is not None:
                draws = dataclasses.replace(draws, depth=smoothed[1:].astype(np.float32))
            finished.append(dataclasses.replace(tracks, depth=smoothed[0], draws=draws))
        return finished


def _stack_pairs(tracks: VideoTracks) -> Floats:
    """Return the boxes of both entities, those of the tracks before those of each draw, `[1 + N, T, 2, 4]`."""
    pairs = [np.stack([tracks.subject, tracks.object], axis=1)[None]]
    if tracks.draws is not None:
        pairs.append(np.stack([tracks.draws.subject, tracks.draws.object], axis=2).astype(np.float64))
    return np.concatenate(pairs)


def _mark_boxes(shape: tuple[int, ...], boxes: Floats) -> NDArray[np.bool_]:
    """Return a mask `[h, w]` of all pixels in boxes; absent ones have none."""
    mask = np.zeros(shape, bool)
    for box in boxes[~np.isnan(boxes[:, 0])]:
        mask[_pixels(box, shape)] = True
    return mask


def _pixels(box: Floats, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the pixels of a box as row and column slices, at least one each."""
    sides = []
    for low, high, most in ((box[1], box[3], shape[0]), (box[0], box[2], shape[1])):
        first = min(max(int(np.floor(low + 0.5)), 0), most - 1)
        sides.append(slice(first, max(first + 1, min(int(np.floor(high + 0.5)), most))))
    return sides[0], sides[1]


def align_map(depth_map: Floats, previous: Floats, background: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Align a map to the previous one by the scale and the shift that fit the background best.

    Returns:
        The aligned map, and the root mean square of what remains of the background; the map as it is, and 0, where
        there is too little background or it does not resemble the previous one.
    """
    index = np.flatnonzero(background)
    if len(index) < 10:
        return depth_map, 0.0
    index = index[:: max(1, len(index) // _ALIGNED)]
    x, y = depth_map.ravel()[index], previous.ravel()[index]
    spread = x - x.mean()
    variance = float(spread @ spread)
    scale = float(spread @ (y - y.mean())) / variance if variance > 0 else 0.0
    if scale <= 0:
        return depth_map, 0.0
    shift = float(y.mean() - scale * x.mean())
    residual = float(np.sqrt(np.mean((scale * x + shift - y) ** 2)))
    return scale * depth_map + shift, residual


def _measure_pair(
    depth_map: Floats, pair: Floats, least: float, masks: Sequence[NDArray[np.bool_] | None] = (None, None)
) -> Floats:
    """Return the statistics of two boxes `[2, 4]` in map pixels; NaN where one is absent.

    Args:
        depth_map: The map `[h, w]`.
        pair: The boxes.
        least: Smallest spread.
        masks: Masks `[h, w]` of both; None, or one that is empty at the size of the map, leaves the box.
    """
    statistics = np.full(DEPTH_COLUMNS, np.nan)
    if np.isnan(pair).any():
        return statistics
    errors = []
    for i in range(2):
        mask = masks[i]
        if mask is not None and mask.any():
            values = np.sort(depth_map[mask])
        else:
            values = np.sort(_inner_values(depth_map, pair[i], pair[1 - i], least / 2))
        half = 0.5 / np.sqrt(min(len(values), MAX_INDEPENDENT))
        levels = [0.5, 0.1, 0.9, 0.5 - half, 0.5 + half]
        median, low, high, below, above = np.quantile(values, levels)
        statistics[i], statistics[2 + i] = median, max(high - low, least, 1e-12)
        errors.append((above - below) / 2)
    statistics[4] = np.hypot(errors[0], errors[1])
    return statistics


def _inner_values(depth_map: Floats, box: Floats, other: Floats, step: float) -> Floats:
    """Return the depths in the inner part of a box, without the other box and without what is seen through it.

    Args:
        depth_map: The map `[h, w]`; larger is nearer.
        box: The box, in pixels of the map.
        other: The box of the other entity.
        step: Smallest difference that counts as nearer.
    """
    centre, half = (box[:2] + box[2:]) / 2, INNER / 2 * (box[2:] - box[:2])
    rows, columns = _pixels(np.concatenate([centre - half, centre + half]), depth_map.shape)
    values = depth_map[rows, columns]
    is_free = ~_covers(other, rows, columns, depth_map.shape)
    if is_free.mean() < MIN_FREE:
        is_free[:] = True
    is_solid = is_free & (values > _find_beside(depth_map, box, other, rows)[:, None] + step)
    return values[is_solid if is_solid.sum() >= MIN_SOLID * is_free.sum() else is_free]


def _find_beside(depth_map: Floats, box: Floats, other: Floats, rows: slice) -> Floats:
    """Return the depth of what is farthest beside a box in each row, `[len(rows)]`; -inf where nothing is known."""
    whole = _pixels(box, depth_map.shape)[1]
    width = max(1, round(MARGIN * (whole.stop - whole.start)))
    sides = slice(max(0, whole.start - width), whole.start), slice(whole.stop, whole.stop + width)
    farthest = np.full(rows.stop - rows.start, np.inf)
    for side in sides:
        values = depth_map[rows, side]
        hidden = _covers(other, rows, slice(side.start, side.start + values.shape[1]), depth_map.shape)
        farthest = np.minimum(farthest, np.where(hidden, np.inf, values).min(axis=1, initial=np.inf))
    return np.where(np.isinf(farthest), -np.inf, farthest)


def _covers(box: Floats, rows: slice, columns: slice, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Tell which pixels of a part of the map are in a box, `[len(rows), len(columns)]`."""
    of_box = _pixels(box, shape)
    inside = [
        (at.start <= (places := np.arange(part.start, part.stop))) & (places < at.stop)
        for at, part in zip(of_box, (rows, columns), strict=True)
    ]
    return np.asarray(inside[0][:, None] & inside[1])


def smooth_medians(statistics: Floats) -> Floats:
    """Return statistics `[N, T, 5]` with the medians of each entity smoothed over `SMOOTHED` frames."""
    smoothed, reach = statistics.copy(), SMOOTHED // 2
    n_frames = statistics.shape[1]
    for t in range(n_frames):
        window = statistics[:, max(0, t - reach) : t + reach + 1, :2]
        is_known = ~np.isnan(statistics[:, t, 0])
        smoothed[is_known, t, :2] = np.nanmedian(window[is_known], axis=1)
    return smoothed
