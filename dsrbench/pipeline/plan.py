"""What a run has to do: one job a sample, from a folder of videos or a manifest, before any video is opened."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from dsrbench.errors import InputError, PromptError, near_matches
from dsrbench.pipeline.names import NameReader, Reading, number_seeds
from dsrbench.prompts import Suite, parse_prompt
from dsrbench.store import SampleKey
from dsrbench.types import Prompt

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .gif .mpg .mpeg .ts .ogv .flv .wmv .3gp".split()  # noqa: SIM905
)


@dataclasses.dataclass(frozen=True)
class Job:
    """One sample to score.

    Attributes:
        key: Model, prompt id and seed.
        prompt: What the video was asked to show.
        path: The file; None where there is none.
        name: The file's path as it is recorded: relative, in the run's `videos/`.
        problem: Why there is no file; empty where there is one.
    """

    key: SampleKey
    prompt: Prompt
    path: Path | None
    name: str
    problem: str = ""


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
        source: A folder of videos (any names that contain prompt ids), or a manifest, `.csv` or `.jsonl`, with the
            columns `video`, `prompt_id` or `prompt`, and optionally `model`, `seed`.
        suite: The prompts; a manifest with prompt texts needs none.
        model: Name of the model where no folder or column names one; by default the folder's name.
        seeds: The seeds every prompt must have; absent ones count as failed.
        limit: At most so many samples.
        partial: Do not count prompts of the suite without a video as failed.

    Raises:
        InputError: No such source, nothing in it, no prompt for a video, or one sample twice.
    """
    if source.is_dir():
        plan = _plan_folder(source, suite, model or source.resolve().name, partial=partial, seeds=seeds)
    elif source.is_file():
        plan = _plan_manifest(source, suite, model)
        if seeds is not None:
            plan = _complete(plan, seeds)
    else:
        raise InputError(f"no such folder or manifest of videos: {source}")
    jobs = sorted(plan.jobs, key=lambda job: job.key)
    return dataclasses.replace(plan, jobs=tuple(jobs[:limit] if limit is not None else jobs))


def _plan_folder(
    folder: Path, suite: Suite | None, default_model: str, *, partial: bool, seeds: Sequence[int] | None
) -> Plan:
    if suite is None:
        raise InputError("a folder of videos needs the prompts they were made from: give --suite SUITE")
    files = _find_videos(folder)
    reader = NameReader(suite.prompts)
    read = [(path, reader.read(path.relative_to(folder))) for path in files]
    found = [
        (path, dataclasses.replace(r, model=r.model or default_model)) for path, r in read if isinstance(r, Reading)
    ]
    if not found:
        raise InputError(
            f"none of the {len(files)} videos in {folder} names a prompt of suite {suite.name!r} (looked for ids such "
            f"as {suite.prompts[0].id!r} in names such as {files[0].name!r}); a manifest with the columns video, "
            f"prompt_id says which is which"
        )
    jobs = _unique(
        Job(SampleKey(r.model, r.prompt.id, seed), r.prompt, path, path.relative_to(folder).as_posix())
        for (path, r), seed in zip(found, number_seeds([r for _, r in found]), strict=True)
    )
    notes = []
    if len(found) < len(files):
        first = next(path for path, r in read if r is None)
        notes.append(
            f"{len(files) - len(found)} of {len(files)} videos name no prompt of the suite, such as {first.name}"
        )
    plan = Plan(tuple(jobs), suite, tuple(notes))
    if seeds is not None:
        return _complete(plan, seeds)
    return plan if partial else _complete(plan, None)


def _find_videos(folder: Path) -> list[Path]:
    try:
        if not any(folder.iterdir()):
            raise InputError(f"{folder} is empty; expected videos")
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES and not p.is_dir())
    except OSError as error:
        raise InputError(f"cannot read folder {folder}: {error.strerror}") from error
    if not files:
        raise InputError(f"{folder} has no videos; expected files such as .mp4, .webm, .mkv or .gif")
    return files


