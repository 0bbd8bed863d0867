"""Pack a finished run as an entry, without paths and addresses of this machine."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dsrbench
from dsrbench.analysis import summarize
from dsrbench.analysis.certainty import certainty_of
from dsrbench.backends.protocols import protocol_of
from dsrbench.errors import InputError, StoreError
from dsrbench.records import to_json
from dsrbench.store import BackendRecord, LocalDisk, Run, Sample
from dsrbench.submission.boxes import MAX_TEXT, BoxRow, write_boxes
from dsrbench.submission.entry import FILE, Entry, ModelFacts, check_name, parse_entry
from dsrbench.types import Kind, Status, VideoTracks

CLAIMED = ("n_samples", "n_prompts", "n_scored", "n_invalid", "n_failed", "coverage", "accuracy", "mean_score")
"""Figures of a summary that an entry claims."""


def pack_entry(
    run: Run,
    out: Path,
    *,
    name: str,
    model: ModelFacts,
    base: str = "",
    notes: str = "",
    model_in_run: str | None = None,
) -> Entry:
    """Pack a finished run into the folder of an entry: `boxes.parquet`, then `entry.json`.

    Options and the reasons of failed samples have no path of this machine.

    Args:
        run: Finished run of a whole suite with the same seeds for every prompt.
        out: Folder of the entry, made if need be.
        name: Name of the entry.
        model: Model that made the videos.
        base: Name of the entry that it was aligned from; empty for none.
        notes: Notes for readers.
        model_in_run: Name of the model in the run; needed where the run has several.

    Raises:
        InputError: The run has several models, or prompts with different seeds.
        SubmissionError: A field is malformed.
        StoreError: The run has not finished, its tracks are gone, or the folder cannot be written.
    """
    check_name(name)
    manifest, samples = run.manifest, _of_model(run, model_in_run)
    seeds = sorted({sample.seed for sample in samples})
    suite, n_prompts = manifest.suite, manifest.suite.n_prompts or 0
    if len(samples) != len(seeds) * n_prompts:
        raise InputError(
            f"{run.folder}: {len(samples)} samples are not the {n_prompts} prompts of {suite.name} with "
            f"{len(seeds)} seeds each; an entry has every one of them (`--seeds` makes the missing ones failed samples)"
        )
    entry = Entry(
        name=name,
        model=model,
        suite=dataclasses.replace(suite, n_prompts=None),
        seeds=tuple(seeds),
        detector=_without_paths(manifest.detector),
        tracker=_without_paths(manifest.tracker),
        depth=_without_paths(manifest.depth) if manifest.depth is not None else None,
        generator=_without_paths(manifest.generator) if manifest.generator is not None else None,
        protocol=protocol_of(manifest),
        stride=manifest.stride,
        counts=manifest.counts,
        base=base,
        notes=notes,
        dsrbench=dsrbench.__version__,
        claim={key: value for key, value in summarize(samples).to_json().items() if key in CLAIMED},
    )
    disk = LocalDisk(out)
    text = _to_json(entry)
    parse_entry(text)
    disk.remove(FILE)
    write_boxes(out, _rows(run, samples), is_extended=any(s.prompt.kind is not Kind.DYNAMIC for s in samples))
    disk.write_atomic(FILE, text)
    return entry


def _of_model(run: Run, model: str | None) -> list[Sample]:
    samples = run.samples()
    models = sorted({sample.model for sample in samples})
    if model is None and len(models) > 1:
        raise InputError(f"{run.folder} has several models ({', '.join(models[:5])}); say which one is the entry's")
    if model is not None and model not in models:
        raise InputError(f"{run.folder} has no model {model!r}; it has {', '.join(models[:5])}")
    return [sample for sample in samples if model in (None, sample.model)]


def _without_paths(record: BackendRecord) -> BackendRecord:
    return BackendRecord(**hide_paths(to_json(record)))


def hide_paths(value: Any) -> Any:
    """Return JSON without paths of this machine: a path becomes its last part, an address loses user and query.

    >>> hide_paths({"adapter": "/home/me/run 3/adapter", "model": "org/name", "url": "https://me:pw@host/v1?key=1"})
    {'adapter': 'adapter', 'model': 'org/name', 'url': 'https://host/v1'}
    """
    if isinstance(value, Mapping):
        return {key: hide_paths(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hide_paths(item) for item in value]
    if not isinstance(value, str) or not value:
        return value
    if "://" in value:
        parts = urlsplit(value)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", "")) if parts.scheme != "file" else _last(parts.path)
    is_path = value[0] in "/\\~." or PureWindowsPath(value).drive or Path(value).exists()
    return _last(value) if is_path else value


def _last(path: str) -> str:
    return PureWindowsPath(path).name or "."


def tidy_text(text: str, *, max_length: int = MAX_TEXT) -> str:
    r"""Return a text as one line without unprintable characters and without folders of this machine.

    >>> tidy_text("cannot read /home/me/videos/a.mp4:\n no  such file")
    'cannot read a.mp4: no such file'
    """
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = re.sub(r"(?<![\w:/])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\:]+[/\\])+", "", " ".join(printable.split()))
    return line[:max_length]


def _rows(run: Run, samples: Sequence[Sample]) -> Iterator[BoxRow]:
    for sample in sorted(samples, key=lambda sample: (sample.prompt.id, sample.seed)):
        score = sample.score
        tracks = run.tracks(sample.id) if sample.n_frames else None
        if score.status is Status.SCORED and tracks is None:
            raise StoreError(f"{run.folder}: the tracks of {sample.id} are gone; run dsrbench eval again")
        reason = tidy_text(score.reason)
        yield BoxRow(
            sample.prompt.id,
            sample.seed,
            score.status,
            reason,
            score.dsr_score,
            sample.video_sha256,
            tracks,
            anchored=tracks is None or _is_anchored(tracks),
            text_used="" if sample.text_used == sample.prompt.text else tidy_text(sample.text_used),
            certainty=certainty_of(sample),
        )


def _is_anchored(tracks: VideoTracks) -> bool:
    return all(part.provenance.get("anchor", 0) is not None for part in (tracks, *tracks.further))


def _to_json(entry: Entry) -> bytes:
    return json.dumps(entry.record(), indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"
