"""Checks of an entry: its fields, its rows, all samples present, and its scores computed again from the boxes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dsrbench.analysis import Summary, summarize
from dsrbench.analysis.statistics import Interval
from dsrbench.metric import score_many
from dsrbench.prompts import Suite
from dsrbench.store import Sample
from dsrbench.submission.boxes import BoxRow, read_boxes
from dsrbench.submission.entry import Entry, SubmissionError, read_entry
from dsrbench.submission.implied import find_contradictions
from dsrbench.types import THRESHOLDS, Status, VideoScore

TOLERANCE = 1e-6
"""Maximum difference of a claimed figure from the computed one; processors round the last digits differently."""

CLAIMED = ("n_samples", "n_prompts", "n_scored", "n_invalid", "n_failed", "coverage", "mean_score")
"""Figures of a summary that are compared beside the accuracies."""

MAX_SHOWN = 20
"""Maximum number of samples named in a message."""


@dataclasses.dataclass(frozen=True)
class CheckedEntry:
    """An entry whose claimed figures are those of its boxes.

    Attributes:
        entry: The content of `entry.json`.
        samples: Samples scored again from the boxes, sorted by prompt id and seed.
        summary: Figures computed from the samples.
    """

    entry: Entry
    samples: Sequence[Sample]
    summary: Summary


def check_entry(folder: Path, find_suite: Callable[[str, str], Suite]) -> CheckedEntry:
    """Check the entry in a folder, and score it again from its boxes.

    Args:
        folder: Folder with `entry.json` and `boxes.parquet`.
        find_suite: Function from a name and a version to the suite; raises `SubmissionError` for an unknown one.

    Raises:
        SubmissionError: The entry is not accepted; the error has the reasons.
    """
    entry = read_entry(folder)
    suite = find_suite(entry.suite.name, entry.suite.version)
    if suite.sha256 != entry.suite.sha256:
        raise SubmissionError(
            f"the prompts of suite {suite.name} {suite.version} have the sha256 {suite.sha256[:12]}..., the entry's "
            f"{entry.suite.sha256[:12]}...: score the videos with the suite as it was published"
        )
    rows = read_grid(entry, suite, folder)
    samples = score_rows(rows, suite, entry)
    compare_scores(rows, samples)
    if problems := list(find_contradictions(entry, rows)):
        raise SubmissionError(*_first(problems))
    summary = summarize(samples)
    compare_claim(entry.claim, summary)
    return CheckedEntry(entry, samples, summary)


def check_figures(folder: Path, find_suite: Callable[[str, str], Suite]) -> tuple[Entry, Summary]:
    """Check that the figures of an entry without boxes are possible.

    Args:
        folder: Folder with `entry.json`.
        find_suite: Function from a name and a version to the suite; raises `SubmissionError` for an unknown one.

    Returns:
        The entry, and those of its claimed figures that were checked.

    Raises:
        SubmissionError: The entry is not accepted; the error has the reasons.
    """
    entry = read_entry(folder)
    suite = find_suite(entry.suite.name, entry.suite.version)
    n_samples, accuracy = len(suite) * len(entry.seeds), entry.claim.get("accuracy")
    shares = {f"{threshold:.1f}": _value(accuracy, f"{threshold:.1f}") for threshold in THRESHOLDS}
    counts = {name: entry.claim.get(name) for name in ("n_samples", "n_scored", "n_invalid", "n_failed")}
    coverage = entry.claim.get("coverage")
    problems = [*_impossible(counts, {**shares, "coverage": coverage}, n_samples), *find_contradictions(entry, [])]
    if suite.sha256 != entry.suite.sha256:
        problems.append(f"the prompts of suite {suite.name} have another sha256")
    if problems:
        raise SubmissionError(*problems)
    intervals = {name: Interval(value, math.nan, math.nan) for name, value in shares.items()}
    return entry, dataclasses.replace(Summary.from_json({**counts, "coverage": coverage}), accuracy=intervals)


def _impossible(counts: Mapping[str, Any], shares: Mapping[str, Any], n_samples: int) -> Iterator[str]:
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in counts.values()):
        yield f"{', '.join(counts)} must be whole numbers"
    elif counts["n_samples"] != n_samples:
        yield f"n_samples must be {n_samples}: every prompt with every seed"
    elif sum(counts.values()) != 2 * n_samples:
        yield "n_scored, n_invalid and n_failed must add up to n_samples"
    wrong = {name: value for name, value in shares.items() if not _is_share(value)}
    for name, value in wrong.items():
        yield f"{name if name == 'coverage' else f'Accuracy@{name}'} must be a number in 0..1, got {str(value)[:40]!r}"
    falling = [shares["coverage"], *(value for name, value in shares.items() if name != "coverage")]
    if not wrong and falling != sorted(falling, reverse=True):
        yield "Accuracy@t must not rise with t, nor be above coverage"


def _value(accuracy: Any, threshold: str) -> Any:
    figure = accuracy.get(threshold) if isinstance(accuracy, dict) else None
    return figure.get("value") if isinstance(figure, dict) else None


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def read_grid(entry: Entry, suite: Suite, folder: Path) -> list[BoxRow]:
    """Read the rows of an entry, one for each prompt and seed, sorted by both.

    Raises:
        SubmissionError: A row is missing, repeated, unexpected or malformed.
    """
    grid = {(prompt.id, seed) for prompt in suite for seed in entry.seeds}
    rows: dict[tuple[str, int], BoxRow] = {}
    for row in read_boxes(folder, max_rows=len(grid)):
        key = row.prompt_id, row.seed
        if key not in grid or key in rows:
            problem = "is there twice" if key in rows else f"is not one of suite {suite.name} and the entry's seeds"
            raise SubmissionError(f"{row.shown} {problem}")
        rows[key] = row
    if missing := sorted(grid - rows.keys()):
        lines = [f"sample {id}, seed {seed} is missing" for id, seed in missing]
        raise SubmissionError(f"{len(missing)} of {len(grid)} samples are missing", *_first(lines))
    return [rows[key] for key in sorted(rows)]


def score_rows(rows: Sequence[BoxRow], suite: Suite, entry: Entry) -> list[Sample]:
    """Return a sample for every row, scored from its boxes and not from its claim.

    Only the certainty is the claimed one, since other tracks than those of the boxes decide it. It makes the intervals
    of Accuracy@0.7 wider, never narrower, and changes no other figure than the number of certain decisions.
    """
    scores = _scores(rows, suite, entry)
    return [_sample(row, score, suite, entry) for row, score in zip(rows, scores, strict=True)]


def compare_scores(rows: Sequence[BoxRow], samples: Sequence[Sample]) -> None:
    """Check that every row claims the score of its boxes.

    Raises:
        SubmissionError: A row claims another score.
    """
    problems = list(_differences(rows, [sample.score for sample in samples]))
    if problems:
        raise SubmissionError(
            f"the boxes give other scores than claimed, for {len(problems)} of {len(rows)} samples", *_first(problems)
        )


def _first(lines: Sequence[str]) -> list[str]:
    more = [f"and {len(lines) - MAX_SHOWN} more"] if len(lines) > MAX_SHOWN else []
    return [*lines[:MAX_SHOWN], *more]


def _scores(rows: Sequence[BoxRow], suite: Suite, entry: Entry) -> list[VideoScore]:
    boxed = [row for row in rows if row.tracks is not None]
    tracks = [row.tracks for row in boxed if row.tracks is not None]
    for row in boxed:
        n_claims, n_tracks = len(suite.get(row.prompt_id).clauses), 1 + len(row.tracks.further if row.tracks else ())
        if n_claims != n_tracks:
            raise SubmissionError(f"{row.shown} has the boxes of {n_tracks} claims, its prompt {n_claims}")
    scores = iter(score_many(tracks, [suite.get(row.prompt_id) for row in boxed], counts=entry.counts))
    return [_score(row, next(scores) if row.tracks is not None else None) for row in rows]


def _score(row: BoxRow, score: VideoScore | None) -> VideoScore:
    """Return the score of a row, given that of its boxes; None, or no anchor frame, makes it invalid."""
    if row.status is Status.FAILED or score is None:
        status = Status.FAILED if row.status is Status.FAILED else Status.INVALID
        return VideoScore(status, row.reason or "no boxes")
    if not row.anchored:
        return VideoScore.invalid(row.reason or "no anchor frame")
    return dataclasses.replace(score, certainty=row.certainty) if score.status is Status.SCORED else score


def _differences(rows: Sequence[BoxRow], scores: Sequence[VideoScore]) -> Iterator[str]:
    for row, score in zip(rows, scores, strict=True):
        same = row.status is score.status
        if same and score.status is Status.SCORED:
            same = math.isclose(row.score, score.dsr_score, rel_tol=0, abs_tol=TOLERANCE)
        if not same:
            computed = f"{score.dsr_score:.6f}" if score.status is Status.SCORED else score.status.value
            claimed = f"{row.score:.6f}" if row.status is Status.SCORED else row.status.value
            yield f"{row.shown} claims {claimed}, its boxes give {computed}"


def _sample(row: BoxRow, score: VideoScore, suite: Suite, entry: Entry) -> Sample:
    tracks = row.tracks
    facts: dict[str, Any] = {}
    if tracks is not None:
        facts = {"n_frames": len(tracks), "fps": tracks.fps, "width": tracks.size[0], "height": tracks.size[1]}
        facts["n_filled"] = tracks.n_filled
    return Sample(
        entry.name,
        suite.get(row.prompt_id),
        row.seed,
        score,
        video_sha256=row.video_sha256,
        text_used=row.text_used,
        **facts,
    )


def compare_claim(claim: Mapping[str, Any], summary: Summary) -> None:
    """Check that the claimed figures are those of the summary.

    Intervals are not compared: a board computes them again, from the boxes and the claimed certainties.

    Raises:
        SubmissionError: A figure is missing, or differs.
    """
    problems = []
    computed, accuracy = summary.to_json(), claim.get("accuracy")
    pairs = [(name, claim.get(name), computed[name]) for name in CLAIMED]
    for threshold, interval in computed["accuracy"].items():
        pairs.append((f"Accuracy@{threshold}", _value(accuracy, threshold), interval["value"]))
    for name, claimed, figure in pairs:
        if figure is None or claimed is None:
            same = claimed is figure
        else:
            number = isinstance(claimed, int | float) and not isinstance(claimed, bool)
            same = number and math.isclose(claimed, figure, rel_tol=0, abs_tol=TOLERANCE)
        if not same:
            problems.append(f"{name} is claimed to be {claimed}, the boxes give {figure}")
    if problems:
        raise SubmissionError(*problems)
