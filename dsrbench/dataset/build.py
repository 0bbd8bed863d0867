"""Build a dataset in the Hub's form from finished runs; an interrupted build continues and ends with the same bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsrbench import __version__
from dsrbench.dataset.card import write_card
from dsrbench.dataset.collect import Collected, Tell, collect, open_runs
from dsrbench.dataset.curate import SPLITS, Candidate, Rules, assign_splits, curate
from dsrbench.dataset.form import Curation, Form
from dsrbench.dataset.shards import ShardWriter, cut_shards
from dsrbench.errors import InputError, RunMismatchError
from dsrbench.prompts import Suite, write_suite
from dsrbench.store import LocalDisk, Run
from dsrbench.video import sha256_file

REPORT = "curation.json"
"""Name of the report, which is written last: a dataset that has it is complete."""

PROMPTS = "prompts.jsonl"
"""Name of the file of prompts, which is a suite."""

WORK = ".build"
"""Folder of a build's intermediate results, removed when the build ends."""

PARTS = ("data", "plots", "README.md", PROMPTS, REPORT)
"""Names of all files and folders of a dataset."""


def build_dataset(
    folders: Sequence[str],
    out: Path,
    *,
    rules: Rules | None = None,
    form: Form | None = None,
    partial: bool = False,
    force: bool = False,
    tell: Tell = lambda *_: None,
) -> Curation:
    """Build a dataset from finished runs, or continue an interrupted build.

    Args:
        folders: Run folders of one suite, scored in the same way.
        out: Folder of the dataset.
        rules: Rules that choose the rows.
        form: Form in which the dataset is written.
        partial: Leave out videos that are missing or were changed.
        force: Remove another dataset in the folder.
        tell: Callback for progress.

    Returns:
        Numbers of rows and of dropped samples.

    Raises:
        StoreError: A folder is no finished run, or cannot be written.
        RunMismatchError: The runs do not belong together, or the folder holds another dataset.
        VideoError: A video is missing, or is not the one that was scored.
        InputError: No sample is left for the dataset.
    """
    rules, form = rules or Rules(), form or Form()
    runs, disk = open_runs(folders), LocalDisk(out)
    plan = _plan(runs, rules, form)
    try:
        with LocalDisk(out / WORK).lock():
            disk.sweep()
            if force:
                _clear(out)
            _check_folder(disk, plan)
            if not disk.exists(REPORT):
                disk.write_atomic(f"{WORK}/plan.json", plan.encode())
                _build(runs, disk, rules, form, plan, partial=partial, tell=tell)
    finally:
        if disk.exists(REPORT):
            shutil.rmtree(out / WORK, ignore_errors=True)
    return read_curation(out)


def read_curation(folder: Path) -> Curation:
    """Read the result of the curation of a finished dataset."""
    report = json.loads(LocalDisk(folder).read(REPORT))
    return Curation(report["n_samples"], report["rows"], report["dropped"])


def _build(
    runs: Sequence[Run], disk: LocalDisk, rules: Rules, form: Form, plan: str, *, partial: bool, tell: Tell
) -> None:
    collected = collect(runs, rules, disk.path(f"{WORK}/hashes.jsonl"), partial=partial, tell=tell)
    splits = assign_splits(collected.prompts.values(), rules)
    selected, dropped = curate(collected.candidates, splits, rules)
    dropped += collected.dropped
    if not selected:
        raise InputError(f"none of {collected.n_samples} samples is left for a dataset; dropped: {describe(dropped)}")
    by_split = {split: [row for row in selected if splits[row.prompt_id] == split] for split in SPLITS}
    by_split = {split: rows for split, rows in by_split.items() if rows}
    _forget_unlike(disk, selected)
    writer, written = ShardWriter(runs, disk, splits, inside=form.inside), 0
    for split, rows in by_split.items():
        for shard in cut_shards(split, rows, max_bytes=form.shard_bytes):
            writer.write(shard)
            written += len(shard.rows)
            tell("writing", written, len(selected), shard.name(inside=form.inside))
    _write_prompts(runs[0], collected, selected, splits, disk)
    curation = Curation(collected.n_samples, {split: len(rows) for split, rows in by_split.items()}, dict(dropped))
    manifests = [run.manifest for run in runs]
    write_card(disk, by_split, collected.prompts, manifests, rules=rules, form=form, curation=curation)
    report = {**dataclasses.asdict(curation), "rules": dataclasses.asdict(rules), "plan": _digest(plan)}
    disk.write_atomic(REPORT, json.dumps(report, indent=1, sort_keys=True).encode() + b"\n")


def _forget_unlike(disk: LocalDisk, rows: Sequence[Candidate]) -> None:
    """Remove half-written shards, and shards of another choice of rows, as after videos were deleted."""
    name, text = f"{WORK}/kept.txt", "\n".join(f"{row.run} {row.row} {row.sha256}" for row in rows)
    digest = _digest(text).encode()
    if disk.exists("data") and not (disk.exists(name) and disk.read(name) == digest):
        shutil.rmtree(disk.path("data"))
    disk.write_atomic(name, digest)
    disk.sweep("data")


def describe(dropped: Counter[str] | dict[str, int]) -> str:
    """Format counts by reason in one line.

    >>> describe({"invalid": 2, "cap": 1})
    'invalid 2, cap 1'
    """
    return ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in dropped.items() if count) or "none"


def _write_prompts(
    run: Run, collected: Collected, rows: Sequence[Candidate], splits: dict[str, str], disk: LocalDisk
) -> None:
    suite = run.manifest.suite
    ids = sorted({row.prompt_id for row in rows})
    prompts = tuple(dataclasses.replace(collected.prompts[id], split=splits[id]) for id in ids)
    write_suite(Suite(suite.name or "prompts", suite.version, prompts), disk.path(PROMPTS))


def _plan(runs: Sequence[Run], rules: Rules, form: Form) -> str:
    """Return everything that determines the bytes of the dataset, as text."""
    sources: list[Any] = []
    for run in runs:
        next(run.iter_samples(), None)  # raises an error if the run has not finished
        sources.append([sha256_file(run.disk.fetch(name)) for name in ("run.json", "samples.parquet")])
    facts = {"dsrbench": __version__, "sources": sources}
    return json.dumps({**facts, "rules": dataclasses.asdict(rules), "form": dataclasses.asdict(form)}, sort_keys=True)


def _digest(plan: str) -> str:
    return hashlib.sha256(plan.encode()).hexdigest()


def _check_folder(disk: LocalDisk, plan: str) -> None:
    """Check that the folder is free or holds this dataset, complete or interrupted.

    Raises:
        RunMismatchError: The folder holds another dataset.
        InputError: The folder holds other files.
    """
    if disk.exists(REPORT):
        try:
            same = json.loads(disk.read(REPORT))["plan"] == _digest(plan)
        except (ValueError, KeyError, TypeError):
            same = False
    elif disk.exists(f"{WORK}/plan.json"):
        same = disk.read(f"{WORK}/plan.json") == plan.encode()
        if not same and not disk.exists("data"):  # no shard was written yet
            return _clear(disk.root)
    elif any(disk.exists(name) for name in PARTS):
        raise InputError(f"{disk.shown} holds files that are not of a dataset by dsrbench; give another --out folder")
    else:
        return
    if not same:
        raise RunMismatchError(
            f"{disk.shown} holds a dataset of other runs or options; give another --out folder, or --force to "
            "throw it away"
        )


def _clear(out: Path) -> None:
    for name in (*PARTS, f"{WORK}/plan.json", f"{WORK}/hashes.jsonl", f"{WORK}/kept.txt"):
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
