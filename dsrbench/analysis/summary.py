"""The figures of a run: accuracy with its interval beside coverage, by relation type, diagnosis and model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dsrbench.analysis.reasons import reason_kind
from dsrbench.analysis.statistics import Interval, share_interval
from dsrbench.analysis.wording import compare_wordings, measure_spread
from dsrbench.records import to_json
from dsrbench.store import Sample
from dsrbench.types import DEFAULT_WORDING, HEADLINE_THRESHOLD, THRESHOLDS, Diagnosis, Status

SCHEMA = 1


def summarize(samples: Sequence[Sample], *, seed: int = 0) -> dict[str, Any]:
    """Everything `report/summary.json` holds.

    Accuracy@t is the share of ALL samples that score at least t and, in a chain, visit every relation in between:
    invalid and failed samples count as failures. The mean score is of scored samples only, so it stands between two
    bounds, in which the others count as 0 and as 1.

    Args:
        samples: Samples of one run, in any order.
        seed: Random seed of the bootstrap, which draws prompts.

    Returns:
        JSON values, NaN as None: `schema`, `n_samples`, `n_prompts`, `n_scored`, `n_invalid`, `n_failed`, `coverage`,
        `accuracy` ("0.0" .. "0.9", each `value`, `low`, `high`), `mean_score`, `mean_score_low`, `mean_score_high`,
        `by_relation` and `by_model` (the latter empty for one model; each `n`, `coverage`, `accuracy_0.7`,
        `mean_score`), `by_diagnosis` (scored samples), `by_reason` (the others), `by_wording` and `wording_spread`
        (empty for one wording; as `by_relation` with `difference` to the default one, and as `measure_spread`),
        `n_filled_frames` and `filled_frame_share` (of all scored frames, those with an interpolated box). Prompts are
        counted, and drawn by the bootstrap, without their wordings.
    """
    samples = sorted(samples, key=lambda sample: sample.id)
    status = Counter(sample.score.status for sample in samples)
    frames, filled = sum(s.score.n_scored for s in samples), sum(s.n_filled for s in samples)
    models = _groups(samples, lambda sample: sample.model)
    diagnoses = Counter(sample.score.diagnosis for sample in samples)
    summary = {
        "schema": SCHEMA,
        "n_samples": len(samples),
        "n_prompts": len({sample.prompt.source_id for sample in samples}),
        "n_scored": status[Status.SCORED],
        "n_invalid": status[Status.INVALID],
        "n_failed": status[Status.FAILED],
        "coverage": coverage(samples),
        "accuracy": {f"{t:.1f}": accuracy(samples, t, seed=seed) for t in THRESHOLDS},
        **mean_scores(samples),
        "by_relation": _figures(_groups(samples, lambda sample: sample.prompt.type), seed),
        "by_diagnosis": {diagnosis.value: diagnoses[diagnosis] for diagnosis in Diagnosis},
        "by_reason": {"invalid": _reasons(samples, Status.INVALID), "failed": _reasons(samples, Status.FAILED)},
        "by_model": _figures(models, seed) if len(models) > 1 else {},
        **_wordings(samples, seed),
        "n_filled_frames": filled,
        "filled_frame_share": filled / frames if frames else math.nan,
    }
    result: dict[str, Any] = to_json(summary)
    return result


def coverage(samples: Sequence[Sample]) -> float:
    """Share of samples that have a score; NaN without samples."""
    return sum(s.score.status is Status.SCORED for s in samples) / len(samples) if samples else math.nan


def accuracy(samples: Sequence[Sample], threshold: float = HEADLINE_THRESHOLD, *, seed: int = 0) -> Interval:
    """Accuracy@threshold over all samples, with its interval (prompts as clusters)."""
    passed = [sample.score.passes(threshold) for sample in samples]
    return share_interval(passed, [sample.prompt.source_id for sample in samples], seed=seed)


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


def _wordings(samples: Sequence[Sample], seed: int) -> dict[str, Any]:
    compared = compare_wordings(samples, threshold=HEADLINE_THRESHOLD, seed=seed)
    groups = _groups(samples, lambda sample: sample.prompt.wording or DEFAULT_WORDING)
    figures = _figures({name: groups[name] for name in compared}, seed)
    return {
        "by_wording": {name: {**figures[name], **compared[name]} for name in compared},
        "wording_spread": measure_spread(samples, threshold=HEADLINE_THRESHOLD),
    }


def _groups(samples: Iterable[Sample], name: Callable[[Sample], str]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(name(sample), []).append(sample)
    return dict(sorted(groups.items()))


def _figures(groups: Mapping[str, Sequence[Sample]], seed: int) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "n": len(group),
            "coverage": coverage(group),
            f"accuracy_{HEADLINE_THRESHOLD}": accuracy(group, seed=seed),
            "mean_score": mean_scores(group)["mean_score"],
        }
        for name, group in groups.items()
    }


def _reasons(samples: Iterable[Sample], status: Status) -> dict[str, int]:
    kinds = Counter(reason_kind(s.score.reason, s.video) for s in samples if s.score.status is status)
    return dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0])))
