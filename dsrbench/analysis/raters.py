"""The agreement of a rater of clips, which is the DSR-Score or a judge, with what people say of them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.analysis.certainty import decision_certainty
from dsrbench.analysis.judgments import Judgment
from dsrbench.analysis.labels import PairLabel
from dsrbench.analysis.statistics import Interval, bootstrap_figure, share_interval
from dsrbench.store import Sample, SampleKey
from dsrbench.types import Floats

BINS = (0.5, 0.75, 0.9, 0.99)
"""Lower ends of the bins of certainty."""

MIN_MODELS = 6
"""Minimum number of models from which figures over models say more than how these few compare."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Decision of people on a clip, beside its score.

    Attributes:
        sample: The clip.
        share: Share of the annotators who can tell to whom it follows its prompt, in 0..1.
        n_annotators: Number of these annotators.
    """

    sample: Sample
    share: float
    n_annotators: int

    @property
    def score(self) -> float:
        """The DSR-Score, 0 where there is none: people see a clip that a detector does not."""
        return rate_sample(self.sample).score

    @property
    def follows(self) -> bool | None:
        """The decision of most annotators; None where they are divided."""
        return None if self.share == 0.5 else self.share > 0.5

    @property
    def difference(self) -> float:
        """Distance of score and share."""
        return abs(self.score - self.share)


@dataclasses.dataclass(frozen=True)
class Rating:
    """The score of a clip by a rater.

    Attributes:
        score: Score in 0..1.
        passes: Whether the clip follows its prompt.
        certainty: Probability that this is right, in 0..1; None where it is not known.
    """

    score: float
    passes: bool
    certainty: float | None


def rate_sample(sample: Sample) -> Rating:
    """Return the rating of a clip by its DSR-Score, which is 0 where there is none."""
    score = sample.score.dsr_score if sample.score.reason == "" else 0.0
    return Rating(score, sample.score.passes(), decision_certainty(sample))


def rate_judgment(judgment: Judgment) -> Rating:
    """Return the rating of a clip by a judge."""
    return Rating(judgment.score, judgment.passes(), judgment.certainty)


@dataclasses.dataclass(frozen=True)
class CertaintyBin:
    """Decisions of about one certainty.

    Attributes:
        low: Lower end of the bin.
        n: Number of decisions.
        certainty: Their mean certainty.
        agreeing: Share of them that people share.
    """

    low: float
    n: int
    certainty: float
    agreeing: float


@dataclasses.dataclass(frozen=True)
class ModelFigures:
    """The clips of one model that people and a rater have seen.

    Attributes:
        n: Number of clips.
        people: Mean share of annotators who accept a clip.
        score: Mean score.
        passing: Share of clips that pass.
    """

    n: int
    people: float
    score: float
    passing: float


@dataclasses.dataclass(frozen=True)
class RaterAgreement:
    """Figures of a rater beside what people say; intervals are at 95 %, prompts drawn with replacement.

    Attributes:
        n_clips: Clips with a rating and at least one annotator who can tell.
        n_decided: Clips of these on which most annotators agree; decisions are compared on these.
        agreeing: Share of clips on which people and rater decide alike.
        auc: Probability that a clip that people accept scores higher than one that they do not.
        spearman: Rank correlation of the score with the share of annotators who accept the clip.
        pairwise: Share of preferences that the scores share.
        threshold: Threshold of the score that agrees best with people.
        by_type: `agreeing` by type of the prompt, with the number of clips.
        certainty: Calibration of the certainty.
        by_model: Means by model. They are of the clips that people saw, not of all.
        models_spearman: Rank correlation of the models' mean score with their mean share of annotators who accept; it
            describes the models at hand where there are fewer than `MIN_MODELS`. NaN for one model.
        models_pairwise: Share of pairs of models that both means put in the same order; ties count half.
    """

    n_clips: int
    n_decided: int
    agreeing: Interval
    auc: Interval
    spearman: Interval
    pairwise: Interval
    threshold: Interval
    by_type: Mapping[str, tuple[int, float]]
    certainty: Sequence[CertaintyBin]
    by_model: Mapping[str, ModelFigures]
    models_spearman: Interval
    models_pairwise: Interval


def compare_rater(
    ratings: Mapping[SampleKey, Rating], verdicts: Sequence[Verdict], pairs: Sequence[PairLabel]
) -> RaterAgreement:
    """Compare the ratings of clips with what people say of them; clips without a rating are left out.

    Args:
        ratings: Ratings of one rater.
        verdicts: Decisions of people.
        pairs: Preferences of people.
    """
    rated = [verdict for verdict in verdicts if verdict.sample.id in ratings]
    decided = [verdict for verdict in rated if verdict.follows is not None]
    prompts = [verdict.sample.prompt.id for verdict in decided]
    decisions = [ratings[verdict.sample.id] for verdict in decided]
    scores = np.array([rating.score for rating in decisions])
    truth = np.array([bool(verdict.follows) for verdict in decided])
    alike = np.array([rating.passes for rating in decisions], bool) == truth
    shares = np.array([verdict.share for verdict in rated])
    all_scores = np.array([ratings[verdict.sample.id].score for verdict in rated])
    models_spearman, models_pairwise = _compare_models(rated, all_scores, shares)
    return RaterAgreement(
        n_clips=len(rated),
        n_decided=len(decided),
        agreeing=share_interval(alike, prompts),
        auc=bootstrap_figure(lambda rows: roc_auc(scores[rows], truth[rows]), prompts),
        spearman=bootstrap_figure(
            lambda rows: rank_correlation(all_scores[rows], shares[rows]),
            [verdict.sample.prompt.id for verdict in rated],
        ),
        pairwise=_compare_pairs(ratings, pairs),
        threshold=bootstrap_figure(lambda rows: best_threshold(scores[rows], truth[rows]), prompts),
        by_type=_share_by_type(decided, alike),
        certainty=_calibrate([rating.certainty for rating in decisions], alike),
        by_model=_average_by_model(rated, ratings),
        models_spearman=models_spearman,
        models_pairwise=models_pairwise,
    )


def roc_auc(scores: Floats, truth: Floats) -> float:
    """Return the probability that a true row scores higher than a false one, ties counting half (Mann-Whitney).

    Args:
        scores: Scores `[N]`.
        truth: Truth values `[N]`.

    Returns:
        In 0..1; NaN where all rows are true, or all false.

    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    from scipy.stats import rankdata

    n_true = int(np.sum(truth))
    n_false = len(truth) - n_true
    if not n_true or not n_false:
        return math.nan
    ranks = rankdata(scores)[np.asarray(truth, bool)].sum()
    return float((ranks - n_true * (n_true + 1) / 2) / (n_true * n_false))


