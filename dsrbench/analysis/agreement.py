"""The agreement of two detectors or trackers on the same videos."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from dsrbench.analysis.reference import Entry, entries_of, read_reference
from dsrbench.analysis.statistics import Interval, bootstrap_figure
from dsrbench.errors import InputError
from dsrbench.store import Run
from dsrbench.types import CERTAIN, HEADLINE_THRESHOLD, Floats, Status

__all__ = ["Agreement", "CertainAgreement", "VideoDifference", "compare_backends", "read_reference"]

N_LARGEST = 10
_RESAMPLES = 1000


@dataclasses.dataclass(frozen=True)
class VideoDifference:
    """One video both sides scored.

    Attributes:
        model: Name of the model.
        video: File name.
        here: DSR-Score in the first run.
        there: DSR-Score in the other.
    """

    model: str
    video: str
    here: float
    there: float

    @property
    def difference(self) -> float:
        """The score here minus the score there."""
        return self.here - self.there

    @property
    def decisions_differ(self) -> bool:
        """Whether the score is at or above 0.7 on one side only."""
        return (self.here >= HEADLINE_THRESHOLD) != (self.there >= HEADLINE_THRESHOLD)


@dataclasses.dataclass(frozen=True)
class CertainAgreement:
    """The agreement on the videos whose decision is certain in the first run.

    Attributes:
        n_known: Videos with a score on both sides and a certainty in the first run.
        n_certain: Those of them whose decision is certain; all that follows is over these.
        share: Share of certain decisions among the known ones, in 0..1.
        spearman: Rank correlation with its interval.
        median_absolute_difference: Median absolute difference of the DSR-Scores; NaN without videos.
        n_decisions_differ: Videos at or above 0.7 on one side only.
    """

    n_known: int
    n_certain: int
    share: float
    spearman: Interval
    median_absolute_difference: float
    n_decisions_differ: int


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Two ways of scoring the same videos, side by side. All differences are here - there.

    Attributes:
        n_joined: Videos on both sides.
        n_only_here: Videos, and samples without one, only in the first run.
        n_only_there: The same of the other side.
        n_both_scored: Joined videos with a score on both sides; all that follows except coverage is over these.
        coverage_here: Share of joined videos with a score here.
        coverage_there: The same there.
        spearman: Rank correlation with its interval (bootstrap by prompt where prompts are known, else by video).
        pearson: Linear correlation; NaN where either side does not vary.
        mean_absolute_difference: Mean absolute difference of the DSR-Scores.
        median_absolute_difference: Median absolute difference of the DSR-Scores.
        mean_signed_difference: Mean difference of the DSR-Scores; positive where this run scores higher.
        n_decisions_differ: Videos at or above 0.7 on one side only.
        decisions_differ: These videos.
        largest_differences: The ten videos with the largest absolute difference.
        n_curves: Videos whose SSR sequences could be compared.
        ssr_mean_absolute_difference: Per frame scored on both sides, over both relations and those videos; NaN without.
        certain: Agreement on the videos whose decision is certain in this run; None where it has no certainties.
    """

    n_joined: int
    n_only_here: int
    n_only_there: int
    n_both_scored: int
    coverage_here: float
    coverage_there: float
    spearman: Interval
    pearson: float
    mean_absolute_difference: float
    median_absolute_difference: float
    mean_signed_difference: float
    n_decisions_differ: int
    decisions_differ: tuple[VideoDifference, ...]
    largest_differences: tuple[VideoDifference, ...]
    n_curves: int
    ssr_mean_absolute_difference: float
    certain: CertainAgreement | None = None


def compare_backends(run: Run, other: Run | Sequence[Entry], *, seed: int = 0) -> Agreement:
    """Compare the scores two backends give to the same videos.

    Videos are joined by model and file name or, where two runs call their models differently, by content.

    Args:
        run: A finished run.
        other: Another run of the same videos, or the entries of a reference (`read_reference`).
        seed: Random seed of the bootstrap.

    Raises:
        InputError: No video is on both sides, or one name stands for two videos.
    """
    here = entries_of(run.samples())
    entries = entries_of(other.samples()) if isinstance(other, Run) else list(other)
    pairs = _join(here, entries)
    both = [(a, b) for a, b in pairs if a.status is Status.SCORED and b.status is Status.SCORED]
    differences = [VideoDifference(a.model, a.video, a.dsr_score, b.dsr_score) for a, b in both]
    change = np.array([video.difference for video in differences])
    differ = [video for video in differences if video.decisions_differ]
    largest = sorted(differences, key=lambda video: (-abs(video.difference), video.model, video.video))
    gaps = [gap for gap in (_curve_gaps(a, b) for a, b in both) if len(gap)]
    return Agreement(
        n_joined=len(pairs),
        n_only_here=len(here) - len(pairs),
        n_only_there=len(entries) - len(pairs),
        n_both_scored=len(both),
        coverage_here=float(np.mean([a.status is Status.SCORED for a, _ in pairs])),
        coverage_there=float(np.mean([b.status is Status.SCORED for _, b in pairs])),
        spearman=_spearman(both, seed),
        pearson=_correlation(np.array([v.here for v in differences]), np.array([v.there for v in differences])),
        mean_absolute_difference=float(np.abs(change).mean()) if differences else math.nan,
        median_absolute_difference=float(np.median(np.abs(change))) if differences else math.nan,
        mean_signed_difference=float(change.mean()) if differences else math.nan,
        n_decisions_differ=len(differ),
        decisions_differ=tuple(differ),
        largest_differences=tuple(largest[:N_LARGEST]),
        n_curves=len(gaps),
        ssr_mean_absolute_difference=float(np.concatenate(gaps).mean()) if gaps else math.nan,
        certain=_compare_certain(both, seed),
    )


