"""Estimates of a planned run: time, memory, disk; each figure says whether it was measured, published or assumed."""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dsrbench.backends.generators.footprint import Footprint
from dsrbench.errors import StoreError
from dsrbench.evaluation.planning import Plan
from dsrbench.store import Run

BITS_PER_PIXEL = 0.05
"""Bits per pixel of the H.264 that is written, assumed until videos are there; the paper's clips have 0.04."""

RECORDS = 20_000
"""Bytes of detections, tracks and records a sample, assumed until samples are there."""

PARTS = ("samples", "tracks", "detections", "generated")
"""Folders of a run that have something of every sample."""

ADVICE = "unknown; make a few with --limit 3, then ask again"


def estimate_run(plan: Plan, run: Run, *, is_generated: bool, footprint: Footprint | None) -> list[str]:
    """Lines that say what a run will take; nothing is made or written.

    Args:
        plan: Plan of the run.
        run: The run folder, which need not exist; times and sizes of what it has are taken as measured.
        is_generated: Whether the run makes its videos.
        footprint: Time and memory that the generator takes, where they are known.
    """
    sizes = {path.name: path.stat().st_size for path in _files(run.videos)} if is_generated else {}
    names = {job.name for job in plan.jobs}
    n_videos = sum(name in sizes for name in names)
    keys = {job.key for job in plan.jobs}
    scored = len(keys & set(run.written_samples())) if run.folder.is_dir() else 0
    seconds = _read_seconds(run)
    start = f"{len(plan.jobs)} samples of {len({job.prompt.source_id for job in plan.jobs})} prompts"
    lines = [f"{start}: {f'{n_videos} videos made, ' if is_generated else ''}{scored} scored so far in {run.folder}"]
    if is_generated:
        lines += _time("making", "video", len(plan.jobs) - n_videos, seconds["generated"], footprint)
    lines += _time("scoring", "sample", len(plan.jobs) - scored, seconds["evaluated"], None)
    if is_generated:
        lines.append(_memory(footprint))
    return [*lines, *_disk(run, len(plan.jobs), n_videos, scored, sizes, footprint)]


def _time(verb: str, thing: str, count: int, measured: list[float], footprint: Footprint | None) -> Iterator[str]:
    if not count:
        yield f"time    {verb}: nothing left"
    elif measured:
        each = statistics.median(measured)
        yield (
            f"time    {verb}: {_duration(each * count)} for {count} at {each:.3g} s a {thing} "
            f"(measured here, median of {len(measured)})"
        )
    elif footprint is not None and footprint.timed is not None:
        yield (
            f"time    {verb}: {_duration(footprint.timed * count)} for {count} at {footprint.timed:.3g} s a {thing} "
            f"(from one and two blocks with random weights, timed here)"
        )
    elif footprint is not None and footprint.seconds:
        times = ", ".join(f"{_duration(each * count)} on one {d} ({each:g} s)" for d, each in footprint.seconds.items())
        about = "" if footprint.is_authors else ", with their own size, frames and steps"
        yield f"time    {verb}: {times} for {count} (its authors' figures{about}); here {ADVICE}"
    else:
        yield f"time    {verb} {count}: {ADVICE}"


def _memory(footprint: Footprint | None) -> str:
    if footprint is None:
        return "memory  unknown: the generator does not say"
    if not footprint.memory:
        return "memory  a layer of the weights at a time; what is computed comes on top, unknown until tried"
    return (
        f"memory  {_size(footprint.memory)} of weights at once ({footprint.basis}); what is computed comes on top, "
        f"unknown until tried"
    )


def _disk(
    run: Run, count: int, n_videos: int, scored: int, sizes: Mapping[str, int], footprint: Footprint | None
) -> Iterator[str]:
    if footprint is not None:
        state = "there" if footprint.basis == "measured" else "to be fetched"
        yield f"disk    weights: {_size(footprint.weights)}, {state} ({footprint.basis})"
    if sizes:
        each, basis = statistics.fmean(sizes.values()), f"measured on {len(sizes)}"
    elif footprint is not None and footprint.pixels:
        each, basis = footprint.pixels * BITS_PER_PIXEL / 8, f"assumed: {BITS_PER_PIXEL} bits a pixel"
    else:
        each, basis = 0.0, ""
    if basis:
        yield f"disk    videos: {_size(each * (count - n_videos))} to come, {_size(each)} each ({basis})"
    file_sizes = [path.stat().st_size for part in PARTS for path in (run.folder / part).rglob("*") if path.is_file()]
    record = sum(file_sizes) / scored if scored else RECORDS
    basis_of_records = f"measured on {scored}" if scored else "assumed"
    yield f"disk    records: {_size(record * (count - scored))} to come, {_size(record)} a sample ({basis_of_records})"
    place = next(folder for folder in (run.folder.resolve(), *run.folder.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    needed = each * (count - n_videos) + record * (count - scored)
    yield f"disk    free: {_size(free)}{'' if free > needed else ': NOT ENOUGH'}"


def _read_seconds(run: Run) -> dict[str, list[float]]:
    """Seconds a video and a sample took, as the folder's log has them."""
    seconds: dict[str, list[float]] = {"generated": [], "evaluated": []}
    lines: list[str] = []
    with contextlib.suppress(StoreError):
        lines = run.disk.read("log.jsonl").decode("utf-8", "replace").splitlines()
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            entry: dict[str, Any] = json.loads(line)
            if entry["event"] in seconds:
                seconds[entry["event"]].append(float(entry["seconds"]) / int(entry.get("samples", 1)))
    return seconds


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("*.mp4") if path.is_file())


def _duration(seconds: float) -> str:
    """Format a duration for people.

    >>> _duration(5400), _duration(90), _duration(400_000)
    ('1.5 h', '1.5 min', '4.6 days')
    """
    for limit, unit, length in ((90, "s", 1), (90 * 60, "min", 60), (72 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 86400:.2g} days"


def _size(count: float) -> str:
    """Bytes for people.

    >>> _size(3_400_000_000), _size(170_000)
    ('3.4 GB', '0.17 MB')
    """
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"
