"""The certainty of a decision: how many of the tracks that a tracker finds probable would have passed, too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from dsrbench.metric.claims import read_claims
from dsrbench.metric.depth import shift_depth
from dsrbench.metric.dsr import combine_claims, score_many, tracks_of_claims
from dsrbench.types import (
    HEADLINE_THRESHOLD,
    Certainty,
    Floats,
    FrameCounts,
    Prompt,
    Relation,
    Status,
    VideoScore,
    VideoTracks,
)

SCORE_ERROR = 0.02
"""Standard deviation of a score whose tracks are right, from the edges of their boxes (see benchmark/reference)."""

_NORMAL = np.array([-1.645, -1.036, -0.674, -0.385, -0.126, 0.126, 0.385, 0.674, 1.036, 1.645])
"""Quantiles 0.05, 0.15 .. 0.95 of the standard normal distribution."""

_GOLDEN = (math.sqrt(5) - 1) / 2
"""Step between the levels of successive draws, modulo 1, which spreads them evenly."""


def measure_certainty(
    tracks: VideoTracks, prompt: Prompt | str | Sequence[Relation], *, counts: FrameCounts | None = None
) -> Certainty | None:
    """Measure how certain the decision at the headline threshold is.

    Every drawn track is scored; each score has a normal error of `SCORE_ERROR`. A draw that cannot be scored, or does
    not visit a chain's middle relations, does not pass.

    Args:
        tracks: Tracks of a video with `draws`, for each claim.
        prompt: The prompt, its text, or codes.
        counts: Frame counts in force; by default those of the video's length.

    Returns:
        The certainty; None without draws, or where no draw can be scored.

    Raises:
        PromptError: Unknown codes, or a text that cannot be read.
        InputError: There are fewer or more tracks than claims.
    """
    scores = score_draws(tracks, prompt, counts=counts)
    return certainty_of_scores(scores) if scores else None


def certainty_of_scores(scores: Sequence[VideoScore], *, error: float = SCORE_ERROR) -> Certainty | None:
    """Measure certainty from the scores of drawn tracks.

    Args:
        scores: Score of each draw.
        error: Standard deviation of a score whose tracks are right, above 0.

    Returns:
        The certainty; None where no draw can be scored.
    """
    values = np.array([score.dsr_score for score in scores if score.status is Status.SCORED])
    if not len(values):
        return None
    visited = np.array([score.visited is not False for score in scores if score.status is Status.SCORED])
    above = [0.5 * (1 + math.erf(z / math.sqrt(2))) for z in (values - HEADLINE_THRESHOLD) / error]
    low, high = np.quantile(np.clip(values[:, None] + error * _NORMAL, 0, 1), [0.05, 0.95])
    return Certainty(float(np.sum(visited * above) / len(scores)), float(low), float(high))


def score_draws(
    tracks: VideoTracks, prompt: Prompt | str | Sequence[Relation], *, counts: FrameCounts | None = None
) -> list[VideoScore]:
    """Score the drawn tracks of a video, in their order.

    The draws of several claims are independent and are combined by their index, as many as every claim has. Where a
    relation needs depth, the difference in depth has a normal error, which is the same in all frames of a draw.

    Returns:
        A score per draw; empty where a claim has no draws.

    Raises:
        PromptError: Unknown codes, or a text that cannot be read.
        InputError: There are fewer or more tracks than claims.
    """
    claims = read_claims(prompt)
    parts = tracks_of_claims(tracks, len(claims))
    by_claim = []
    for claim, part in zip(claims, parts, strict=True):
        drawn = _unstack(part)
        by_claim.append(score_many(drawn, [claim] * len(drawn), counts=counts))
    return [combine_claims(scores) for scores in zip(*by_claim, strict=False)]


def _unstack(tracks: VideoTracks) -> list[VideoTracks]:
    """Return the draws of tracks as tracks of their own."""
    draws = tracks.draws
    if draws is None:
        return []
    subject, object_ = (np.asarray(boxes, np.float64) for boxes in (draws.subject, draws.object))
    depth = None if draws.depth is None else shift_depth(draws.depth, _spread_normally(len(draws))[:, None])
    return [
        VideoTracks(subject[i], object_[i], depth=None if depth is None else depth[i], camera=tracks.camera)
        for i in range(len(draws))
    ]


def _spread_normally(n: int) -> Floats:
    """Return n quantiles of the standard normal distribution, in an order without a trend."""
    levels = (np.arange(1, n + 1) * _GOLDEN) % 1
    ranks = np.argsort(np.argsort(levels))
    return np.array([NormalDist().inv_cdf((rank + 0.5) / n) for rank in ranks.tolist()])
