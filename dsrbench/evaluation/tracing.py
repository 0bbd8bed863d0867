"""Detections and tracks of one video, kept in the run folder and found again there."""

from __future__ import annotations

from dsrbench.evaluation.cache_keys import detection_key, track_key
from dsrbench.evaluation.planning import Job
from dsrbench.evaluation.scorer import Scorer
from dsrbench.store import Run
from dsrbench.types import Detections, VideoTracks
from dsrbench.video import probe


def trace_video(scorer: Scorer, job: Job, sha256: str, run: Run) -> VideoTracks:
    """Track the video of a sample, or read what the run folder already has of it; the tracks are kept there.

    Args:
        scorer: Detector and tracker.
        job: The sample; its path is there.
        sha256: Hash of the file.
        run: The folder that keeps detections and tracks.

    Raises:
        DSRBenchError: The video cannot be read, a backend not be used, or the run folder not be written.
    """
    assert job.path is not None
    info = probe(job.path)
    key = track_key(scorer, job.prompt, sha256)
    tracks = run.tracks(job.key, key)
    if tracks is None:
        tracks = scorer.track(_detect(scorer, job, sha256, run), job.prompt, info, sha256, job.path)
        run.write_tracks(job.key, tracks, {"key": key})
    return tracks


def _detect(scorer: Scorer, job: Job, sha256: str, run: Run) -> list[Detections]:
    """Detect in the video of a sample, or read the detections that the run folder has."""
    key = detection_key(scorer, job.prompt, sha256)
    stored = run.read_detections(job.key, key)
    if stored is not None:
        return stored[0]
    assert job.path is not None
    detections = scorer.detect(job.path, job.name, job.prompt)
    run.write_detections(job.key, detections, {"key": key, "labels": [job.prompt.subject, job.prompt.object]})
    return detections
