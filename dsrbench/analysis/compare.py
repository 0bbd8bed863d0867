"""Two models on the same prompts and seeds: by how much one is better, and how sure that is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dsrbench.analysis.statistics import Interval, PairedDifference, paired_difference
from dsrbench.analysis.summary import accuracy, coverage, mean_scores
from dsrbench.backends.protocols import FREE
from dsrbench.errors import InputError
from dsrbench.store import Run, RunManifest, Sample, describe_changes
from dsrbench.types import Floats, Status

N_PROMPTS = 10

LIBRARIES = frozenset({"torch", "transformers", "diffusers", "ultralytics", "onnxruntime", "ncnn", "lap", "trackers"})
"""Versions that fingerprints of backends have; runs that differ in them alone are compared with a note."""

Pairs = Sequence[tuple[Sample, Sample]]


@dataclasses.dataclass(frozen=True)
class RelationComparison:
    """The comparison for one relation type.

    Attributes:
        n_pairs: Pairs of that type.
        accuracy_a: Accuracy@0.7 of the first model.
        accuracy_b: Accuracy@0.7 of the second model.
        difference: Difference b - a of Accuracy@0.7.
    """

    n_pairs: int
    accuracy_a: Interval
    accuracy_b: Interval
    difference: PairedDifference


@dataclasses.dataclass(frozen=True)
class PromptComparison:
    """One prompt on which the models differ.

    Attributes:
        prompt_id: Its id.
        text: Its words.
        n_pairs: Pairs.
        accuracy_a: Share of the first model's samples that pass 0.7.
        accuracy_b: Share of the second model's samples that pass 0.7.
        score_difference: Mean of b - a over the pairs, unscored samples as 0.
    """

    prompt_id: str
    text: str
    n_pairs: int
    accuracy_a: float
    accuracy_b: float
    score_difference: float


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two models, paired by prompt id and seed. All samples count; one without a score is a failure.

    Attributes:
        model_a: Name of the first.
        model_b: Name of the second.
        n_pairs: Samples of equal prompt and seed; what follows is over these.
        n_prompts: Prompts they belong to.
        n_only_a: Samples of the first model without a partner.
        n_only_b: Samples of the second model without a partner.
        coverage_a: Share of samples with a score.
        coverage_b: Share of the second model's samples with a score.
        accuracy_a: Accuracy@0.7.
        accuracy_b: Accuracy@0.7 of the second model.
        difference: Difference b - a of Accuracy@0.7, with interval and p-value (clustered by prompt).
        mean_score_a: Mean score (scored only) with its two bounds, the others as 0 and as 1.
        mean_score_b: The same of the second model.
        mean_score_low: Difference b - a of the mean score with unscored samples as 0.
        mean_score_high: The same with unscored samples as 1.
        by_relation: The comparison for each relation type.
        prompts: The ten prompts on which they differ most.
        unlike: Settings in which the runs differ, if that was allowed.
        notes: Differences of devices, precisions and versions, which do not keep runs from being compared.
    """

    model_a: str
    model_b: str
    n_pairs: int
    n_prompts: int
    n_only_a: int
    n_only_b: int
    coverage_a: float
    coverage_b: float
    accuracy_a: Interval
    accuracy_b: Interval
    difference: PairedDifference
    mean_score_a: Mapping[str, float]
    mean_score_b: Mapping[str, float]
    mean_score_low: PairedDifference
    mean_score_high: PairedDifference
    by_relation: Mapping[str, RelationComparison]
    prompts: tuple[PromptComparison, ...]
    unlike: tuple[str, ...]
    notes: tuple[str, ...] = ()


