"""The work on one video, for every engine: it is traced (detected and tracked), then its tracks are scored."""

from __future__ import annotations

import dataclasses
import os
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsrbench.errors import BackendError, StoreError, UnsupportedVersionError
from dsrbench.evaluation.cache_keys import score_key, track_key
from dsrbench.evaluation.names import readable
from dsrbench.evaluation.planning import Job
from dsrbench.evaluation.scorer import Scorer, explain_failure, score_sample
from dsrbench.evaluation.tracing import trace_video
from dsrbench.store import Run, Sample, Written
from dsrbench.types import FrameCounts, VideoScore, VideoTracks
from dsrbench.video import sha256_file


@dataclasses.dataclass(frozen=True)
class Traced:
    """A sample on its way to a score.

    Attributes:
        sample: As it will be written, but for the score where `tracks_key` is given.
        file: Path, size, time of change and hash of the video, by which the hash is trusted next time.
        tracks_key: Names the tracks to score; empty where the sample is final.
        tracks: These tracks, where they are at hand.
    """

    sample: Sample
    file: dict[str, Any]
    tracks_key: str = ""
    tracks: VideoTracks | None = None


def is_finished(job: Job, scorer: Scorer, old: Sample | None, note: Mapping[str, Any]) -> bool:
    """Whether `old`, a sample that was written before, is what the job would give again, by its file's `note` alone."""
    if old is None or old.prompt != job.prompt or old.video != job.name:
        return False
    if job.path is None:
        return old.key == "" and old.score.reason == job.problem
    file = describe_file(job.path)
    return (
        _same_file(note, file)
        and note["sha256"] == old.video_sha256
        and old.text_used == job.text_used
        and old.key == score_key(scorer, job.prompt, old.video_sha256)
    )


def fail_job(job: Job) -> Traced:
    """The failed sample of a job that cannot be done, with the job's problem as the reason."""
    sample = Sample(
        *(job.key.model, job.prompt, job.key.seed, VideoScore.failed(job.problem), job.name), text_used=job.text_used
    )
    return Traced(sample, {})


def trace_job(job: Job, scorer: Scorer, run: Run, written: Written | None) -> Traced:
    """Detect and track a job's video, unless the sample that was `written` before is still true of it.

    A video that cannot be read, or on which a backend crashes, gives a failed sample.

    Args:
        job: What to do.
        scorer: The backends.
        run: Where detections and tracks are kept.
        written: The sample the folder has.

    Raises:
        StoreError: The folder cannot be written, for instance because the disk is full.
    """
    failed = fail_job(job)
    if job.path is None:
        return failed
    blank = failed.sample
    old, note = written or (None, {})
    file: dict[str, Any] = {}
    try:
        file = describe_file(job.path)
        sha256 = note["sha256"] if _same_file(note, file) else sha256_file(job.path)
        file |= {"sha256": sha256, **({"made_by": job.made_by} if job.made_by else {})}
        key = score_key(scorer, job.prompt, sha256)
        if old is not None and old.key == key and old.prompt == job.prompt:
            return Traced(dataclasses.replace(old, video=job.name, text_used=job.text_used), file)
        sample = dataclasses.replace(blank, video_sha256=sha256, key=key)
        try:
            scorer.check_prompt(job.prompt)
        except BackendError as error:
            return Traced(dataclasses.replace(sample, score=VideoScore.invalid(str(error))), file)
        began = time.monotonic()
        tracks = trace_video(scorer, job, sha256, run)
        run.log("evaluated", sample=str(job.key), seconds=round(time.monotonic() - began, 3))
        return Traced(sample, file, track_key(scorer, job.prompt, sha256), tracks)
    except (StoreError, UnsupportedVersionError):
        raise
    except Exception as error:
        unread = dataclasses.replace(blank, video_sha256=file.get("sha256", ""))
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
    if written is None or written[0].row() != sample.row() or written[1] != traced.file:
        run.write_sample(sample, traced.file)
    return sample


def _fail(error: Exception, sample: Sample, run: Run, path: Path | None = None) -> Sample:
    reason = explain_failure(error)
    run.log("failed", sample=str(sample.id), error=reason, trace=traceback.format_exc())
    if path is not None:
        reason = reason.replace(str(path), sample.video)
    return dataclasses.replace(sample, score=VideoScore.failed(readable(reason)))


def describe_file(path: Path) -> dict[str, Any]:
    """Path, size in bytes and time of change of a file; the path alone of one that is not there."""
    where = readable(os.path.realpath(path))
    try:
        stat = path.stat()
    except OSError:
        return {"path": where}
    return {"path": where, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _same_file(note: Mapping[str, Any], file: Mapping[str, Any]) -> bool:
    return bool(note.get("sha256")) and all(note.get(name) == file.get(name) for name in ("path", "size", "mtime_ns"))
