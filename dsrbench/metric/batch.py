"""The arithmetic of the DSR-Score: the frames of many videos in one array, which `dsrbench.metric.dsr` gives it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.geometry import axis_score, ssr_axes
from dsrbench.types import Floats, FrameCounts, Relation

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
        start: Index of each video's first scored frame, `[N]`.
        count: Scored frames of each video, `[N]`.
    """

    right: Floats
    down: Floats
    under: Floats
    start: Ints
    count: Ints

    def of(self, relation: Relation) -> Floats:
        """SSR scores of one relation, `[M]`."""
        return axis_score(relation, self.right, self.down, self.under)

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
    subject: Floats, object: Floats, lengths: Ints, relations: Sequence[Relation]
) -> tuple[ScoredFrames, NDArray[np.bool_]]:
    """Keep the frames in which every relation of `relations` has a score.

    Returns:
        Those frames, and which of the F frames they are, bool `[F]`.
    """
    with_under = Relation.UNDER in relations
    right, down, under = ssr_axes(subject, object, with_under=with_under)
    scored = ~np.isnan(under if with_under else right)
    start = np.cumsum(lengths) - lengths
    if scored.all():
        return ScoredFrames(right, down, under, start, lengths), scored
    before = np.concatenate([[0], np.cumsum(scored)])
    count = before[start + lengths] - before[start]
    under = under[scored] if with_under else under
    return ScoredFrames(right[scored], down[scored], under, before[start], count), scored


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