def compare_models(
    run_a: Run,
    run_b: Run,
    *,
    model_a: str | None = None,
    model_b: str | None = None,
    allow_unlike: bool = False,
    seed: int = 0,
) -> Comparison:
    """Compare two models, sample by sample.

    Args:
        run_a: A finished run.
        run_b: Another, or the same one with another model.
        model_a: Name of a model of the first run; needed where it has several.
        model_b: Name of a model of the second run; needed where it has several.
        allow_unlike: Go on although the suites or settings differ; the differences are in the result.
        seed: Random seed of bootstrap and permutation.

    Raises:
        InputError: The suites or settings differ, a model is not named or not there, no sample has a partner, or both
            sides are the same videos.
    """
    if run_a.folder.resolve() != run_b.folder.resolve():
        _refuse_same_videos(run_a.samples(), run_b.samples())
    a, b = _of_model(run_a, model_a, "model-a"), _of_model(run_b, model_b, "model-b")
    _refuse_same_videos(a, b)
    unlike = unlike_settings(run_a.manifest, run_b.manifest) + _unlike_frames(_pair(a, b))
    if unlike and not allow_unlike:
        raise InputError(
            f"the runs were not made alike: {'; '.join(unlike)}. Score both with the same suite and settings, or "
            f"compare them all the same with --allow-unlike"
        )
    comparison = compare_samples(a, b, unlike=unlike, seed=seed)
    return dataclasses.replace(comparison, notes=tuple(unlike_runtimes(run_a.manifest, run_b.manifest)))


def compare_samples(
    a: Sequence[Sample], b: Sequence[Sample], *, unlike: Sequence[str] = (), seed: int = 0
) -> Comparison:
    """Compare the samples of two models, paired by prompt id and seed.

    Args:
        a: Samples of the first model.
        b: Samples of the second model.
        unlike: Settings in which they are known to differ; kept in the result.
        seed: Random seed of bootstrap and permutation.

    Raises:
        InputError: No sample has a partner.
    """
    pairs = _pair(a, b)
    left, right = [x for x, _ in pairs], [y for _, y in pairs]
    types = sorted({x.prompt.type for x in left})
    return Comparison(
        model_a=a[0].model,
        model_b=b[0].model,
        n_pairs=len(pairs),
        n_prompts=len({x.prompt.source_id for x in left}),
        n_only_a=len(a) - len(pairs),
        n_only_b=len(b) - len(pairs),
        coverage_a=coverage(left),
        coverage_b=coverage(right),
        accuracy_a=accuracy(left, seed=seed),
        accuracy_b=accuracy(right, seed=seed),
        difference=_difference(_passed(left), _passed(right), left, seed),
        mean_score_a=mean_scores(left),
        mean_score_b=mean_scores(right),
        mean_score_low=_difference(_scores(left, 0.0), _scores(right, 0.0), left, seed),
        mean_score_high=_difference(_scores(left, 1.0), _scores(right, 1.0), left, seed),
        by_relation={t: _relation([pair for pair in pairs if pair[0].prompt.type == t], seed) for t in types},
        prompts=_prompts(pairs),
        unlike=tuple(unlike),
    )


def unlike_settings(a: RunManifest, b: RunManifest) -> list[str]:
    """List the settings that keep two runs from being comparable, each as `name: a -> b`; empty when they are.

    Options that say where and how fast a backend runs, or how the certainty is measured, do not count.

    Args:
        a: Manifest of one run.
        b: Manifest of the other.

    >>> unlike_settings(RunManifest(stride=1), RunManifest(stride=4))
    ['stride: 1 -> 4']
    """

    def settings(manifest: RunManifest) -> dict[str, Any]:
        values = manifest.to_json()
        backends = {kind: _settings_of(values.get(kind)) for kind in ("detector", "tracker", "depth")}
        counted = {name: values[name] for name in ("counts", "stride")}
        return {**backends, **counted, "suite": {"sha256": manifest.suite.sha256}}

    return describe_changes(settings(a), settings(b))


def unlike_runtimes(a: RunManifest, b: RunManifest) -> list[str]:
    """List the devices, precisions and versions of libraries in which two runs differ.

    Args:
        a: Manifest of one run.
        b: Manifest of the other; of a manifest of dsrbench 0.1 the versions of packages alone are known.

    >>> unlike_runtimes(RunManifest(packages={"torch": "2.13"}), RunManifest(packages={"torch": "2.14"}))
    ["libraries.torch: '2.13' -> '2.14'"]
    """

    def runtime(manifest: RunManifest) -> dict[str, Any]:
        # a second detector changes no score
        records = [dataclasses.replace(record, second_detector=None).to_json() for record in manifest.runtime]
        ways = [record for i, record in enumerate(records) if record not in records[:i]]
        latest = records[-1] if records else {}
        libraries = {name: version for name, version in manifest.packages.items() if name in LIBRARIES}
        return {**latest, "libraries": libraries, **({"ways": len(ways)} if len(ways) > 1 else {})}

    one, other = runtime(a), runtime(b)
    names = one | other if a.runtime and b.runtime else {"libraries", *(one.keys() & other.keys())}
    return describe_changes({name: one.get(name) for name in names}, {name: other.get(name) for name in names})


