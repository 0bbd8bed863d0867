"""The agreement of DSR-Scores and judges with people, and how far people agree among themselves."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from dsrbench.analysis.judgments import Judgment
from dsrbench.analysis.labels import Labels
from dsrbench.analysis.raters import RaterAgreement, Verdict, compare_rater, rate_judgment, rate_sample
from dsrbench.analysis.statistics import Interval, bootstrap_figure, share_interval
from dsrbench.errors import InputError
from dsrbench.store import Sample, SampleKey
from dsrbench.types import Floats

N_LARGEST = 10
"""Number of clips that are listed because people and score differ most."""


@dataclasses.dataclass(frozen=True)
class PeopleAgreement:
    """Figures of people, and of the DSR-Score and of judges beside them; intervals as in `RaterAgreement`.

    Attributes:
        n_annotators: Annotators.
        n_unknown: Answers of annotators who cannot tell.
        alpha: Krippendorff's alpha of the annotators' decisions.
        consistency: Share of repeated answers of one annotator to one clip that decide as the first did.
        score: Agreement of the DSR-Score with people.
        judges: Agreement of each judge with people, on the clips that it judged, by its name.
        largest: Clips on which people and DSR-Score differ most.
    """

    n_annotators: int
    n_unknown: int
    alpha: Interval
    consistency: Interval
    score: RaterAgreement
    judges: Mapping[str, RaterAgreement]
    largest: Sequence[Verdict]


def compare_people(
    samples: Sequence[Sample],
    labels: Labels,
    judges: Mapping[str, Mapping[SampleKey, Judgment]] | None = None,
) -> PeopleAgreement:
    """Compare the scores of clips with what people say of them.

    Args:
        samples: Samples of one or several runs.
        labels: Answers of people.
        judges: Judgments of judges by their name and the clip.

    Raises:
        InputError: An answer is about a clip that no run has, or about a motion or several claims; or two runs have
            different videos or scores of one sample.
    """
    by_key = _index(samples)
    for key in (*(label.sample for label in labels.clips), *(key for pair in labels.pairs for key in pair.clips)):
        if key not in by_key:
            raise InputError(f"an answer is about {key}, which no run here has")
    answers, n_unknown, repeats = _gather(labels, by_key)
    verdicts = [
        Verdict(by_key[key], float(np.mean(list(by_annotator.values()))), len(by_annotator))
        for key, by_annotator in sorted(answers.items())
    ]
    raters = {
        name: {key: rate_judgment(judgment) for key, judgment in judgments.items()}
        for name, judgments in (judges or {}).items()
    }
    return PeopleAgreement(
        n_annotators=len(labels.annotators),
        n_unknown=n_unknown,
        alpha=_alpha(answers),
        consistency=share_interval([same for _, same in repeats], [key.prompt_id for key, _ in repeats]),
        score=compare_rater({key: rate_sample(sample) for key, sample in by_key.items()}, verdicts, labels.pairs),
        judges={name: compare_rater(ratings, verdicts, labels.pairs) for name, ratings in sorted(raters.items())},
        largest=sorted(verdicts, key=lambda verdict: (-verdict.difference, verdict.sample.id))[:N_LARGEST],
    )


def _index(samples: Sequence[Sample]) -> dict[SampleKey, Sample]:
    by_key: dict[SampleKey, Sample] = {}
    for sample in samples:
        other = by_key.setdefault(sample.id, sample)
        if other.video_sha256 != sample.video_sha256:
            raise InputError(f"two runs have different videos of {sample.id}: answers cannot tell them apart")
        if other.key != sample.key:
            raise InputError(f"two runs have scores of {sample.id}: compare these runs with people one after the other")
    return by_key


Answers = Mapping[SampleKey, Mapping[str, bool]]
"""The first decision of each annotator who can tell, by clip."""


def _gather(labels: Labels, by_key: Mapping[SampleKey, Sample]) -> tuple[Answers, int, list[tuple[SampleKey, bool]]]:
    """Return the decisions, the number of answers that do not tell, and whether repeated answers are like the first."""
    answers: defaultdict[SampleKey, dict[str, bool]] = defaultdict(dict)
    n_unknown, repeats = 0, []
    for label in labels.clips:
        prompt = by_key[label.sample].prompt
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
