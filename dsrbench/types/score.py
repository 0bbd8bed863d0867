"""The values of a score: status, diagnosis, certainty, and the DSR-Score with its parts."""

from __future__ import annotations

import dataclasses
import enum
import math

import numpy as np

from dsrbench.boxes import Floats

HEADLINE_THRESHOLD = 0.7
"""DSR-Score from which a video counts as correct in the headline figure (arXiv 2602.22745)."""

CERTAIN = 0.9
"""Probability of being right from which a decision counts as certain."""

THRESHOLDS = tuple(i / 10 for i in range(10))
"""Thresholds that Accuracy@t is given at, as the authors' scripts print it."""


class Status(enum.StrEnum):
    """The outcome of scoring a sample."""

    SCORED = "scored"
    INVALID = "invalid"
    FAILED = "failed"


class Diagnosis(enum.StrEnum):
    """Diagnosis of a scored video, in a word; the rules are in `dsrbench.metric.diagnosis`."""

    CORRECT = "correct"
    STATIC = "static"
    REVERSED = "reversed"
    WRONG_START = "wrong_start"
    WRONG_END = "wrong_end"
    PARTIAL = "partial"
    OTHER = "other"


@dataclasses.dataclass(frozen=True)
class Certainty:
    """The certainty of a score, from other tracks that the tracker finds probable (an extension).

    Attributes:
        p_pass: Probability that the video passes the headline threshold, in 0..1.
        low: Lower end of the 90 % interval of the DSR-Score.
        high: Upper end of it.
    """

    p_pass: float
    low: float
    high: float

    def of_decision(self, passes: bool) -> float:
        """Return the probability that a decision is right, in 0..1: below 0.5 where most draws decide otherwise."""
        return self.p_pass if passes else 1 - self.p_pass


@dataclasses.dataclass(frozen=True, eq=False)
class VideoScore:
    """The DSR-Score of one video, with its parts.

    A claim of one relation throughout, or of a motion, has no parts; `ssr_initial` then has its values and `ssr_final`
    is empty. The score of several claims is that of the claim with the lowest one.

    Attributes:
        status: `scored`, `invalid` (no score can be given) or `failed` (no such video, unreadable, crashed).
        reason: Reason why there is no score; empty where there is one.
        dsr_score: In [0, 1]; NaN unless scored, never 0 or -100 in its place.
        r_init: Mean SSR score of the initial relation over the first window, in [-1, 1].
        g_init: Half of how far the initial relation's SSR score falls from first to last frame, in [-1, 1].
        r_fin: Mean SSR score of the final relation over the last window, in [-1, 1].
        g_fin: Half of how far the final relation's SSR score rises, in [-1, 1].
        ssr_initial: SSR scores of the initial relation, float64 `[T]`, NaN in frames that are not scored; of a motion,
            how far the subject has gone in its direction, in [-1, 1].
        ssr_final: SSR scores of the final relation, likewise; empty where there is none.
        n_scored: Frames with a score.
        visited: For chains of three or more: whether each middle relation was reached, in order; else None.
        diagnosis: Diagnosis of the video; None unless scored.
        certainty: Certainty of the decision at the headline threshold; None unless scored from tracks with draws.
        held: Share of scored frames in which the one relation throughout has an SSR score above 0; NaN for others.
        worst: Lowest SSR score of the one relation throughout, averaged over a window, in [-1, 1]; NaN for others.
        uncertain_frames: Scored frames whose depth order is not certain at 90 %; None where no relation needs depth.
        compensated: Whether the motion of the camera was removed from that of the subject; None for relations.
        clauses: Score of each claim where there are several; else empty.
    """

    status: Status
    reason: str = ""
    dsr_score: float = math.nan
    r_init: float = math.nan
    g_init: float = math.nan
    r_fin: float = math.nan
    g_fin: float = math.nan
    ssr_initial: Floats = dataclasses.field(default_factory=lambda: np.empty(0), repr=False)
    ssr_final: Floats = dataclasses.field(default_factory=lambda: np.empty(0), repr=False)
    n_scored: int = 0
    visited: bool | None = None
    diagnosis: Diagnosis | None = None
    certainty: Certainty | None = None
    held: float = math.nan
    worst: float = math.nan
    uncertain_frames: int | None = None
    compensated: bool | None = None
    clauses: tuple[VideoScore, ...] = ()

    @classmethod
    def invalid(cls, reason: str, n_scored: int = 0) -> VideoScore:
        """Return a video that was read but cannot be scored."""
        return cls(Status.INVALID, reason, n_scored=n_scored)

    @classmethod
    def failed(cls, reason: str) -> VideoScore:
        """Return a video that could not be read, or whose processing crashed."""
        return cls(Status.FAILED, reason)

    @property
    def decision_certainty(self) -> float | None:
        """Probability that the decision at the headline threshold is right, in 0..1; None where it is not known."""
        return None if self.certainty is None else self.certainty.of_decision(self.passes())

    @property
    def decisive_claim(self) -> int:
        """Index of the claim that decides the score: that of the worst status, then of the least score."""
        worst_first = (Status.FAILED, Status.INVALID, Status.SCORED)

        def rank(index: int) -> tuple[int, float]:
            score = self.clauses[index]
            return worst_first.index(score.status), score.dsr_score if score.status is Status.SCORED else 0.0

        return min(range(len(self.clauses)), key=rank, default=0)

    def passes(self, threshold: float = HEADLINE_THRESHOLD) -> bool:
        """Tell whether the video counts as correct: scored, at or above `threshold`, and middle relations visited."""
        return self.status is Status.SCORED and self.dsr_score >= threshold and self.visited is not False
