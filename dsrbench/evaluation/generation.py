"""Generate: the videos a plan asks for, made in fixed blocks, those that are there left alone."""

from __future__ import annotations

import dataclasses
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dsrbench.backends.base import Generator
from dsrbench.backends.registry import Backend
from dsrbench.errors import BackendError, InputError, StoreError, VideoError
from dsrbench.evaluation.cache_keys import digest
from dsrbench.evaluation.names import readable
from dsrbench.evaluation.planning import Job, Plan
from dsrbench.evaluation.scorer import explain_failure
from dsrbench.prompts import describe_prompt
from dsrbench.records import from_json
from dsrbench.store import Run
from dsrbench.types import Clip, NoClip
from dsrbench.video import sha256_file, write_mp4


@dataclasses.dataclass(frozen=True)
class GenerationRecord:
    """The record of a video that was made here, in `generated/`.

    Attributes:
        key: Cache key of the generation.
        sha256: Hash of the file.
        text_used: Text that the model was given.
        metadata: Facts that the generator adds, as JSON values.
    """

    key: str
    sha256: str
    text_used: str = ""
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def is_of(self, path: Path) -> bool:
        """Tell whether a file is the one that was made."""
        try:
            return sha256_file(path) == self.sha256
        except VideoError:
            return False


def finish_block(
    block: Sequence[Job], generator: Backend[Generator], run: Run, refused: Mapping[str, str]
) -> Iterator[Job]:
    """Make the videos of one block that are not there yet, into the run's `videos/`.

    Blocks are fixed by the suite and the seeds, so that a run that was cut off gives the same bytes as one that was
    not: a block that is not whole is made again whole, and what it lacks is written. A block on which the generator
    crashes leaves failed samples.

    Args:
        block: One of `make_blocks`.
        generator: The model.
        run: The run folder, its lock held.
        refused: Prompts the generator cannot make, by `refused_prompts`.

    Yields:
        Each job with the path of its video and with the text the model was given, or with why there is none.

    Raises:
        StoreError: The folder cannot be written, for instance because the disk is full.
        BackendError: The generator cannot be used.
    """
    for job in block:
        if job.prompt.id in refused:
            yield dataclasses.replace(job, problem=refused[job.prompt.id])
    yield from _finish_possible([job for job in block if job.prompt.id not in refused], generator, run)


def refused_prompts(plan: Plan, generator: Backend[Generator]) -> dict[str, str]:
    """Prompts the generator cannot make, by id, with why.

    Raises:
        BackendError: It can make none of them.
    """
    refused: dict[str, str] = {}
    prompts = {job.prompt.id: job.prompt for job in plan.jobs}
    for prompt in prompts.values():
        try:
            generator.instance.check_prompt(prompt)
        except InputError as error:
            refused[prompt.id] = f"{generator.name}: {error}"
    if refused and len(refused) == len(prompts):
        raise BackendError(f"generator {next(iter(refused.values()))}; it can make none of the suite's prompts")
    return refused


def make_blocks(plan: Plan, generator: Backend[Generator]) -> list[list[Job]]:
    """Return the jobs in blocks of one seed and of neighbours in the suite, in whatever order the plan has them.

    A block has as many jobs as the generator makes at once, its attribute `batch`. More seeds leave the
    blocks of the others as they are.
    """
    size = generator.instance.batch
    place = {prompt.id: number // size for number, prompt in enumerate(plan.suite)}
    blocks: dict[tuple[int, int], list[Job]] = defaultdict(list)
    for job in sorted(plan.jobs, key=lambda job: job.key):
        blocks[job.key.seed, place[job.prompt.id]].append(job)
    return [blocks[key] for key in sorted(blocks)]


def _finish_possible(block: Sequence[Job], generator: Backend[Generator], run: Run) -> Iterator[Job]:
    """Yield the block's jobs with their videos: found, made, or failed."""
    finished = {job.key: finished_job for job in block if (finished_job := find_video(job, generator, run)) is not None}
    yield from finished.values()
    todo = [job for job in block if job.key not in finished]
    if not todo:
        return
    done = set(finished)
    batch = todo if generator.instance.independent else block
    began = time.monotonic()
    try:
        clips = iter(generator.instance.generate([job.prompt for job in batch], [job.key.seed for job in batch]))
        for job in batch:
            clip = next(clips, None)
            if clip is None:
                raise BackendError(f"generator {generator.name!r} gave fewer clips than the {len(batch)} asked for")
            if job.key not in done:
                finished_job = (
                    _write(job, clip, generator, run) if isinstance(clip, Clip) else _fail(job, clip, generator, run)
                )
                done.add(job.key)
                yield finished_job
        run.log("generated", samples=len(batch), seconds=round(time.monotonic() - began, 3))
    except (StoreError, BackendError):
        raise
    except Exception as error:
        reason = readable(f"{generator.name}: {explain_failure(error)}")
        run.log(
            "failed", stage="generate", samples=[str(j.key) for j in todo], error=reason, trace=traceback.format_exc()
        )
        yield from (dataclasses.replace(job, problem=reason) for job in todo if job.key not in done)


def _fail(job: Job, clip: NoClip, generator: Backend[Generator], run: Run) -> Job:
    """Return the job of a video that could not be made; it is tried again when the run is."""
    reason = readable(f"{generator.name}: {' '.join(clip.reason.split())}")
    run.log("failed", stage="generate", samples=[str(job.key)], error=reason)
    return dataclasses.replace(job, problem=reason)


def _write(job: Job, clip: Clip, generator: Backend[Generator], run: Run) -> Job:
    """Write a clip, and then the record that vouches for it."""
    path = run.place_video(job.name)
    write_mp4(path, clip.frames, fps=clip.fps)
    run.publish_video(job.name)
    key = _key(job, generator)
    record = GenerationRecord(key, sha256_file(path), clip.text, dict(clip.metadata))
    run.write_json(_record_name(job), dataclasses.asdict(record))
    return dataclasses.replace(job, path=path, problem="", text_used=clip.text, made_by=key)


def find_video(job: Job, generator: Backend[Generator], run: Run) -> Job | None:
    """Return the job with the video that was made for it before, if that is still what was written then."""
    try:
        record = from_json(GenerationRecord, run.read_json(_record_name(job)))
    except InputError:
        return None
    path = run.find_video(job.name)
    if record.key != _key(job, generator) or not record.is_of(path):
        return None
    return dataclasses.replace(job, path=path, problem="", text_used=record.text_used, made_by=record.key)


def recall_video(job: Job, generator: Backend[Generator], run: Run, made_by: str, text_used: str) -> Job:
    """Return the job with the video that a finished run says was made for it; its file is not checked.

    Args:
        job: One of `plan_generation`.
        generator: The model.
        run: The run folder.
        made_by: The remembered `Job.made_by`; another's video is not this job's.
        text_used: The remembered text.
    """
    if made_by != _key(job, generator):
        return job
    return dataclasses.replace(job, path=run.videos / job.name, problem="", text_used=text_used, made_by=made_by)


def _record_name(job: Job) -> str:
    return f"generated/{job.key.slug}.json"


def _key(job: Job, generator: Backend[Generator]) -> str:
    """Name a video by all that it depends on."""
    return digest("generate", generator.digest, describe_prompt(job.prompt), job.key.seed)
