"""The local engine: jobs one after the other in this process, resumed where a killed run stopped."""

from __future__ import annotations

import dataclasses
import itertools
import os
import secrets
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dsrbench.errors import RunMismatchError, StoreError, VideoError
from dsrbench.pipeline.generation import generate_videos
from dsrbench.pipeline.names import readable
from dsrbench.pipeline.plan import Job, Plan
from dsrbench.pipeline.provenance import build_manifest
from dsrbench.pipeline.stages import Stages, explain_failure
from dsrbench.registry import Backend, Generator
from dsrbench.store import Run, Sample, describe_changes
from dsrbench.types import VideoScore
from dsrbench.video import sha256_file

Progress = Callable[[str, int, int, str], None]
"""Called with what is being done, how many are done, how many there are, and the name of the newest."""

MUST_AGREE = ("suite", "generator", "detector")
"""Parts of the manifest that a folder keeps for life: others would throw hours of work away in silence."""


def evaluate(
    plan: Plan,
    stages: Stages,
    run: Run,
    *,
    generator: Backend[Generator] | None = None,
    force: bool = False,
    on_progress: Progress | None = None,
) -> list[Sample]:
    """Score every job of a plan into a run folder, after its videos were made where a generator is given.

    Finished samples are found again by content and skipped. A video that cannot be read, or on which a backend crashes,
    becomes a failed sample; the run goes on.

    Args:
        plan: The jobs.
        stages: The backends.
        run: The run folder; made if need be.
        generator: Makes the videos first; then the plan is one of `plan_generation`.
        force: Do everything again, whatever the folder holds.
        on_progress: Told of every video made and of every sample scored.

    Returns:
        All samples, sorted; also written to `samples.parquet`.

    Raises:
        RunMismatchError: The folder holds a run of another suite, generator or detector.
        BackendError: The generator can make none of the prompts.
        RunLockedError: Another process works on it.
        StoreError: It cannot be written, for instance because the disk is full.
    """
    tell = on_progress or (lambda *_: None)
    with run.lock():
        manifest = build_manifest(plan, stages, generator)
        before = run.written_samples()
        if force:
            run.clear()
        _check_manifest(run, manifest)
        _drop_stale_table(run, manifest)
        run.write_manifest(manifest)
        run.log("start", samples=len(plan.jobs))
        if generator is not None:
            count = itertools.count(1)
            plan = generate_videos(
                *(plan, generator, run),
                on_video=lambda job: tell("generating", next(count), len(plan.jobs), job.name),
            )
        samples = []
        for done, job in enumerate(plan.jobs, start=1):
            old, note = before.get(job.key, (None, {}))
            _link_video(job, run, old.video_sha256 if old is not None else "")
            sample = _evaluate_job(job, stages, run, None if force else old, {} if force else note)
            samples.append(sample)
            tell("scoring", done, len(plan.jobs), sample.video or str(sample.id))
        run.compact(samples)
        run.log("end", samples=len(samples))
    return samples


def _check_manifest(run: Run, manifest: Mapping[str, Any]) -> None:
    old = run.manifest
    if not old:
        return
    changes = describe_changes(
        {name: old.get(name) for name in MUST_AGREE}, {name: manifest.get(name) for name in MUST_AGREE}
    )
    if changes:
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        raise RunMismatchError(
            f"{run.folder} holds a run with other settings ({'; '.join(changes[:3])}{more}); "
            f"give another --out folder, or --force to throw its results away"
        )


def _drop_stale_table(run: Run, manifest: Mapping[str, Any]) -> None:
    """Remove the table of a run with another manifest, which would be taken for this one's if this one were killed."""
    old = {name: value for name, value in run.manifest.items() if name != "schema"}
    if old != manifest:
        run.disk.path("samples.parquet").unlink(missing_ok=True)


def _evaluate_job(job: Job, stages: Stages, run: Run, old: Sample | None, note: Mapping[str, Any]) -> Sample:
    """A job's sample: `old`, the one the folder has, where the file's `note` shows it is still true, else a new one."""
    blank = Sample(
        *(job.key.model, job.prompt, job.key.seed, VideoScore.failed(job.problem), job.name), text_used=job.text_used
    )
    if job.path is None:
        return _keep(blank, None, run, old)
    file: dict[str, Any] = {}
    try:
        file = _describe_file(job.path)
        sha256 = note["sha256"] if _same_file(note, file) else sha256_file(job.path)
        file["sha256"] = sha256
        if old is not None and old.key == stages.score_key(job.prompt, sha256) and old.prompt == job.prompt:
            return _keep(dataclasses.replace(old, video=job.name, text_used=job.text_used), file, run, old, note)
        began = time.monotonic()
        sample = stages.evaluate(job, sha256, run)
        run.log("evaluated", sample=str(job.key), seconds=round(time.monotonic() - began, 3))
    except StoreError:
        raise
    except Exception as error:
        run.log("failed", sample=str(job.key), error=explain_failure(error), trace=traceback.format_exc())
        reason = explain_failure(error).replace(str(job.path), job.name)
        sample = dataclasses.replace(
            blank, score=VideoScore.failed(readable(reason)), video_sha256=file.get("sha256", "")
        )
    return _keep(sample, file, run, old, note)


def _keep(
    sample: Sample,
    file: Mapping[str, Any] | None,
    run: Run,
    old: Sample | None,
    note: Mapping[str, Any] | None = None,
) -> Sample:
    """Write a sample unless the folder has just that."""
    if old is None or old.row() != sample.row() or dict(file or {}) != dict(note or {}):
        run.write_sample(sample, file)
    return sample


def _describe_file(path: Path) -> dict[str, Any]:
    where = readable(str(path.resolve()))
    try:
        stat = path.stat()
    except OSError:
        return {"path": where}
    return {"path": where, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _same_file(note: Mapping[str, Any], file: Mapping[str, Any]) -> bool:
    return bool(note.get("sha256")) and all(note.get(name) == file.get(name) for name in ("path", "size", "mtime_ns"))


def _link_video(job: Job, run: Run, linked_sha256: str) -> None:
    """Show the video in the run's `videos/`: a hard link where possible, else a symbolic one.

    Args:
        job: The sample.
        run: The run folder.
        linked_sha256: Hash of the video that was linked before. When its file has been replaced by another the link is
            renewed; what is no link of ours is left alone.
    """
    if job.path is None:
        return
    link, source = run.videos / job.name, job.path.resolve()
    try:
        if os.path.lexists(link):
            if link.exists() and link.samefile(source):
                return
            if not link.is_symlink() and sha256_file(link) != linked_sha256:
                run.log("no link", video=job.name, error="another file of that name is there")
                return
        link.parent.mkdir(parents=True, exist_ok=True)
        part = link.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            os.link(source, part)
        except OSError:
            part.symlink_to(source)
        os.replace(part, link)
    except (OSError, VideoError) as error:
        run.log("no link", video=job.name, error=str(error))
