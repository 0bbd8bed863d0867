"""The agreement of DSR-Scores with people: decisions, ranks, preferences, and how far people agree among themselves."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from dsrbench.analysis.certainty import decision_certainty
from dsrbench.analysis.labels import Labels
from dsrbench.analysis.statistics import Interval, bootstrap_figure, share_interval
from dsrbench.errors import InputError
from dsrbench.store import Sample, SampleKey
from dsrbench.types import Floats

N_LARGEST = 10
"""Number of clips that are listed because people and score differ most."""

BINS = (0.5, 0.75, 0.9, 0.99)
"""Lower ends of the bins of certainty."""


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
        """The score, 0 where there is none: people see a clip that a detector does not."""
        return self.sample.score.dsr_score if self.sample.score.reason == "" else 0.0

    @property
    def follows(self) -> bool | None:
        """The decision of most annotators; None where they are divided."""
        return None if self.share == 0.5 else self.share > 0.5

    @property
    def difference(self) -> float:
        """Distance of score and share."""
        return abs(self.score - self.share)


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
class PeopleAgreement:
    """Figures of scores beside what people say; intervals are at 95 %, prompts drawn with replacement.

    Attributes:
        n_annotators: Annotators.
        n_clips: Clips with at least one annotator who can tell.
        n_unknown: Answers of annotators who cannot tell.
        n_decided: Clips on which most annotators agree; decisions are compared on these.
        alpha: Krippendorff's alpha of the annotators' decisions.
        consistency: Share of repeated answers of one annotator to one clip that decide as the first did.
        agreeing: Share of clips on which people and score decide alike.
        auc: Probability that a clip that people accept scores higher than one that they do not.
        spearman: Rank correlation of the score with the share of annotators who accept the clip.
        pairwise: Share of preferences that the scores share.
        threshold: Threshold of the score that agrees best with people.
        by_type: `agreeing` by type of the prompt, with the number of clips.
        certainty: Calibration of the certainty.
        by_model: Share of clips accepted by people and by the score, by model.
        largest: Clips on which people and score differ most.
    """

    n_annotators: int
    n_clips: int
    n_unknown: int
    n_decided: int
    alpha: Interval
    consistency: Interval
    agreeing: Interval
    auc: Interval
    spearman: Interval
    pairwise: Interval
    threshold: Interval
    by_type: Mapping[str, tuple[int, float]]
    certainty: Sequence[CertaintyBin]
    by_model: Mapping[str, tuple[float, float]]
    largest: Sequence[Verdict]


def compare_people(samples: Sequence[Sample], labels: Labels) -> PeopleAgreement:
    """Compare the scores of clips with what people say of them.

    Args:
        samples: Samples of one or several runs.
        labels: Answers of people.

    Raises:
        InputError: An answer is about a clip that no run has, or about a motion or several claims.
    """
    by_key = {sample.id: sample for sample in samples}
    answers, n_unknown, repeats = _gather(labels, by_key)
    verdicts = [
        Verdict(by_key[key], float(np.mean(list(by_annotator.values()))), len(by_annotator))
        for key, by_annotator in sorted(answers.items())
    ]
    decided = [verdict for verdict in verdicts if verdict.follows is not None]
    prompts = [verdict.sample.prompt.id for verdict in decided]
    scores = np.array([verdict.score for verdict in decided])
    truth = np.array([bool(verdict.follows) for verdict in decided])
    passes = np.array([verdict.sample.score.passes() for verdict in decided], bool)
    alike = passes == truth
    repeated = [same for _, same in repeats]
    return PeopleAgreement(
        n_annotators=len(labels.annotators),
        n_clips=len(verdicts),
        n_unknown=n_unknown,
        n_decided=len(decided),
        alpha=_alpha(answers),
        consistency=share_interval(repeated, [key.prompt_id for key, _ in repeats]),
        agreeing=share_interval(alike, prompts),
        auc=bootstrap_figure(lambda rows: roc_auc(scores[rows], truth[rows]), prompts),
        spearman=_spearman(verdicts),
        pairwise=_pairwise(labels, by_key),
        threshold=bootstrap_figure(lambda rows: best_threshold(scores[rows], truth[rows]), prompts),
        by_type=_share_by_type(decided, alike),
        certainty=_calibrate(decided, alike),
        by_model=_share_by_model(decided, truth, passes),
        largest=sorted(verdicts, key=lambda verdict: (-verdict.difference, verdict.sample.id))[:N_LARGEST],
    )


Answers = Mapping[SampleKey, Mapping[str, bool]]
"""The first decision of each annotator who can tell, by clip."""


def _gather(labels: Labels, by_key: Mapping[SampleKey, Sample]) -> tuple[Answers, int, list[tuple[SampleKey, bool]]]:
    """Return the decisions, the number of answers that do not tell, and whether repeated answers are like the first."""
    answers: defaultdict[SampleKey, dict[str, bool]] = defaultdict(dict)
    n_unknown, repeats = 0, []
    for label in labels.clips:
        prompt = _find(label.sample, by_key).prompt
        if prompt.further or not prompt.relations:
            raise InputError(f"{label.sample}: answers about motions and several claims are not compared")
        decision = label.follows(prompt)
        if decision is None:
            n_unknown += 1
        elif label.annotator in answers[label.sample]:
            repeats.append((label.sample, decision == answers[label.sample][label.annotator]))
        else:
            answers[label.sample][label.annotator] = decision
    return {key: decisions for key, decisions in answers.items() if decisions}, n_unknown, repeats


def _find(key: SampleKey, by_key: Mapping[SampleKey, Sample]) -> Sample:
    if key not in by_key:
        raise InputError(f"an answer is about {key}, which no run here has")
    return by_key[key]


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


def best_threshold(scores: Floats, truth: Floats) -> float:
    """Return the threshold at which `score >= threshold` agrees best with the truth; the middle of the best range.

    >>> best_threshold(np.array([0.2, 0.5, 0.8]), np.array([False, True, True])).__round__(3)
    0.35
    """
    if not len(scores):
        return math.nan
    ends = np.concatenate([[0.0], np.unique(scores), [1.0]])
    middles = (ends[:-1] + ends[1:]) / 2
    agreeing = np.array([np.mean((scores >= middle) == truth) for middle in middles])
    best = middles[agreeing == agreeing.max()]
    return float(best[len(best) // 2])


def krippendorff_alpha(units: Sequence[Sequence[bool]]) -> float:
    """Return Krippendorff's alpha for nominal values (Krippendorff, "Content Analysis", 2004, chapter 11).

    Args:
        units: Values that annotators give to each unit; units with fewer than two do not count.

    Returns:
        1 for perfect agreement, 0 for that of chance; NaN where there is nothing to compare, or one value alone.

    >>> round(krippendorff_alpha([[True, True], [False, False], [True, False], [True, True]]), 3)
    0.533
    """
    return _alpha_of(_coincidences(units).sum(axis=0))


def _coincidences(units: Sequence[Sequence[bool]]) -> Floats:
    """Return the coincidence matrix of each unit's values, `[N, 2, 2]`."""
    n = np.array([len(values) for values in units], float)
    n_true = np.array([sum(values) for values in units], float)
    counts = np.stack([n - n_true, n_true], axis=1)
    products = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(2)
    return np.asarray(products / np.maximum(n - 1, 1)[:, None, None])


