"""Detections and tracks of one video, kept in the run folder and found again there.

A second detector adds `detections/SAMPLE.second.npz`. What is scored is `tracks/SAMPLE.npz`, the pooled tracks of both.
A propagating tracker takes long, so that its tracks by each detector are kept as well, as `tracks/SAMPLE.first.npz` and
`tracks/SAMPLE.second.npz`: with another second detector, or without one, the first is not propagated again. A second
detector that crashes on a video fails its sample, as the first does: a certainty by one detector is not passed off as
one by both.

Depth and the motion of the camera are measured last, in a further pass over the frames, and are kept with the tracks,
so that scoring again needs no network.
"""

from __future__ import annotations

from dsrbench.evaluation.cache_keys import detection_key, part_key, track_key
from dsrbench.evaluation.frames import Video, open_video
from dsrbench.evaluation.measuring import measure_tracks, needs_measuring
from dsrbench.evaluation.planning import Job
from dsrbench.evaluation.pooling import pool_tracks
from dsrbench.evaluation.scorer import Scorer
from dsrbench.store import Run
from dsrbench.types import Detections, Prompt, VideoTracks

FIRST, SECOND = "first", "second"
"""Parts of a sample in the run folder, one a detector."""


def trace_video(scorer: Scorer, job: Job, sha256: str, run: Run, *, video: Video | None = None) -> VideoTracks:
    """Track the video of a sample, or read what the run folder already has of it; the tracks are kept there.

    Args:
        scorer: Detectors and tracker.
        job: The sample; its path is there.
        sha256: Hash of the file.
        run: The folder that keeps detections and tracks.
        video: The video where it is in memory already; by default the job's file.

    Raises:
        DSRBenchError: The video cannot be read, a backend not be used, or the run folder not be written.
    """
    key = track_key(scorer, job.prompt, sha256)
    tracks = run.tracks(job.key, key)
    if tracks is None:
        assert job.path is not None
        source = video if video is not None else job.path
        first, *others = scorer.parts(job.prompt)
        is_last = not others and not needs_measuring(scorer, job.prompt)
        tracks = _track(first, job, source, sha256, run, FIRST, keep=not is_last)
        for second in others:
            tracks = pool_tracks(tracks, _track(second, job, source, sha256, run, SECOND, keep=True))
        tracks = measure_tracks(scorer, tracks, job.prompt, source, job.name)
        run.write_tracks(job.key, tracks, {"key": key})
    return tracks


def trace_once(scorer: Scorer, prompt: Prompt, video: Video, name: str, sha256: str = "") -> VideoTracks:
    """Track a video of a prompt without a run folder.

    Args:
        scorer: Detectors and tracker.
        prompt: The prompt.
        video: A file, or a video in memory.
        name: Name of the video, for scripted backends.
        sha256: Hash of the file, for the record.

    Raises:
        DSRBenchError: The video cannot be read, or a backend not be used.
    """
    source = open_video(video)
    info = source.info
    tracks, *others = (
        part.track(part.detect(source, name, prompt), prompt, info, sha256, source) for part in scorer.parts(prompt)
    )
    for other in others:
        tracks = pool_tracks(tracks, other)
    return measure_tracks(scorer, tracks, prompt, source, name)


def _track(scorer: Scorer, job: Job, video: Video, sha256: str, run: Run, part: str, *, keep: bool) -> VideoTracks:
    """Track by one detector, or read the tracks that the run folder has.

    Args:
        scorer: One detector and the tracker.
        job: The sample.
        video: Its video.
        sha256: Hash of its file.
        run: The run folder.
        part: Name of the detector's part, `FIRST` or `SECOND`.
        keep: Whether to keep tracks that took long apart from the pooled ones.
    """
    key = part_key(scorer, job.prompt, sha256)
    tracks = (run.tracks(job.key, key) or run.tracks(job.key, key, part=part)) if scorer.propagates else None
    if tracks is None:
        info = open_video(video).info
        tracks = scorer.track(_detect(scorer, job, video, sha256, run, part), job.prompt, info, sha256, video)
    if keep and scorer.propagates:
        run.write_tracks(job.key, tracks, {"key": key}, part=part)
    return tracks


def _detect(scorer: Scorer, job: Job, video: Video, sha256: str, run: Run, part: str) -> list[Detections]:
    """Detect in the video of a sample, or read the detections that the run folder has."""
    name = SECOND if part == SECOND else ""
    key = detection_key(scorer, job.prompt, sha256)
    stored = run.read_detections(job.key, key, part=name)
    if stored is not None:
        return stored[0]
    detections = scorer.detect(video, job.name, job.prompt)
    meta = {"key": key, "labels": list(job.prompt.nouns)}
    run.write_detections(job.key, detections, meta, part=name)
    return detections
