"""The figures of a run: accuracy with its interval beside coverage, by relation type, diagnosis and model."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dsrbench.analysis.certainty import count_decisions, decision_variances
from dsrbench.analysis.reasons import reason_kind
from dsrbench.analysis.statistics import Interval, PairedDifference, share_interval
from dsrbench.analysis.wording import WordingSpread, compare_wordings, measure_spread
from dsrbench.records import from_json, to_json
from dsrbench.store import Sample
from dsrbench.types import DEFAULT_WORDING, HEADLINE_THRESHOLD, THRESHOLDS, Diagnosis, Status

SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class GroupFigures:
    """The figures of a part of the samples.

    Attributes:
        n: Number of samples.
        coverage: Share of them that have a score, in 0..1.
        accuracy: Accuracy@0.7 with its interval.
        mean_score: Mean DSR-Score of the scored samples; NaN without any.
    """

    n: int
    coverage: float
    accuracy: Interval = dataclasses.field(metadata={"json": f"accuracy_{HEADLINE_THRESHOLD}"})
    mean_score: float


@dataclasses.dataclass(frozen=True)
class WordingFigures(GroupFigures):
    """The figures of the samples of one wording.

    Attributes:
        difference: Difference of accuracy to the default wording; None without samples in that.
    """

    difference: PairedDifference | None


@dataclasses.dataclass(frozen=True)
class Summary:
    """The figures of a run, as in `report/summary.json`. What is not known of published figures is NaN, None or empty.

    Accuracy@t is the share of ALL samples that score at least t and, in a chain, visit every relation in between:
    invalid and failed samples count as failures. The mean score is of scored samples only, so it stands between two
    bounds, in which the others count as 0 and as 1. Prompts are counted, and drawn by the bootstrap, without their
    wordings. Uncertain decisions stay in the accuracy; where certainties are known, its intervals at the headline
    threshold have the uncertainty of the decisions in them beside that of the prompts.

    Attributes:
        n_samples: Number of samples.
        n_prompts: Number of prompts.
        n_scored: Samples with a score.
        n_invalid: Samples that were read and cannot be scored.
        n_failed: Samples that could not be read.
        coverage: Share of samples with a score, in 0..1.
        accuracy: Accuracy@t with its interval, by threshold: "0.0" to "0.9".
        mean_score: Mean DSR-Score of the scored samples.
        mean_score_low: The mean with all other samples as 0.
        mean_score_high: The mean with all other samples as 1.
        by_relation: Figures of each relation type.
        by_kind: Figures of each kind of claim; empty for one kind.
        by_model: Figures of each model; empty for one model.
        by_wording: Figures of each wording; empty for one wording.
        wording_spread: Effect of the wording; None for one wording.
        by_diagnosis: Number of scored samples of each diagnosis.
        by_reason: Number of invalid and of failed samples for each reason.
        n_filled_frames: Scored frames with an interpolated box.
        filled_frame_share: Their share of all scored frames, in 0..1.
        n_certain: Scored samples whose decision at the headline threshold is certain; None where no certainty is known.
        n_uncertain: Scored samples whose decision is uncertain; likewise.
    """

    n_samples: int | None = None
    n_prompts: int | None = None
    n_scored: int | None = None
    n_invalid: int | None = None
    n_failed: int | None = None
    coverage: float = math.nan
    accuracy: Mapping[str, Interval] = dataclasses.field(default_factory=dict)
    mean_score: float = math.nan
    mean_score_low: float = math.nan
    mean_score_high: float = math.nan
    by_relation: Mapping[str, GroupFigures] = dataclasses.field(default_factory=dict)
    by_kind: Mapping[str, GroupFigures] = dataclasses.field(default_factory=dict)
    by_model: Mapping[str, GroupFigures] = dataclasses.field(default_factory=dict)
    by_wording: Mapping[str, WordingFigures] = dataclasses.field(default_factory=dict)
    wording_spread: WordingSpread | None = None
    by_diagnosis: Mapping[str, int] = dataclasses.field(default_factory=dict)
    by_reason: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)
    n_filled_frames: int = 0
    filled_frame_share: float = math.nan
    n_certain: int | None = None
    n_uncertain: int | None = None

    @property
    def headline(self) -> Interval:
        """Accuracy@0.7 with its interval; NaN where unknown."""
        return self.accuracy.get(str(HEADLINE_THRESHOLD), Interval(math.nan, math.nan, math.nan))

    @property
    def certain_share(self) -> float:
        """Share of certain decisions among those with a certainty, in 0..1; NaN where no certainty is known."""
        total = (self.n_certain or 0) + (self.n_uncertain or 0)
        return (self.n_certain or 0) / total if total else math.nan

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `report/summary.json`, NaN as None."""
        return {"schema": SCHEMA, **to_json(self), "wording_spread": to_json(self.wording_spread) or {}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Summary:
        """Read the JSON object of `report/summary.json`.

        Raises:
            InputError: A value of another type.
        """
        return from_json(cls, {**values, "wording_spread": values.get("wording_spread") or None})


def summarize(samples: Sequence[Sample], *, seed: int = 0) -> Summary:
    """Summarize the samples of one run.

    Args:
        samples: Samples, in any order.
        seed: Random seed of the bootstrap, which draws prompts.
    """
    samples = sorted(samples, key=lambda sample: sample.id)
    status = Counter(sample.score.status for sample in samples)
    frames, filled = sum(s.score.n_scored for s in samples), sum(s.n_filled for s in samples)
    models = _groups(samples, lambda sample: sample.model)
    kinds = _groups(samples, lambda sample: sample.prompt.kind.value)
    diagnoses = Counter(sample.score.diagnosis for sample in samples)
    n_certain, n_uncertain = count_decisions(samples)
    return Summary(
        n_samples=len(samples),
        n_prompts=len({sample.prompt.source_id for sample in samples}),
        n_scored=status[Status.SCORED],
        n_invalid=status[Status.INVALID],
        n_failed=status[Status.FAILED],
        coverage=coverage(samples),
        accuracy={f"{t:.1f}": accuracy(samples, t, seed=seed) for t in THRESHOLDS},
        **mean_scores(samples),
        by_relation=_figures(_groups(samples, lambda sample: sample.prompt.type), seed),
        by_kind=_figures(kinds, seed) if len(kinds) > 1 else {},
        by_model=_figures(models, seed) if len(models) > 1 else {},
        by_wording=_by_wording(samples, seed),
        wording_spread=measure_spread(samples, threshold=HEADLINE_THRESHOLD),
        by_diagnosis={diagnosis.value: diagnoses[diagnosis] for diagnosis in Diagnosis},
        by_reason={"invalid": _reasons(samples, Status.INVALID), "failed": _reasons(samples, Status.FAILED)},
        n_filled_frames=filled,
        filled_frame_share=filled / frames if frames else math.nan,
        n_certain=n_certain,
        n_uncertain=n_uncertain,
    )


def coverage(samples: Sequence[Sample]) -> float:
    """Share of samples that have a score; NaN without samples."""
    return sum(s.score.status is Status.SCORED for s in samples) / len(samples) if samples else math.nan


def accuracy(samples: Sequence[Sample], threshold: float = HEADLINE_THRESHOLD, *, seed: int = 0) -> Interval:
    """Accuracy@threshold over all samples, with its interval (prompts as clusters).

    At the headline threshold, which certainties are about, the interval has the uncertainty of the decisions in it.
    """
    passed = [sample.score.passes(threshold) for sample in samples]
    variances = decision_variances(samples) if threshold == HEADLINE_THRESHOLD else None
    return share_interval(passed, [sample.prompt.source_id for sample in samples], variances=variances, seed=seed)


def mean_scores(samples: Sequence[Sample]) -> dict[str, float]:
    """Mean DSR-Score of the scored samples, and what it is with all others as 0 and as 1; NaN where there is none."""
    scores = np.array([sample.score.dsr_score for sample in samples], np.float64)
    scored = np.array([sample.score.status is Status.SCORED for sample in samples], bool)

    def mean(values: np.ndarray) -> float:
        return float(values.mean()) if len(values) else math.nan

    return {
        "mean_score": mean(scores[scored]),
        "mean_score_low": mean(np.where(scored, scores, 0.0)),
        "mean_score_high": mean(np.where(scored, scores, 1.0)),
    }


def _by_wording(samples: Sequence[Sample], seed: int) -> dict[str, WordingFigures]:
    differences = compare_wordings(samples, threshold=HEADLINE_THRESHOLD, seed=seed)
    groups = _groups(samples, lambda sample: sample.prompt.wording or DEFAULT_WORDING)
    figures = _figures({name: groups[name] for name in differences}, seed)
    return {
        name: WordingFigures(row.n, row.coverage, row.accuracy, row.mean_score, differences[name])
        for name, row in figures.items()
    }


def _groups(samples: Iterable[Sample], name: Callable[[Sample], str]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(name(sample), []).append(sample)
    return dict(sorted(groups.items()))


def _figures(groups: Mapping[str, Sequence[Sample]], seed: int) -> dict[str, GroupFigures]:
    return {
        name: GroupFigures(len(group), coverage(group), accuracy(group, seed=seed), mean_scores(group)["mean_score"])
        for name, group in groups.items()
    }


def _reasons(samples: Iterable[Sample], status: Status) -> dict[str, int]:
    kinds = Counter(reason_kind(s.score.reason, s.video) for s in samples if s.score.status is status)
    return dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0])))
