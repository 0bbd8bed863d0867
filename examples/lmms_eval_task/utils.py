"""Functions of the lmms-eval task `dsr`: DSR-Scores of a folder of videos, by dsrbench.

`$DSRBENCH_VIDEOS` is the folder, `$DSRBENCH_SUITE` the suite's file or name, `$DSRBENCH_DETECTOR` a detector other than
the default. The folder is scored once, when the first prompt is looked at; every clip of a prompt counts.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import dsrbench

LOCK = threading.Lock()


@functools.cache
def score_videos() -> Mapping[str, Sequence[Any]]:
    """Return the scores of the clips of each prompt."""
    result = dsrbench.evaluate(
        videos=os.environ["DSRBENCH_VIDEOS"],
        suite=os.environ.get("DSRBENCH_SUITE", "dsr-core"),
        detector=os.environ.get("DSRBENCH_DETECTOR"),
    )
    scores: dict[str, list[Any]] = {}
    for sample in result.samples:
        scores.setdefault(sample.prompt.id, []).append(sample.score)
    return scores


def doc_to_visual(doc: Mapping[str, Any], lmms_eval_specific_kwargs: object = None) -> list[Any]:
    """Show nothing to the model."""
    return []


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: object = None) -> str:
    """Return the prompt."""
    return str(doc["text"])


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, list[float]]:
    """Return the figures of a prompt's clips; a clip without a score counts 0."""
    with LOCK:  # prompts may be looked at by several threads
        scores = score_videos().get(doc["id"], [])
    return {
        "dsr_accuracy": [float(score.passes()) for score in scores],
        "dsr_score": [0.0 if score.reason else score.dsr_score for score in scores],
    }


def mean_of_clips(rows: Sequence[Sequence[float]]) -> float:
    """Return the mean over the clips of all prompts."""
    values = [value for row in rows for value in row]
    return sum(values) / len(values) if values else float("nan")
