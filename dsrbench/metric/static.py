"""Score of one relation that should hold throughout a video (an extension).

With m the mean SSR score over the scored frames, the score is `(m + 1) / 2`: it passes at 0.7, where m is 0.4, as the
score of two relations does with four parts of 0.4.

The diagnosis is the first rule that fits: `correct` at a score of 0.7; `reversed` where m is at most -0.4, so that the
opposite holds; `partial` where the relation holds in at least one window; `other`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dsrbench.metric.batch import count_uncertain, frame_counts, scored_frames
from dsrbench.metric.diagnosis import HOLDS
from dsrbench.types import (
    HEADLINE_THRESHOLD,
    Diagnosis,
    Floats,
    FrameCounts,
    Relation,
    Status,
    VideoScore,
    VideoTracks,
)


def score_throughout(tracks: Sequence[VideoTracks], relation: Relation, counts: FrameCounts | None) -> list[VideoScore]:
    """Score videos in which the same relation should hold throughout.

    Args:
        tracks: Their tracks; with depth where the relation needs it.
        relation: The relation.
        counts: Frame counts in force; None for those of each video.
    """
    lengths = np.array([len(t) for t in tracks], np.int64)
    frames, scored = scored_frames(tracks, [relation])
    fewest, window = frame_counts(lengths, counts)
    ssr = frames.of(relation)
    sequence = np.full(len(scored), np.nan)
    sequence[scored] = ssr
    means, held = frames.mean(ssr), frames.mean(np.asarray(ssr > 0, np.float64))
    doubts = count_uncertain(frames) if relation.needs_depth else [None] * len(tracks)
    scores = []
    ends = np.cumsum(lengths)
    for i, (first, n, least) in enumerate(zip(frames.start, frames.count.tolist(), fewest.tolist(), strict=True)):
        values = sequence[ends[i] - lengths[i] : ends[i]].copy()
        if n < least or n == 0:
            reason = f"too few scored frames: {n} of at least {least}"
            scores.append(VideoScore(Status.INVALID, reason, ssr_initial=values, n_scored=n))
            continue
        windows = window_means(ssr[first : first + n], int(window[i]))
        score = (float(means[i]) + 1) / 2
        scores.append(
            VideoScore(
                Status.SCORED,
                dsr_score=score,
                ssr_initial=values,
                n_scored=n,
                diagnosis=_diagnose(score, windows),
                held=float(held[i]),
                worst=float(windows.min()),
                uncertain_frames=doubts[i],
            )
        )
    return scores


def window_means(values: Floats, width: int) -> Floats:
    """Return the mean of every window of consecutive values, of all values where there are fewer.

    >>> window_means(np.array([0.0, 1, 2, 3]), 3)
    array([1., 2.])
    """
    width = min(width, len(values))
    total = np.cumsum(np.concatenate([[0.0], values]))
    return np.asarray((total[width:] - total[:-width]) / width)


def _diagnose(score: float, windows: Floats) -> Diagnosis:
    if score >= HEADLINE_THRESHOLD:
        return Diagnosis.CORRECT
    if score <= 1 - HEADLINE_THRESHOLD:
        return Diagnosis.REVERSED
    return Diagnosis.PARTIAL if windows.max() >= HOLDS else Diagnosis.OTHER
