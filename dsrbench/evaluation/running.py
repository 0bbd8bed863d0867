"""The frame around both engines: lock, manifest, what is finished already, and in the end the table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

from dsrbench.backends.base import Generator
from dsrbench.backends.registry import Backend
from dsrbench.errors import RunMismatchError, StoreError
from dsrbench.evaluation.engines.base import Engine, Work
from dsrbench.evaluation.engines.local import Local
from dsrbench.evaluation.generation import make_blocks, recall_video, refused_prompts
from dsrbench.evaluation.links import link_video
from dsrbench.evaluation.manifest import build_manifest
from dsrbench.evaluation.planning import Job, Plan
from dsrbench.evaluation.runtime import add_runtime, describe_runtime
from dsrbench.evaluation.samples import is_finished
from dsrbench.evaluation.scorer import Scorer
from dsrbench.evaluation.shards import Shard
from dsrbench.store import Run, RunManifest, Sample, SampleKey, ShardRecord, VideoRecord, Written, describe_changes

Progress = Callable[[str, int, int, str], None]
"""Called with what is being done, how many are done, how many there are, and the name of the newest."""

MUST_AGREE = ("suite", "generator", "detector", "shard")
"""Parts of the manifest that a folder keeps for life: others would throw hours of work away in silence.

The second detector is none of them: it changes no score, and with another one, or without one, the first detector's
work is found again. Only detections of an earlier second detector are replaced.
"""


def evaluate(
    plan: Plan,
    scorer: Scorer,
    run: Run,
    *,
    generator: Backend[Generator] | None = None,
    force: bool = False,
    engine: Engine | None = None,
    shard: Shard | None = None,
    on_progress: Progress | None = None,
) -> list[Sample]:
    """Score every job of a plan into a run folder, after its videos were made where a generator is given.

    Finished samples are found again by content and skipped. A video that cannot be read, or on which a backend crashes,
    becomes a failed sample; the run goes on.

    Args:
        plan: The jobs.
        scorer: The backends.
        run: The run folder; made if need be.
        generator: Makes the videos first; then the plan is one of `plan_generation`.
        force: Do everything again, whatever the folder holds.
        engine: Engine that does the work; by default this process.
        shard: Do this part of the plan alone.
        on_progress: Told of every video made and of every sample scored.

    Returns:
        All samples, sorted; also written to `samples.parquet`.

    Raises:
        RunMismatchError: The folder holds a run of another suite, generator or detector.
        BackendError: The generator can make none of the prompts.
        RunLockedError: Another process works on it.
        StoreError: It cannot be written, for instance because the disk is full.
    """
    finished = finish_run(
        plan,
        scorer,
        run,
        generator=generator,
        force=force,
        engine=engine,
        shard=shard,
        on_progress=on_progress,
    )
    return [sample for sample, _ in finished.values()] if finished else run.samples()


def finish_run(
    plan: Plan,
    scorer: Scorer,
    run: Run,
    *,
    generator: Backend[Generator] | None = None,
    force: bool = False,
    engine: Engine | None = None,
    shard: Shard | None = None,
    on_progress: Progress | None = None,
) -> Mapping[SampleKey, Written]:
    """Do the work of `evaluate` for runs whose samples may not fit in memory.

    Returns:
        The samples of a run that was finished before, as its table has them; nothing where there was work.
    """
    with run.lock():
        manifest = build_manifest(plan, scorer, generator)
        if shard is not None:
            plan = shard.take(plan, generator)
            manifest = dataclasses.replace(manifest, shard=ShardRecord(shard.number, shard.of, len(plan.jobs)))
        finished = run.finished()
        linked = (finished or run.written_samples()) if force else finished
        if force:
            run.clear()
            finished = {}
        _check_manifest(run, manifest)
        _drop_stale_table(run, manifest)
        before = run.manifest.runtime
        run.write_manifest(dataclasses.replace(manifest, runtime=before))
        run.log("start", samples=len(plan.jobs))
        todo = _find_todo(plan, scorer, run, generator, finished, linked)
        if todo:
            runtime = add_runtime(before, describe_runtime(scorer, generator))
            run.write_manifest(dataclasses.replace(manifest, runtime=runtime))
            refused = refused_prompts(plan, generator) if generator is not None else {}
            tell = _Teller(len(plan.jobs), len(plan.jobs) - len(todo), on_progress)
            (engine or Local()).work(Work(plan, todo, scorer, generator, refused, run), tell)
            run.disk.refresh()
        if todo or finished.keys() != {job.key for job in plan.jobs} or not run.disk.exists("samples.parquet"):
            run.write_tables(_collect(plan, run, finished))
            finished = {}
        run.log("end", samples=len(plan.jobs))
    return finished


def _find_todo(
    plan: Plan,
    scorer: Scorer,
    run: Run,
    generator: Backend[Generator] | None,
    finished: Mapping[SampleKey, Written],
    linked: Mapping[SampleKey, Written],
) -> list[Job]:
    """Return the jobs that the tables do not show to be finished; of videos that are made, whole blocks of them."""
    unfinished = set()
    for job in plan.jobs:
        old, video = finished.get(job.key, (None, VideoRecord()))
        if generator is None:
            link_video(job, run, linked.get(job.key))
        elif old is not None:
            job = recall_video(job, generator, run, video.made_by or "", old.text_used)
        if not is_finished(job, scorer, old, video):
            unfinished.add(job.key)
    if generator is not None:
        blocks = make_blocks(plan, generator)
        unfinished = {job.key for block in blocks if any(job.key in unfinished for job in block) for job in block}
    return [job for job in plan.jobs if job.key in unfinished]


def _collect(plan: Plan, run: Run, finished: Mapping[SampleKey, Written]) -> Iterator[Written]:
    for job in sorted(plan.jobs, key=lambda job: job.key):
        written = run.read_sample(job.key) or finished.get(job.key)
        if written is None:
            raise StoreError(f"sample {job.key} is gone from {run.disk.shown}; run the same command again")
        yield written


class _Teller:
    """Counts what the engine has done."""

    def __init__(self, total: int, done: int, on_progress: Progress | None) -> None:
        self._total, self._done, self._on_progress = total, {"generating": done, "scoring": done}, on_progress

    def __call__(self, verb: str, name: str) -> None:
        self._done[verb] += 1
        if self._on_progress is not None:
            self._on_progress(verb, self._done[verb], self._total, name)


def _check_manifest(run: Run, manifest: RunManifest) -> None:
    if not run.disk.exists("run.json"):
        return
    both = (run.manifest.to_json(), manifest.to_json())
    old, new = ({name: values.get(name) for name in MUST_AGREE} for values in both)
    changes = describe_changes(old, new)
    if changes:
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        raise RunMismatchError(
            f"{run.disk.shown} holds a run with other settings ({'; '.join(changes[:3])}{more}); "
            f"give another --out folder, or --force to throw its results away"
        )


def _drop_stale_table(run: Run, manifest: RunManifest) -> None:
    """Remove the table of a run with another manifest, which would be taken for this one's if this one were killed."""
    if dataclasses.replace(run.manifest, runtime=()) != manifest:
        run.disk.remove("samples.parquet")
