"""Plans of runs: one job a sample, of videos in a folder or video list, or of videos that will be made."""

from __future__ import annotations

import collections
import dataclasses
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath

from dsrbench.errors import InputError
from dsrbench.evaluation.names import NameReader, Reading, number_seeds, readable
from dsrbench.evaluation.video_list import read_video_list
from dsrbench.prompts import Suite
from dsrbench.store import SampleKey
from dsrbench.types import Prompt

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .gif .mpg .mpeg .ts .ogv .flv .wmv .3gp".split()  # noqa: SIM905
)


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One sample to score.

    Attributes:
        key: Model, prompt id and seed.
        prompt: The prompt.
        path: The file; None where there is none.
        name: The file's path as it is recorded: relative, in the run's `videos/`.
        problem: Reason why there is no file; empty where there is one.
        text_used: The text the model was given, where known.
        made_by: Names what made the video, where it was made here.
    """

    key: SampleKey
    prompt: Prompt
    path: Path | None
    name: str
    problem: str = ""
    text_used: str = ""
    made_by: str = ""


@dataclasses.dataclass(frozen=True)
class Plan:
    """All jobs of a run, sorted, and what the user should know of them.

    Attributes:
        jobs: One a sample.
        suite: The prompts in force.
        notes: Lines to show before the work begins.
    """

    jobs: tuple[Job, ...]
    suite: Suite
    notes: tuple[str, ...] = ()

    @property
    def models(self) -> list[str]:
        """Names of the models, sorted."""
        return sorted({job.key.model for job in self.jobs})


def plan_generation(suite: Suite, *, model: str, seeds: Sequence[int], limit: int | None = None) -> Plan:
    """Plan the making and scoring of a video of every prompt and seed.

    Args:
        suite: The prompts.
        model: Name of the model, as in reports.
        seeds: The seeds of every prompt.
        limit: At most so many samples.

    >>> from dsrbench.prompts import read_suite
    >>> plan = plan_generation(read_suite("sprites"), model="sprites", seeds=range(5))
    >>> len(plan.jobs), plan.jobs[0].path, plan.jobs[0].name.endswith("_seed0.mp4")
    (300, None, True)
    """
    keys = sorted(SampleKey(model, prompt.id, seed) for prompt in suite for seed in seeds)[:limit]
    jobs = [Job(key, suite.get(key.prompt_id), None, _generated_name(key), "not generated") for key in keys]
    return Plan(tuple(jobs), suite)


def _generated_name(key: SampleKey) -> str:
    """Return a name for people that `NameReader` reads back, or the slug of an id that makes no file name."""
    name = f"{key.prompt_id}_seed{key.seed}.mp4"
    return name if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,200}", name) else f"{key.slug}.mp4"


def plan_videos(
    source: Path,
    suite: Suite | None,
    *,
    model: str | None = None,
    seeds: Sequence[int] | None = None,
    limit: int | None = None,
    partial: bool = False,
) -> Plan:
    """Plan the scoring of videos that exist.

    Args:
        source: A folder of videos (any names that contain prompt ids), or a video list, `.csv` or `.jsonl`, with the
            columns `video`, `prompt_id` or `prompt`, and optionally `model`, `seed`.
        suite: The prompts; a video list with prompt texts needs none.
        model: Name of the model where no folder or column names one; by default the folder's name.
        seeds: The seeds every prompt must have; absent ones count as failed.
        limit: At most so many samples.
        partial: Do not count prompts of the suite without a video as failed.

    Raises:
        InputError: No such source, nothing in it, no prompt for a video, or one sample twice.
    """
    is_folder = os.path.isdir(source)
    if is_folder:
        plan = _plan_folder(source, suite, model or readable(source.resolve().name) or "videos")
    elif os.path.isfile(source):
        plan = _plan_video_list(source, suite, model or readable(source.resolve().parent.name) or "videos")
    else:
        raise InputError(f"no such folder or video list: {source}")
    if seeds is not None or (is_folder and not partial):
        plan = _complete(plan, seeds, partial=partial)
    jobs = sorted(plan.jobs, key=lambda job: job.key)
    return dataclasses.replace(plan, jobs=tuple(jobs[:limit] if limit is not None else jobs))


def _plan_folder(folder: Path, suite: Suite | None, default_model: str) -> Plan:
    if suite is None:
        raise InputError("a folder of videos needs the prompts they were made from: give --suite SUITE")
    files = _find_videos(folder)
    reader = NameReader(suite.prompts)
    read = [(path, reader.read(path.relative_to(folder))) for path in files]
    files_of_prompts = [
        (path, dataclasses.replace(r, model=readable(r.model) or default_model))
        for path, r in read
        if isinstance(r, Reading)
    ]
    if not files_of_prompts:
        raise InputError(
            f"none of the {len(files)} videos in {folder} names a prompt of suite {suite.name!r} (looked for ids such "
            f"as {suite.prompts[0].id!r} in names such as {files[0].name!r}); a video list with the columns video, "
            f"prompt_id says which is which"
        )
    seeds = number_seeds([r for _, r in files_of_prompts])
    jobs = [
        Job(SampleKey(r.model, r.prompt.id, seed), r.prompt, path, readable(path.relative_to(folder).as_posix()))
        for (path, r), seed in zip(files_of_prompts, seeds, strict=True)
    ]
    notes = []
    if len(files_of_prompts) < len(files):
        first = next(path for path, r in read if r is None)
        notes.append(
            f"{len(files) - len(files_of_prompts)} of {len(files)} videos name no prompt of the suite, such as "
            f"{readable(first.name)}"
        )
    return Plan(tuple(_tell_apart(_unique(jobs))), suite, tuple(notes))


def _find_videos(folder: Path) -> list[Path]:
    files = sorted(path for path in _walk(folder) if path.suffix.lower() in VIDEO_SUFFIXES)
    if not files:
        if not any(folder.iterdir()):
            raise InputError(f"{folder} is empty; expected videos")
        raise InputError(f"{folder} has no videos; expected files such as .mp4, .webm, .mkv or .gif")
    return files


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all files under a folder, through links; hidden ones and those of run folders inside it are left out."""

    def refuse(error: OSError) -> None:
        raise InputError(f"cannot read folder {error.filename}: {error.strerror}") from error

    above: dict[str, frozenset[str]] = {}  # the real folders each folder lies in: a link back to one is a circle
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        real, outer = os.path.realpath(place), above.get(os.path.dirname(place), frozenset())
        if real in outer or ("run.json" in names and Path(place) != folder):
            folders.clear()
            continue
        above[place] = outer | {real}
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _plan_video_list(path: Path, suite: Suite | None, default_model: str) -> Plan:
    rows = read_video_list(path, suite, default_model)
    jobs = []
    for (video, reading), seed in zip(rows, number_seeds([reading for _, reading in rows]), strict=True):
        file = path.parent / video
        name = _recorded_name(video, reading.model)
        problem = "" if os.path.isfile(file) else f"no such video: {name}"
        key = SampleKey(reading.model, reading.prompt.id, seed)
        jobs.append(Job(key, reading.prompt, None if problem else file, name, problem))
    prompts = {reading.prompt.id: reading.prompt for _, reading in rows}
    used = suite or Suite(name=path.stem, version="1", prompts=tuple(prompts.values()))
    return Plan(tuple(_tell_apart(_unique(jobs))), used)