def _alpha_of(coincidences: Floats) -> float:
    """Return alpha from the sum of the coincidence matrices, `[2, 2]`."""
    totals = coincidences.sum(axis=1)
    total = totals.sum()
    expected = total**2 - float((totals**2).sum())
    if total == 0 or expected == 0:
        return math.nan
    observed = total - float(np.trace(coincidences))
    return float(1 - (total - 1) * observed / expected)


def _alpha(answers: Answers) -> Interval:
    keys = sorted(answers)
    coincidences = _coincidences([list(answers[key].values()) for key in keys])
    return bootstrap_figure(lambda rows: _alpha_of(coincidences[rows].sum(axis=0)), [key.prompt_id for key in keys])


def _spearman(verdicts: Sequence[Verdict]) -> Interval:
    from scipy.stats import rankdata

    scores, shares = (np.array([getattr(verdict, name) for verdict in verdicts]) for name in ("score", "share"))

    def correlation(rows: np.ndarray) -> float:
        x, y = rankdata(scores[rows]), rankdata(shares[rows])
        return float(np.corrcoef(x, y)[0, 1]) if len({*x}) > 1 and len({*y}) > 1 else math.nan

    return bootstrap_figure(correlation, [verdict.sample.prompt.id for verdict in verdicts])


def _pairwise(labels: Labels, by_key: Mapping[SampleKey, Sample]) -> Interval:
    """Share of preferences whose clip has the higher score; equal scores count half, answers "same" not at all."""
    shared, prompts = [], []
    for label in labels.pairs:
        scores = [Verdict(_find(key, by_key), 0.0, 1).score for key in (label.first, label.second)]
        if label.better != "same":
            difference = (scores[0] - scores[1]) * (1 if label.better == "first" else -1)
            shared.append(0.5 if difference == 0 else float(difference > 0))
            prompts.append(label.first.prompt_id)
    values = np.array(shared)
    return bootstrap_figure(lambda rows: float(values[rows].mean()) if len(rows) else math.nan, prompts)


def _share_by_type(decided: Sequence[Verdict], alike: np.ndarray) -> dict[str, tuple[int, float]]:
    types = np.array([verdict.sample.prompt.type for verdict in decided])
    groups = {str(type_): alike[types == type_] for type_ in np.unique(types)}
    return {type_: (len(group), float(group.mean())) for type_, group in groups.items()}


def _share_by_model(
    decided: Sequence[Verdict], truth: np.ndarray, passes: np.ndarray
) -> dict[str, tuple[float, float]]:
    models = np.array([verdict.sample.model for verdict in decided])
    return {
        str(model): (float(truth[models == model].mean()), float(passes[models == model].mean()))
        for model in np.unique(models)
    }


def _calibrate(decided: Sequence[Verdict], alike: np.ndarray) -> list[CertaintyBin]:
    certainty = np.array([decision_certainty(verdict.sample) or math.nan for verdict in decided])
    bins = []
    for low, high in zip(BINS, (*BINS[1:], math.inf), strict=True):
        some = (certainty >= low) & (certainty < high)
        if some.any():
            bins.append(CertaintyBin(low, int(some.sum()), float(certainty[some].mean()), float(alike[some].mean())))
    return bins
