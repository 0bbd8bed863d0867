"""The DSR-Score: status, parts, diagnosis, the metric class, the anchor criterion, statistics. Pure numpy."""

from dsrbench.metric.accumulator import DSRScore
from dsrbench.metric.anchor import find_anchor_frame
from dsrbench.metric.certainty import measure_certainty, score_draws
from dsrbench.metric.dsr import score_many, score_tracks
from dsrbench.metric.sequences import score_sequences

__all__ = [
    "DSRScore",
    "find_anchor_frame",
    "measure_certainty",
    "score_draws",
    "score_many",
    "score_sequences",
    "score_tracks",
]
