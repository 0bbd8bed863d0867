"""The arithmetic of the DSR-Score: the frames of many videos in one array, which `dsrbench.metric.dsr` gives it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.geometry import axis_score, ssr_axes
from dsrbench.metric.depth import front_scores, is_uncertain
from dsrbench.types import Floats, FrameCounts, Relation, VideoTracks
from dsrbench.types.tracks import DEPTH_COLUMNS

Ints = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class BatchScores:
    """Scores of N videos, a row a video; NaN where there are too few scored frames.

    Attributes:
        dsr_score: In [0, 1], `[N]`.
        parts: r_init, g_init, r_fin, g_fin, each in [-1, 1], `[N, 4]`.
        n_scored: Frames with a score, `[N]`.
    """

    dsr_score: Floats
    parts: Floats
    n_scored: Ints


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredFrames:
    """The scored frames of N videos, one after the other.

    Attributes:
        right: SSR score of "right" of the scored frames, `[M]`.
        down: SSR scores of "down", `[M]`.
        under: SSR scores of "under", `[M]`; empty unless a relation needs it.
        front: SSR scores of "in front of", `[M]`; empty unless a relation needs it.
        uncertain: Whether the order in depth is not certain, bool `[M]`; empty likewise.
        start: Index of each video's first scored frame, `[N]`.
        count: Scored frames of each video, `[N]`.
    """

    right: Floats
    down: Floats
    under: Floats
    front: Floats
    uncertain: NDArray[np.bool_]
    start: Ints
    count: Ints

    def of(self, relation: Relation) -> Floats:
        """SSR scores of one relation, `[M]`."""
        if relation.needs_depth:
            return self.front if relation is Relation.FRONT else -self.front
        return axis_score(relation, self.right, self.down, self.under)

    def mean(self, values: Floats) -> Floats:
        """Return each video's mean over its scored frames, `[N]`; NaN where it has none."""
        means = np.full(len(self.count), np.nan)
        some = self.count > 0
        if some.any():
            means[some] = np.add.reduceat(values, self.start[some]) / self.count[some]
        return means

    def spread(self, values: Floats) -> Floats:
        """Return each video's largest minus its smallest value, `[N]`; 0 where it has none."""
        spread = np.zeros(len(self.count))
        some = self.count > 0
        if some.any():
            start = self.start[some]
            spread[some] = np.maximum.reduceat(values, start) - np.minimum.reduceat(values, start)
        return spread

    def at(self, values: Floats, offset: int) -> Floats:
        """Return each video's value `offset` scored frames after its first (negative: before the one past its last)."""
        if not len(values):
            return np.full(len(self.count), np.nan)
        position = self.start + offset if offset >= 0 else self.start + self.count + offset
        # A video with too few frames reads a neighbour's value here, which its caller discards.
        return np.asarray(values.take(position, mode="clip"))

    def window(self, values: Floats, width: Ints, *, last: bool) -> Floats:
        """Return each video's mean over its first (or last) `width` scored frames; fewer where it has fewer."""
        width = np.minimum(width, self.count)
        total = np.zeros(len(width))
        for k in range(int(width.max(initial=0))):
            value = self.at(values, -1 - k if last else k)
            total += value if k < width.min() else np.where(k < width, value, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(total / np.where(width > 0, width, np.nan))


def scored_frames(
    tracks: Sequence[VideoTracks], relations: Sequence[Relation]
) -> tuple[ScoredFrames, NDArray[np.bool_]]:
    """Keep the frames in which the first and the last of some relations have a score.

    Args:
        tracks: Tracks of N videos with F frames in all.
        relations: Relations of all of them, in time order.

    Returns:
        Those frames, and which of the F frames they are, bool `[F]`.
    """
    lengths = np.array([len(t) for t in tracks], np.int64)
    subject, object_ = (np.concatenate([getattr(t, name) for t in tracks]) for name in ("subject", "object"))
    ends = relations[0], relations[-1]
    with_under = Relation.UNDER in ends
    right, down, under = ssr_axes(subject, object_, with_under=with_under)
    scored = ~np.isnan(under if with_under else right)
    front, uncertain = np.empty(0), np.empty(0, bool)
    if any(relation.needs_depth for relation in relations):
        depth = np.concatenate([_depth_of(t) for t in tracks])
        front, uncertain = front_scores(subject, object_, depth), is_uncertain(depth)
        if any(relation.needs_depth for relation in ends):
            scored &= ~np.isnan(front)
    start = np.cumsum(lengths) - lengths
    if scored.all():
        return ScoredFrames(right, down, under, front, uncertain, start, lengths), scored
    before = np.concatenate([[0], np.cumsum(scored)])
    count = before[start + lengths] - before[start]
    under, front = (values[scored] if len(values) else values for values in (under, front))
    uncertain = uncertain[scored] if len(uncertain) else uncertain
    return ScoredFrames(right[scored], down[scored], under, front, uncertain, before[start], count), scored


def count_uncertain(frames: ScoredFrames) -> list[int]:
    """Count each video's scored frames whose order in depth is not certain."""
    before = np.concatenate([[0], np.cumsum(frames.uncertain)])
    return [int(n) for n in before[frames.start + frames.count] - before[frames.start]]


def _depth_of(tracks: VideoTracks) -> Floats:
    return np.full((len(tracks), DEPTH_COLUMNS), np.nan) if tracks.depth is None else tracks.depth


def frame_counts(lengths: Ints, counts: FrameCounts | None) -> tuple[Ints, Ints]:
    """Fewest scored frames and window width of each video, `[N]` each."""
    if counts is not None:
        return np.full(len(lengths), counts.scored), np.full(len(lengths), counts.window)
    distinct, inverse = np.unique(lengths, return_inverse=True)
    each = [FrameCounts.for_frames(int(n)) for n in distinct]
    fewest, window = (np.array([getattr(c, name) for c in each], np.int64) for name in ("scored", "window"))
    return fewest[inverse], window[inverse]


def assemble(frames: ScoredFrames, a: Floats, b: Floats, fewest: Ints, window: Ints) -> BatchScores:
    """Return the score of each video from its SSR sequences: `(r_init + g_init + r_fin + g_fin) / 8 + 1/2`.

    Args:
        frames: The scored frames.
        a: SSR scores of the initial relation, `[M]`.
        b: SSR scores of the final relation, `[M]`.
        fewest: Fewest scored frames for a score, `[N]`.
        window: Frames averaged at either end, `[N]`.
    """
    parts = np.empty((len(frames.count), 4))
    parts[:, 0] = frames.window(a, window, last=False)
    parts[:, 1] = (frames.at(a, 0) - frames.at(a, -1)) / 2
    parts[:, 2] = frames.window(b, window, last=True)
    parts[:, 3] = (frames.at(b, -1) - frames.at(b, 0)) / 2
    parts[(frames.count < fewest) | (frames.count == 0)] = np.nan
    return BatchScores(parts.sum(axis=1) / 8 + 0.5, parts, frames.count)
