"""The DSR-Score: status, parts, diagnosis, the metric class, the anchor criterion, statistics. Pure numpy."""

from dsrbench.score.anchor import find_anchor_frame
from dsrbench.score.batch import BatchScores, score_batch
from dsrbench.score.dsr import score_many, score_tracks
from dsrbench.score.metric import DSRScore

__all__ = ["BatchScores", "DSRScore", "find_anchor_frame", "score_batch", "score_many", "score_tracks"]
