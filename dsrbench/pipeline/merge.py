"""Shards of a run joined: what they agree on is checked, and nothing may be missing or there twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dsrbench.errors import InputError, RunMismatchError, StoreError
from dsrbench.pipeline.items import describe_file
from dsrbench.pipeline.runtime import add_runtime
from dsrbench.store import Run, SampleKey, Written, describe_changes
from dsrbench.store.disk import place_link, write_error

MAY_DIFFER = ("shard", "commit", "packages", "python", "threads")
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
    of = next(iter(manifests.values()))["shard"]["of"]
    known = {number: run.finished() for number, run in by_number.items() if run.disk.exists("samples.parquet")}
    missing = [number for number in range(1, of + 1) if number not in known]
    if missing:
        listed = ", ".join(map(str, missing[:20])) + (f" and {len(missing) - 20} more" if len(missing) > 20 else "")
        if not partial:
            raise InputError(
                f"of {of} shards these are not there or not finished: {listed}; run them, or give --partial"
            )
        notes.append(f"shards that are missing: {listed}")
        manifest = {**manifest, "missing_shards": missing}
    samples = _join(known, manifests)
    with out.lock():
        passing = ("schema", "missing_shards", "runtime")
        old = {name: value for name, value in out.manifest.items() if name not in passing}
        new = {name: value for name, value in manifest.items() if name not in passing}
        if old and old != new:
            raise RunMismatchError(
                f"{out.disk.shown} holds another run ({describe_changes(old, new)[0]}); give another --out folder"
            )
        out.write_manifest(manifest)
        for number in known:
            _bring_files(by_number[number], out)
        out.write_tables(_located(samples, out))
        out.log("merge", shards=len(known), samples=len(samples))
    return notes


def _sort(shards: Sequence[Run]) -> dict[int, Run]:
    """Shards by their number."""
    found: dict[int, Run] = {}
    for run in shards:
        number = run.manifest.get("shard", {}).get("number")
        if number is None:
            raise InputError(f"{run.disk.shown} is a whole run and no shard: its run.json has no `shard`")
        if number in found:
            raise InputError(f"shard {number} is there twice: {found[number].disk.shown} and {run.disk.shown}")
        found[number] = run
    return dict(sorted(found.items()))


def _agree(manifests: Mapping[int, Mapping[str, Any]], runs: Mapping[int, Run]) -> tuple[dict[str, Any], list[str]]:
    """The manifest of the whole, and in what the machines differed.

    Raises:
        RunMismatchError: The shards are not of one run.
    """
    first, *others = manifests
    own = ("shard", "schema", "runtime")
    whole = {name: value for name, value in manifests[first].items() if name not in own}
    runtime: list[Any] = []
    for one in (one for made in manifests.values() for one in made.get("runtime", [])):
        runtime = add_runtime(runtime, one)
    notes = []
    for number in others:
        other = {name: value for name, value in manifests[number].items() if name not in own}
        changes = describe_changes(whole, other)
        grave = [change for change in changes if change.split(":")[0].split(".")[0] not in MAY_DIFFER]
        if manifests[number]["shard"]["of"] != manifests[first]["shard"]["of"]:
            grave.insert(0, f"shards: {manifests[first]['shard']['of']} -> {manifests[number]['shard']['of']}")
        if grave:
            both = f"{runs[first].disk.shown} and {runs[number].disk.shown}"
            raise RunMismatchError(
                f"{both} are of different runs ({'; '.join(grave[:3])}); merge shards of one command"
            )
        notes += [f"shard {number} differs from shard {first} in {change}" for change in changes]
    if len(runtime) > 1:
        notes.append(f"the shards were computed in {len(runtime)} ways; run.json has them under runtime")
    return {**whole, "runtime": runtime}, notes


def _join(
    known: Mapping[int, Mapping[SampleKey, Written]], manifests: Mapping[int, Mapping[str, Any]]
) -> list[Written]:
    """All samples, sorted.

    Raises:
        InputError: A sample that two shards have.
        StoreError: A shard whose table has not as many samples as it was to do.
    """
    owner: dict[SampleKey, int] = {}
    for number, samples in known.items():
        if len(samples) != manifests[number]["shard"]["n_samples"]:
            raise StoreError(
                f"shard {number} has {len(samples)} samples in its tables and not the "
                f"{manifests[number]['shard']['n_samples']} of its manifest; run its command again"
            )
        for key in samples:
            if key in owner:
                raise InputError(
                    f"sample {key} is in shards {owner[key]} and {number}; they were made of different runs"
                )
            owner[key] = number
    return [known[owner[key]][key] for key in sorted(owner)]


def _located(samples: Sequence[Written], out: Run) -> Iterator[Written]:
    """The samples with notes of where videos that were made are now."""
    for sample, note in samples:
        if note.get("made_by"):
            made = {name: note[name] for name in ("sha256", "made_by")}
            yield sample, {**describe_file(out.videos / sample.video), **made}
        else:
            yield sample, note


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
