"""Shards of a run joined: what they agree on is checked, and nothing may be missing or there twice."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dsrbench.errors import InputError, RunMismatchError, StoreError
from dsrbench.evaluation.runtime import add_runtime
from dsrbench.evaluation.samples import describe_file
from dsrbench.store import Run, RunManifest, RuntimeRecord, SampleKey, Written, describe_changes
from dsrbench.store.disk import place_link, write_error

MAY_DIFFER = ("commit", "packages", "python", "threads")
"""Parts of the manifest in which machines may differ; where they do, it is said."""

PARTS = ("videos", "generated", "detections", "tracks", "samples")


def merge_shards(shards: Sequence[Run], out: Run, *, partial: bool = False) -> list[str]:
    """Join the shards of a run into one run folder, with the samples and the manifest of a run that was not split.

    Args:
        shards: Run folders made with `--shard`, in any order.
        out: The run folder to make; files are linked where that is possible, else copied.
        partial: Join what is there although shards are missing.

    Returns:
        What the user should know of it.

    Raises:
        InputError: No shards, one given twice, one missing, or a sample that two of them have.
        RunMismatchError: Shards of different runs, or a run folder that holds another run.
        StoreError: A run folder cannot be read or written.
    """
    by_number = _sort(shards)
    manifests = {number: run.manifest for number, run in by_number.items()}
    manifest, notes = _agree(manifests, by_number)
    of = manifests[min(manifests)].part.of
    by_shard = {number: run.finished() for number, run in by_number.items() if run.disk.exists("samples.parquet")}
    missing = [number for number in range(1, of + 1) if number not in by_shard]
    if missing:
        listed = ", ".join(map(str, missing[:20])) + (f" and {len(missing) - 20} more" if len(missing) > 20 else "")
        if not partial:
            raise InputError(
                f"of {of} shards these are not there or not finished: {listed}; run them, or give --partial"
            )
        notes.append(f"shards that are missing: {listed}")
        manifest = dataclasses.replace(manifest, missing_shards=tuple(missing))
    samples = _join(by_shard, manifests)
    with out.lock():
        old, new = (dataclasses.replace(record, missing_shards=(), runtime=()) for record in (out.manifest, manifest))
        if out.disk.exists("run.json") and old != new:
            changes = describe_changes(old.to_json(), new.to_json())
            raise RunMismatchError(f"{out.disk.shown} holds another run ({changes[0]}); give another --out folder")
        out.write_manifest(manifest)
        for number in by_shard:
            _bring_files(by_number[number], out)
        out.write_tables(_located(samples, out))
        out.log("merge", shards=len(by_shard), samples=len(samples))
    return notes


def _sort(shards: Sequence[Run]) -> dict[int, Run]:
    """Shards by their number."""
    by_number: dict[int, Run] = {}
    for run in shards:
        shard = run.manifest.shard
        if shard is None:
            raise InputError(f"{run.disk.shown} is a whole run and no shard: its run.json has no `shard`")
        if shard.number in by_number:
            other = by_number[shard.number].disk.shown
            raise InputError(f"shard {shard.number} is there twice: {other} and {run.disk.shown}")
        by_number[shard.number] = run
    return dict(sorted(by_number.items()))


def _agree(manifests: Mapping[int, RunManifest], runs: Mapping[int, Run]) -> tuple[RunManifest, list[str]]:
    """Return the manifest of the whole, and a note on every difference between the machines.

    Raises:
        RunMismatchError: The shards are not of one run.
    """
    first, *others = manifests
    whole = {number: dataclasses.replace(manifest, shard=None, runtime=()) for number, manifest in manifests.items()}
    runtime: tuple[RuntimeRecord, ...] = ()
    for manifest in manifests.values():
        for record in manifest.runtime:
            runtime = add_runtime(runtime, record)
    notes = []
    for number in others:
        changes = describe_changes(whole[first].to_json(), whole[number].to_json())
        grave = [change for change in changes if change.split(":")[0].split(".")[0] not in MAY_DIFFER]
        parts = manifests[first].part.of, manifests[number].part.of
        if parts[0] != parts[1]:
            grave.insert(0, f"shards: {parts[0]} -> {parts[1]}")
        if grave:
            both = f"{runs[first].disk.shown} and {runs[number].disk.shown}"
            raise RunMismatchError(
                f"{both} are of different runs ({'; '.join(grave[:3])}); merge shards of one command"
            )
        notes += [f"shard {number} differs from shard {first} in {change}" for change in changes]
    if len(runtime) > 1:
        notes.append(f"the shards were computed in {len(runtime)} ways; run.json has them under runtime")
    return dataclasses.replace(whole[first], runtime=runtime), notes


def _join(by_shard: Mapping[int, Mapping[SampleKey, Written]], manifests: Mapping[int, RunManifest]) -> list[Written]:
    """Return all samples, sorted.

    Raises:
        InputError: A sample that two shards have.
        StoreError: A shard whose table has not as many samples as it was to do.
    """
    owner: dict[SampleKey, int] = {}
    for number, samples in by_shard.items():
        n_samples = manifests[number].part.n_samples
        if len(samples) != n_samples:
            raise StoreError(
                f"shard {number} has {len(samples)} samples in its tables and not the {n_samples} of its manifest; "
                f"run its command again"
            )
        for key in samples:
            if key in owner:
                raise InputError(
                    f"sample {key} is in shards {owner[key]} and {number}; they were made of different runs"
                )
            owner[key] = number
    return [by_shard[owner[key]][key] for key in sorted(owner)]


def _located(samples: Sequence[Written], out: Run) -> Iterator[Written]:
    """Yield the samples with records of where videos that were made are now."""
    for sample, video in samples:
        if video.made_by:
            file = describe_file(out.videos / sample.video)
            yield sample, dataclasses.replace(file, sha256=video.sha256, made_by=video.made_by)
        else:
            yield sample, video


def _bring_files(shard: Run, out: Run) -> None:
    for part in PARTS:
        for name in shard.disk.list(part):
            _bring(shard.disk.fetch(name), out.disk.path(name))
            out.disk.publish(name)


def _bring(source: Path, target: Path) -> None:
    """Link a file, or copy it where the target is on another disk; it is there whole or not at all."""
    try:
        if not (target.exists() and target.samefile(source)):
            place_link(source, target, otherwise=shutil.copy2)
    except OSError as error:
        raise write_error(target, error) from error