def best_threshold(scores: Floats, truth: NDArray[np.bool_]) -> float:
    """Return the threshold at which `score >= threshold` agrees best with the truth; the middle of the best range.

    >>> best_threshold(np.array([0.2, 0.5, 0.8]), np.array([False, True, True])).__round__(3)
    0.35
    """
    if not len(scores):
        return math.nan
    ends, places = np.unique(np.concatenate([[0.0, 1.0], scores]), return_inverse=True)
    true, false = (
        np.bincount(places[2:], weights=np.asarray(part, float), minlength=len(ends)) for part in (truth, ~truth)
    )
    # between two values, the true ones above and the false ones below agree
    agreeing = true.sum() - np.cumsum(true)[:-1] + np.cumsum(false)[:-1]
    middles = (ends[:-1] + ends[1:]) / 2
    if scores.min() <= 0:  # then only 0 accepts all
        middles, agreeing = np.concatenate([[0.0], middles]), np.concatenate([[true.sum()], agreeing])
    best = middles[agreeing == agreeing.max()]
    return float(best[len(best) // 2])


def rank_correlation(x: Floats, y: Floats) -> float:
    """Return Spearman's rank correlation; NaN where one of both does not vary."""
    from scipy.stats import rankdata

    if len({*x}) < 2 or len({*y}) < 2:
        return math.nan
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def share_of_pairs(x: Floats, y: Floats) -> float:
    """Return the share of pairs of rows that x and y put in the same order; a tie of either counts half.

    >>> share_of_pairs(np.array([1.0, 2.0, 3.0]), np.array([5.0, 7.0, 6.0])).__round__(3)
    0.667
    """
    signs = [np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i, j in itertools.combinations(range(len(x)), 2)]
    return float(np.mean([(sign + 1) / 2 for sign in signs])) if signs else math.nan


def _compare_models(rated: Sequence[Verdict], scores: Floats, shares: Floats) -> tuple[Interval, Interval]:
    """Return rank correlation and agreement of pairs over the means of models, prompts drawn with replacement."""
    models = np.array([verdict.sample.model for verdict in rated])
    names, prompts = np.unique(models), [verdict.sample.prompt.id for verdict in rated]

    def figure(compute: Callable[[Floats, Floats], float]) -> Interval:
        def of_rows(rows: np.ndarray) -> float:
            groups = [rows[models[rows] == name] for name in names]
            if len(names) < 2 or not all(len(group) for group in groups):
                return math.nan
            return compute(*(np.array([values[group].mean() for group in groups]) for values in (scores, shares)))

        return bootstrap_figure(of_rows, prompts)

    return figure(rank_correlation), figure(share_of_pairs)


def _compare_pairs(ratings: Mapping[SampleKey, Rating], pairs: Sequence[PairLabel]) -> Interval:
    """Return the share of preferences whose clip scores higher; equal scores count half, answers "same" not at all."""
    preferences = [
        label for label in pairs if label.better != "same" and label.first in ratings and label.second in ratings
    ]
    differences = np.array(
        [
            (ratings[label.first].score - ratings[label.second].score) * (1 if label.better == "first" else -1)
            for label in preferences
        ]
    )
    shared = (np.sign(differences) + 1) / 2
    return bootstrap_figure(
        lambda rows: float(shared[rows].mean()) if len(rows) else math.nan,
        [label.first.prompt_id for label in preferences],
    )


def _share_by_type(decided: Sequence[Verdict], alike: np.ndarray) -> dict[str, tuple[int, float]]:
    types = np.array([verdict.sample.prompt.type for verdict in decided])
    groups = {str(type_): alike[types == type_] for type_ in np.unique(types)}
    return {type_: (len(group), float(group.mean())) for type_, group in groups.items()}


def _average_by_model(rated: Sequence[Verdict], ratings: Mapping[SampleKey, Rating]) -> dict[str, ModelFigures]:
    figures = {}
    for model in sorted({verdict.sample.model for verdict in rated}):
        own = [verdict for verdict in rated if verdict.sample.model == model]
        own_ratings = [ratings[verdict.sample.id] for verdict in own]
        figures[model] = ModelFigures(
            len(own),
            float(np.mean([verdict.share for verdict in own])),
            float(np.mean([rating.score for rating in own_ratings])),
            float(np.mean([rating.passes for rating in own_ratings])),
        )
    return figures


def _calibrate(certainties: Sequence[float | None], alike: np.ndarray) -> list[CertaintyBin]:
    certainty = np.array([math.nan if one is None else one for one in certainties])
    bins = []
    for low, high in zip(BINS, (*BINS[1:], math.inf), strict=True):
        some = (certainty >= low) & (certainty < high)
        if some.any():
            bins.append(CertaintyBin(low, int(some.sum()), float(certainty[some].mean()), float(alike[some].mean())))
    return bins