def _compare_certain(both: Sequence[tuple[Entry, Entry]], seed: int) -> CertainAgreement | None:
    known = [(a.certainty, a, b) for a, b in both if a.certainty is not None]
    if not known:
        return None
    certain = [(a, b) for certainty, a, b in known if certainty >= CERTAIN]
    differences = [VideoDifference(a.model, a.video, a.dsr_score, b.dsr_score) for a, b in certain]
    change = np.abs([video.difference for video in differences])
    return CertainAgreement(
        n_known=len(known),
        n_certain=len(certain),
        share=len(certain) / len(known),
        spearman=_spearman(certain, seed),
        median_absolute_difference=float(np.median(change)) if certain else math.nan,
        n_decisions_differ=sum(video.decisions_differ for video in differences),
    )


def _join(here: Sequence[Entry], others: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    ours, theirs = _by_name(here), _by_name(others)
    pairs = [(a, theirs[name]) for name, a in ours.items() if name in theirs]
    same = [(a, b) for a, b in pairs if not (a.sha256 and b.sha256) or a.sha256 == b.sha256]
    if same:
        return same
    contents = {a.sha256: a for a in here if a.sha256}
    by_hash = {b.sha256: b for b in others if b.sha256}
    if matched := [(a, by_hash[content]) for content, a in contents.items() if content in by_hash]:
        return matched
    if by_hash and {a.prompt_id for a in here if a.prompt_id} & {b.prompt_id for b in others}:
        raise InputError(
            f"no video is on both sides, but prompts are: {_models(here)} here and {_models(others)} there "
            f"looks like two models, not two backends; use: dsrbench compare"
        )
    raise InputError(
        f"no video is on both sides: joined by model and file name, with the models {_models(here)} here and "
        f"{_models(others)} there; model names must be equal, or the files of two runs"
    )


def _by_name(entries: Sequence[Entry]) -> dict[tuple[str, str], Entry]:
    """Entries by model and file name; samples without a file have no name to join by."""
    by_name: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if entry.name in by_name:
            raise InputError(
                f"two videos of the model {entry.model!r} are named {entry.video!r}, so names cannot tell them apart; "
                f"rename one"
            )
        if entry.video:
            by_name[entry.name] = entry
    return by_name


def _models(entries: Sequence[Entry]) -> str:
    names = sorted({entry.model for entry in entries})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "none"


def _curve_gaps(a: Entry, b: Entry) -> Floats:
    """Absolute difference of every frame scored on both sides, both relations one after the other."""
    if not len(a.initial) or len(a.initial) != len(b.initial):
        return np.empty(0)
    gaps: Floats = np.abs(np.concatenate([a.initial - b.initial, a.final - b.final]))
    return gaps[~np.isnan(gaps)]


def _correlation(x: Floats, y: Floats) -> float:
    if len(x) < 2 or min(np.ptp(x), np.ptp(y)) < 1e-12:  # a smaller spread is rounding, and its square is 0
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def _spearman(pairs: Sequence[tuple[Entry, Entry]], seed: int) -> Interval:
    """Rank correlation with a percentile interval, drawing prompts (or videos) with replacement."""
    from scipy.stats import rankdata

    x, y = (np.array([pair[i].dsr_score for pair in pairs]) for i in (0, 1))

    def rank_correlation(rows: np.ndarray) -> float:
        return _correlation(rankdata(x[rows]), rankdata(y[rows]))

    clusters = [a.prompt_id or b.prompt_id or f"{a.model}/{a.video}" for a, b in pairs]
    return bootstrap_figure(rank_correlation, clusters, n_resamples=_RESAMPLES, seed=seed)