def _plan_manifest(path: Path, suite: Suite | None, model: str | None) -> Plan:
    rows = _read_manifest(path)
    known = {prompt.id: prompt for prompt in suite.prompts} if suite else {}
    by_text = {prompt.text: prompt for prompt in known.values()}
    videos, readings = [], []
    for line, row in rows:
        where = f"{path}, line {line}"
        video, seed = str(row.get("video") or "").strip(), _whole(row.get("seed"), where)
        if not video:
            raise InputError(f"{where}: expected a file in the column 'video', got nothing")
        prompt = _prompt_of(row, known, by_text, where)
        readings.append(Reading(prompt, str(row.get("model") or model or path.resolve().parent.name), seed))
        videos.append(video)
    jobs = []
    for video, reading, seed in zip(videos, readings, number_seeds(readings), strict=True):
        file = path.parent / video
        problem = "" if file.is_file() else f"no such video: {video}"
        key = SampleKey(reading.model, reading.prompt.id, seed)
        jobs.append(Job(key, reading.prompt, None if problem else file, _recorded_name(video, reading.model), problem))
    prompts = {reading.prompt.id: reading.prompt for reading in readings}
    used = suite or Suite(name=path.stem, version="1", prompts=tuple(prompts.values()))
    return Plan(tuple(_unique(jobs)), used)


def _read_manifest(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    """Rows with their line numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read manifest {path}: {getattr(error, 'strerror', None) or error}") from error
    rows: list[tuple[int, Mapping[str, Any]]] = []
    if path.suffix.lower() == ".csv":
        table = csv.DictReader(io.StringIO(text, newline=""))
        columns = table.fieldnames or []
        if "video" not in columns or not {"prompt_id", "prompt"} & set(columns):
            raise InputError(
                f"{path}: expected the columns video and prompt_id (or prompt), got {', '.join(columns) or 'none'}"
            )
        rows = [(table.line_num, row) for row in table]
    elif path.suffix.lower() in (".jsonl", ".ndjson"):
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                rows.append((number, _read_object(line, f"{path}, line {number}")))
    else:
        raise InputError(f"{path} is neither a folder nor a manifest; expected .csv or .jsonl")
    if not rows:
        raise InputError(f"manifest {path} has no rows")
    return rows


def _read_object(line: str, where: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON: {error.msg}") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: expected a JSON object, got {type(row).__name__}")
    return row


def _prompt_of(
    row: Mapping[str, Any], known: Mapping[str, Prompt], by_text: Mapping[str, Prompt], where: str
) -> Prompt:
    name, text = str(row.get("prompt_id") or "").strip(), str(row.get("prompt") or "").strip()
    if name in known:
        return known[name]
    if known and name and not text:
        raise InputError(f"{where}: no prompt {name!r} in the suite{near_matches(name, known)}")
    if not text:
        hint = (
            f"prompt_id {name!r} needs a --suite that has it" if name else "expected a prompt_id or a prompt, got none"
        )
        raise InputError(f"{where}: {hint}")
    if text in by_text:
        return by_text[text]
    try:
        return parse_prompt(text, id=name or None)
    except PromptError as error:
        raise PromptError(f"{where}: {error}") from None


def _whole(value: Any, where: str) -> int | None:
    if value is None or str(value).strip() == "":
        return None
    try:
        return int(str(value))
    except ValueError:
        raise InputError(f"{where}: seed must be a whole number, got {value!r}") from None


def _recorded_name(video: str, model: str) -> str:
    """A relative path for the run's `videos/`: the manifest's own where it stays inside its folder."""
    path = PurePath(video)
    if path.is_absolute() or ".." in path.parts:
        return f"{model}/{path.name}"
    return path.as_posix()


def _unique(jobs: Iterable[Job]) -> list[Job]:
    by_key: dict[SampleKey, Job] = {}
    for job in jobs:
        other = by_key.setdefault(job.key, job)
        if other is not job:
            raise InputError(
                f"two videos are sample {job.key} (model/prompt/seed): {other.name} and {job.name}; "
                f"put models in folders of their own, or give a manifest with a seed column"
            )
    return list(by_key.values())


def _complete(plan: Plan, seeds: Sequence[int] | None) -> Plan:
    """Add a failed sample for every prompt (and seed) of the suite that has no video."""
    have = {job.key for job in plan.jobs}
    prompts_seen = {(key.model, key.prompt_id) for key in have}
    added = []
    for model in plan.models:
        for prompt in plan.suite.prompts:
            if seeds is None:
                wanted = [] if (model, prompt.id) in prompts_seen else [0]
            else:
                wanted = [s for s in seeds if SampleKey(model, prompt.id, s) not in have]
            added += [Job(SampleKey(model, prompt.id, s), prompt, None, "", "no video for this prompt") for s in wanted]
    jobs = [job for job in plan.jobs if seeds is None or job.key.seed in seeds]
    notes = list(plan.notes)
    if added:
        notes.append(f"{len(added)} samples of the suite have no video and count as failed, such as {added[0].key}")
    return dataclasses.replace(plan, jobs=(*jobs, *added), notes=tuple(notes))