def _recorded_name(video: str, model: str) -> str:
    """Return a relative path for the run's `videos/`: the video list's own where it stays inside its folder."""
    path = PurePath(video)
    if path.is_absolute() or ".." in path.parts:
        inside = [part for part in model.split("/") if part not in ("", ".", "..")]
        return PurePath(*inside, path.name).as_posix()
    return path.as_posix()


def _tell_apart(jobs: Sequence[Job]) -> list[Job]:
    """Give files that would be recorded by one name, such as /a/x.mp4 and /b/x.mp4, names of their own."""
    files = collections.defaultdict(set)
    for job in jobs:
        files[job.name].add(job.path)
    return [
        dataclasses.replace(job, name=f"{job.key.slug}{PurePath(job.name).suffix}") if len(files[job.name]) > 1 else job
        for job in jobs
    ]


def _unique(jobs: Iterable[Job]) -> list[Job]:
    by_key: dict[SampleKey, Job] = {}
    for job in jobs:
        other = by_key.setdefault(job.key, job)
        if other is not job:
            raise InputError(
                f"two videos are sample {job.key} (model/prompt/seed): {other.path or other.name} and "
                f"{job.path or job.name}; "
                f"put models in folders of their own, or give a video list with a seed column"
            )
    return list(by_key.values())


def _complete(plan: Plan, seeds: Sequence[int] | None, *, partial: bool) -> Plan:
    """Add a failed sample for every prompt (and seed) of the suite that has no video.

    Args:
        plan: Plan of the videos that exist.
        seeds: The seeds in force, others are left out; without them a prompt needs one video, of any seed.
        partial: Ask for seeds only where the prompt has a video at all.
    """
    have = {job.key for job in plan.jobs}
    prompts_seen = {(key.model, key.prompt_id) for key in have}
    added = []
    for model in plan.models:
        for prompt in plan.suite.prompts:
            is_seen = (model, prompt.id) in prompts_seen
            if seeds is None:
                absent = [] if is_seen else [0]
            else:
                absent = [s for s in seeds if SampleKey(model, prompt.id, s) not in have and (is_seen or not partial)]
            added += [Job(SampleKey(model, prompt.id, s), prompt, None, "", "no video for this prompt") for s in absent]
    jobs = [job for job in plan.jobs if seeds is None or job.key.seed in seeds]
    notes = list(plan.notes)
    if len(jobs) < len(plan.jobs):
        notes.append(f"{len(plan.jobs) - len(jobs)} videos are of other seeds and are left out")
    if added:
        notes.append(f"{len(added)} samples of the suite have no video and count as failed, such as {added[0].key}")
    return dataclasses.replace(plan, jobs=(*jobs, *added), notes=tuple(notes))