def _settings_of(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a backend's record without free options and the versions of libraries; None for no backend."""
    if record is None:
        return None
    fingerprint = {name: value for name, value in record["fingerprint"].items() if name not in LIBRARIES}
    options = {name: value for name, value in record["options"].items() if name not in FREE}
    return {**record, "fingerprint": fingerprint, "options": options}


def _of_model(run: Run, model: str | None, option: str) -> list[Sample]:
    samples = run.samples()
    models = sorted({sample.model for sample in samples})
    if model is None and len(models) > 1:
        raise InputError(f"{run.folder} has {len(models)} models; say which with --{option}: {', '.join(models)}")
    chosen = [sample for sample in samples if model is None or sample.model == model]
    if not chosen:
        raise InputError(f"{run.folder} has no sample of {model or 'any model'}; it has: {', '.join(models) or 'none'}")
    return chosen


def _pair(a: Sequence[Sample], b: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    partners = {(sample.prompt.id, sample.seed): sample for sample in b}
    pairs = [(x, partners[x.prompt.id, x.seed]) for x in a if (x.prompt.id, x.seed) in partners]
    if not pairs:
        raise InputError(
            f"no sample of {a[0].model} has the prompt and seed of one of {b[0].model}; "
            f"compare runs of one suite of prompts"
        )
    return pairs


def _refuse_same_videos(a: Sequence[Sample], b: Sequence[Sample]) -> None:
    """Refuse two sides with the same files, which compare backends and not models."""
    ours, theirs = ({sample.video_sha256 for sample in side} - {""} for side in (a, b))
    same = len(ours & theirs)
    if same and 2 * same >= min(len(ours), len(theirs)):
        raise InputError(
            f"{same} of {len(ours)} videos are the same files on both sides: that compares backends, not models; "
            f"use: dsrbench agreement"
        )


def _unlike_frames(pairs: Pairs) -> list[str]:
    lengths = [sorted({pair[side].n_frames for pair in pairs} - {0}) for side in (0, 1)]
    alike = lengths[0] == lengths[1] or not all(lengths)
    return [] if alike else [f"frames: {' '.join(map(str, lengths[0]))} -> {' '.join(map(str, lengths[1]))}"]


def _passed(samples: Sequence[Sample]) -> Floats:
    return np.array([sample.score.passes() for sample in samples], np.float64)


def _scores(samples: Sequence[Sample], otherwise: float) -> Floats:
    """Scores with `otherwise` for the unscored, `[N]`."""
    scored = Status.SCORED
    return np.array([s.score.dsr_score if s.score.status is scored else otherwise for s in samples], np.float64)


def _difference(a: Floats, b: Floats, samples: Sequence[Sample], seed: int) -> PairedDifference:
    return paired_difference(a, b, [sample.prompt.source_id for sample in samples], seed=seed)


def _relation(pairs: Pairs, seed: int) -> RelationComparison:
    left, right = [x for x, _ in pairs], [y for _, y in pairs]
    difference = _difference(_passed(left), _passed(right), left, seed)
    return RelationComparison(len(pairs), accuracy(left, seed=seed), accuracy(right, seed=seed), difference)


def _prompts(pairs: Pairs) -> tuple[PromptComparison, ...]:
    """Return the prompts with the largest difference of accuracy, then of score; prompts without any are left out."""
    groups: dict[str, list[tuple[Sample, Sample]]] = {}
    for pair in pairs:
        groups.setdefault(pair[0].prompt.id, []).append(pair)
    prompts = []
    for prompt_id, group in groups.items():
        left, right = [x for x, _ in group], [y for _, y in group]
        change = float((_scores(right, 0.0) - _scores(left, 0.0)).mean())
        shares = float(_passed(left).mean()), float(_passed(right).mean())
        prompts.append(PromptComparison(prompt_id, left[0].prompt.text, len(group), *shares, change))
    differing = [
        p for p in prompts if p.accuracy_a != p.accuracy_b or not math.isclose(p.score_difference, 0, abs_tol=1e-9)
    ]
    differing.sort(key=lambda p: (-abs(p.accuracy_b - p.accuracy_a), -abs(p.score_difference), p.prompt_id))
    return tuple(differing[:N_PROMPTS])
