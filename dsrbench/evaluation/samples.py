"""The work on one video, for every engine: it is traced (detected and tracked), then its tracks are scored."""

from __future__ import annotations

import dataclasses
import os
import time
import traceback
from pathlib import Path

from dsrbench.errors import BackendError, StoreError, UnsupportedVersionError
from dsrbench.evaluation.cache_keys import score_key, track_key
from dsrbench.evaluation.frames import Video
from dsrbench.evaluation.names import readable
from dsrbench.evaluation.planning import Job
from dsrbench.evaluation.scorer import Scorer, explain_failure, score_sample
from dsrbench.evaluation.tracing import trace_video
from dsrbench.store import Run, Sample, VideoRecord, Written
from dsrbench.types import FrameCounts, VideoScore, VideoTracks
from dsrbench.video import sha256_file


@dataclasses.dataclass(frozen=True)
class Traced:
    """A sample on its way to a score.

    Attributes:
        sample: The sample as it will be written, without its score where `tracks_key` is given.
        video: The record of its video.
        tracks_key: Names the tracks to score; empty where the sample is final.
        tracks: These tracks, where they are at hand.
    """

    sample: Sample
    video: VideoRecord
    tracks_key: str = ""
    tracks: VideoTracks | None = None


def is_finished(job: Job, scorer: Scorer, old: Sample | None, video: VideoRecord) -> bool:
    """Tell whether a sample written before is what the job would give again, by the record of its video alone."""
    if old is None or old.prompt != job.prompt or old.video != job.name:
        return False
    if job.path is None:
        return old.key == "" and old.score.reason == job.problem
    return (
        video.is_unchanged(describe_file(job.path))
        and video.sha256 == old.video_sha256
        and old.text_used == job.text_used
        and old.key == score_key(scorer, job.prompt, old.video_sha256)
    )


def fail_job(job: Job) -> Traced:
    """Return the failed sample of a job that cannot be done, with the job's problem as the reason."""
    sample = Sample(
        job.key.model, job.prompt, job.key.seed, VideoScore.failed(job.problem), job.name, text_used=job.text_used
    )
    return Traced(sample, VideoRecord())


def trace_job(job: Job, scorer: Scorer, run: Run, written: Written | None, *, video: Video | None = None) -> Traced:
    """Detect and track a job's video, unless the sample that was `written` before is still true of it.

    A video that cannot be read, or on which a backend crashes, gives a failed sample.

    Args:
        job: The job.
        scorer: The backends.
        run: Where detections and tracks are kept.
        written: The sample the folder has.
        video: The job's video where it is in memory already; by default its file.

    Raises:
        StoreError: The folder cannot be written, for instance because the disk is full.
    """
    failed = fail_job(job)
    if job.path is None:
        return failed
    blank = failed.sample
    old, record = written or (None, VideoRecord())
    file = VideoRecord()
    try:
        file = describe_file(job.path)
        sha256 = record.sha256 if record.sha256 and record.is_unchanged(file) else sha256_file(job.path)
        file = dataclasses.replace(file, sha256=sha256, made_by=job.made_by or None)
        key = score_key(scorer, job.prompt, sha256)
        if old is not None and old.key == key and old.prompt == job.prompt:
            return Traced(dataclasses.replace(old, video=job.name, text_used=job.text_used), file)
        sample = dataclasses.replace(blank, video_sha256=sha256, key=key)
        try:
            scorer.check_prompt(job.prompt)
        except BackendError as error:
            return Traced(dataclasses.replace(sample, score=VideoScore.invalid(str(error))), file)
        began = time.monotonic()
        tracks = trace_video(scorer, job, sha256, run, video=video)
        run.log("evaluated", sample=str(job.key), seconds=round(time.monotonic() - began, 3))
        return Traced(sample, file, track_key(scorer, job.prompt, sha256), tracks)
    except (StoreError, UnsupportedVersionError):
        raise
    except Exception as error:
        unread = dataclasses.replace(blank, video_sha256=file.sha256 or "")
        return Traced(_fail(error, unread, run, job.path), file)


def score_traced(traced: Traced, counts: FrameCounts | None, run: Run) -> Sample:
    """Score a sample's tracks and write it, unless the folder has just that.

    Raises:
        StoreError: The folder cannot be written, for instance because the disk is full.
    """
    sample = traced.sample
    if traced.tracks_key:
        try:
            tracks = traced.tracks or run.tracks(sample.id, traced.tracks_key)
            if tracks is None:
                raise StoreError(
                    f"the tracks of {sample.id} are gone from {run.disk.shown}; run the same command again"
                )
            sample = score_sample(sample, tracks, counts)
        except StoreError:
            raise
        except Exception as error:
            sample = _fail(error, dataclasses.replace(sample, key=""), run)
    written = run.read_sample(sample.id)
    if written is None or written[0].row() != sample.row() or written[1] != traced.video:
        run.write_sample(sample, traced.video)
    return sample


def _fail(error: Exception, sample: Sample, run: Run, path: Path | None = None) -> Sample:
    reason = explain_failure(error)
    run.log("failed", sample=str(sample.id), error=reason, trace=traceback.format_exc())
    if path is not None:
        reason = reason.replace(str(path), sample.video)
    return dataclasses.replace(sample, score=VideoScore.failed(readable(reason)))


def describe_file(path: Path) -> VideoRecord:
    """Return the record of a file without its hash: path, size and time of change; the path alone where absent."""
    where = readable(os.path.realpath(path))
    try:
        stat = path.stat()
    except OSError:
        return VideoRecord(where)
    return VideoRecord(where, stat.st_size, stat.st_mtime_ns)
