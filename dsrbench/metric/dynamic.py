"""Scores of two or more relations in time order: SpatialAlign, arXiv 2602.22745, and longer chains (an extension)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.geometry import ssr_scores
from dsrbench.metric.batch import Ints, ScoredFrames, assemble, count_uncertain, frame_counts, scored_frames
from dsrbench.metric.diagnosis import HOLDS, diagnose
from dsrbench.types import FrameCounts, Relation, Status, VideoScore, VideoTracks


def score_chains(
    tracks: Sequence[VideoTracks], relations: tuple[Relation, ...], counts: FrameCounts | None
) -> list[VideoScore]:
    """Score videos that were asked for the same two or more relations in time order.

    Args:
        tracks: Their tracks, few enough for the processor's cache; with depth where a relation needs it.
        relations: The relations.
        counts: Frame counts in force; None for those of each video.
    """
    lengths = np.array([len(t) for t in tracks], np.int64)
    ends = relations[0], relations[-1]
    frames, scored = scored_frames(tracks, relations)
    fewest, window = frame_counts(lengths, counts)
    a, b = frames.of(ends[0]), frames.of(ends[1])
    batch = assemble(frames, a, b, fewest, window)
    visited = _visited(tracks, frames, scored, relations, window)
    words = diagnose(frames, relations=relations, dsr_score=batch.dsr_score, visited=visited, window=window)
    sequences = np.full((2, len(scored)), np.nan)
    sequences[0, scored], sequences[1, scored] = a, b
    last = np.cumsum(lengths)
    doubts = count_uncertain(frames) if any(r.needs_depth for r in relations) else [None] * len(tracks)
    results = []
    rows = zip(
        batch.dsr_score.tolist(), batch.parts.tolist(), frames.count.tolist(), fewest.tolist(), words, strict=True
    )
    for i, (score, parts, n, least, word) in enumerate(rows):
        ssr = sequences[:, last[i] - lengths[i] : last[i]].copy()
        chain = bool(visited[i]) if len(relations) > 2 and word is not None else None
        if word is None:
            reason = f"too few scored frames: {n} of at least {least}"
            results.append(VideoScore(Status.INVALID, reason, ssr_initial=ssr[0], ssr_final=ssr[1], n_scored=n))
        else:
            r_init, g_init, r_fin, g_fin = parts
            results.append(
                VideoScore(
                    Status.SCORED,
                    dsr_score=score,
                    r_init=r_init,
                    g_init=g_init,
                    r_fin=r_fin,
                    g_fin=g_fin,
                    ssr_initial=ssr[0],
                    ssr_final=ssr[1],
                    n_scored=n,
                    visited=chain,
                    diagnosis=word,
                    uncertain_frames=doubts[i],
                )
            )
    return results


def _visited(
    tracks: Sequence[VideoTracks],
    frames: ScoredFrames,
    scored: NDArray[np.bool_],
    relations: tuple[Relation, ...],
    window: Ints,
) -> NDArray[np.bool_]:
    """Tell whether each video reaches its middle relations in order: an SSR score of `HOLDS` averaged over a window."""
    visited = np.ones(len(frames.count), bool)
    middle = relations[1:-1]
    if not middle:
        return visited
    subject, object_ = (np.concatenate([getattr(t, name) for t in tracks])[scored] for name in ("subject", "object"))
    for i, (start, count) in enumerate(zip(frames.start, frames.count, strict=True)):
        at = slice(start, start + count)
        position = 0
        for relation in middle:
            values = frames.of(relation)[at] if relation.needs_depth else ssr_scores(subject[at], object_[at], relation)
            ssr = np.nan_to_num(values, nan=-1.0)[position:]
            width = int(window[i])
            means = np.convolve(ssr, np.ones(width) / width, "valid") if len(ssr) >= width else np.empty(0)
            reached = np.flatnonzero(means >= HOLDS)
            if not len(reached):
                visited[i] = False
                break
            position += int(reached[0]) + 1
    return visited
