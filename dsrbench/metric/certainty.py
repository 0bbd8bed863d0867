"""The certainty of a decision: how many of the tracks that a tracker finds probable would have passed, too."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dsrbench.metric.dsr import score_many
from dsrbench.types import (
    HEADLINE_THRESHOLD,
    Certainty,
    FrameCounts,
    Prompt,
    Relation,
    Status,
    TrackDraws,
    VideoScore,
    VideoTracks,
)

SCORE_ERROR = 0.02
"""Standard deviation of a score whose tracks are right, from the edges of their boxes (see benchmark/reference)."""

_NORMAL = np.array([-1.645, -1.036, -0.674, -0.385, -0.126, 0.126, 0.385, 0.674, 1.036, 1.645])
"""Quantiles 0.05, 0.15 .. 0.95 of the standard normal distribution."""


def measure_certainty(
    tracks: VideoTracks, prompt: Prompt | str | Sequence[Relation], *, counts: FrameCounts | None = None
) -> Certainty | None:
    """Measure how certain the decision at the headline threshold is.

    Every drawn track is scored; each score has a normal error of `SCORE_ERROR`. A draw that cannot be scored, or does
    not visit a chain's middle relations, does not pass.

    Args:
        tracks: Tracks of a video with `draws`.
        prompt: The prompt, its text, or relation codes.
        counts: Frame counts in force; by default those of the video's length.

    Returns:
        The certainty; None without draws, or where no draw can be scored.

    Raises:
        PromptError: Unknown relation codes, or a text without relations.
    """
    if tracks.draws is None or not len(tracks.draws):
        return None
    return certainty_of_scores(score_draws(tracks.draws, prompt, counts=counts))


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
    draws: TrackDraws, prompt: Prompt | str | Sequence[Relation], *, counts: FrameCounts | None = None
) -> list[VideoScore]:
    """Score each pair of drawn tracks, in their order.

    Raises:
        PromptError: Unknown relation codes, or a text without relations.
    """
    return score_many(_unstack(draws), [prompt] * len(draws), counts=counts)


def _unstack(draws: TrackDraws) -> list[VideoTracks]:
    subject, object_ = (np.asarray(boxes, np.float64) for boxes in (draws.subject, draws.object))
    return [VideoTracks(subject[i], object_[i]) for i in range(len(draws))]
