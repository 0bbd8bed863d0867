"""A run folder: manifest, samples, tracks, log, and the compacted table."""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dsrbench.errors import InputError, StoreError
from dsrbench.lines import parse_object
from dsrbench.records import from_json
from dsrbench.store.arrays import pack_detections, pack_tracks, unpack_detections, unpack_tracks
from dsrbench.store.disk import LocalDisk, write_error
from dsrbench.store.manifest import SCHEMA, RunManifest
from dsrbench.store.mirror import Mirror, is_url
from dsrbench.store.samples import (
    Sample,
    SampleKey,
    VideoRecord,
    iter_samples,
    read_samples,
    read_videos,
    write_tables,
)
from dsrbench.types import Detections, VideoTracks

T = TypeVar("T")

Written = tuple[Sample, VideoRecord]
"""A sample with the record of its video."""


class Run:
    """One run folder.

    Args:
        folder: Where it is, or will be; or a URL such as "s3://bucket/run", which is worked on in a copy on this disk.

    Raises:
        MissingExtraError: A URL of a protocol whose package is not installed.
    """

    def __init__(self, folder: Path | str) -> None:
        self.disk = Mirror(str(folder)) if is_url(folder) else LocalDisk(Path(folder))
        self.folder = self.disk.root

    @classmethod
    def open(cls, folder: Path | str) -> Run:
        """Open an existing run.

        Raises:
            StoreError: The folder is none.
        """
        run = cls(folder)
        if not run.disk.exists("run.json"):
            raise StoreError(
                f"{folder} is no run folder: it has no run.json. Make one with: dsrbench eval --out {folder}"
            )
        return run

    @property
    def videos(self) -> Path:
        """Where the videos are, or links to them."""
        return self.disk.path("videos")

    def place_video(self, name: str) -> Path:
        """Return the path for a video that will be written, its folder made.

        Raises:
            StoreError: The folder cannot be made.
        """
        path = self.videos / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(path, error) from error
        return path

    def find_video(self, name: str) -> Path:
        """Return the path of a video in `videos/`, on this disk; it need not exist."""
        return self.disk.fetch(f"videos/{name}")

    def locate_video(self, sample: Sample) -> Path | None:
        """Return the path of a sample's video, in the run or where it was scored; None if it is not on this disk."""
        if not sample.video:
            return None
        path = self.find_video(sample.video)
        if not path.is_file():
            path = Path(self._video_paths.get(sample.id) or path)
        return path if path.is_file() else None

    @functools.cached_property
    def _video_paths(self) -> dict[SampleKey, str | None]:
        return {key: video.path for key, (_, video) in self.finished().items()}

    def publish_video(self, name: str) -> None:
        """Bring a video that was written in `videos/` to where the run folder is."""
        self.disk.publish(f"videos/{name}")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process alone, and clear what a killed one left half-written."""
        with self.disk.lock():
            for part in ("", "samples", "tracks", "detections", "videos", "generated", "report", "judgments"):
                self.disk.sweep(part)
            yield

    @property
    def manifest(self) -> RunManifest:
        """The settings that make the run's figures comparable; a manifest of defaults before the first write.

        Raises:
            StoreError: Damaged, or of a newer schema.
        """
        if not self.disk.exists("run.json"):
            return RunManifest()
        try:
            values = parse_object(self.disk.read("run.json"))
            schema = values["schema"]
            if schema == SCHEMA:
                return RunManifest.from_json(values)
        except (InputError, KeyError) as error:
            raise StoreError(
                f"{self.disk.shown}/run.json is damaged ({type(error).__name__}: {error}); delete that file and run "
                f"the same dsrbench eval again: finished samples are kept"
            ) from None
        raise StoreError(
            f"{self.disk.shown} has schema {schema}, this dsrbench reads {SCHEMA}; use the matching version"
        )

    def write_manifest(self, manifest: RunManifest) -> None:
        """Write `run.json`."""
        self.write_json("run.json", manifest.to_json())

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file of the run, whole or not at all; NaN is an error."""
        text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
        self.disk.write_atomic(name, text.encode() + b"\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON object written before; empty where it is absent or damaged."""
        if self.disk.exists(name):
            with contextlib.suppress(StoreError, InputError):
                return parse_object(self.disk.read(name))
        return {}

    def log(self, event: str, **facts: Any) -> None:
        """Add a line to `log.jsonl`: the only place for times and hosts."""
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "host": socket.gethostname(), "event": event, **facts}
        self.disk.append("log.jsonl", json.dumps(line, default=str))

    def write_sample(self, sample: Sample, video: VideoRecord | None = None) -> None:
        """Write a sample's JSON with the record of its video, by which the hash is trusted next time."""
        row = {**sample.row(), "file": video.to_json() if video is not None else {}}
        text = json.dumps(row, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        self.disk.write_atomic(f"samples/{sample.id.slug}.json", text.encode())

    def read_sample(self, key: SampleKey) -> Written | None:
        """Read a sample written so far with the record of its video; None where absent or damaged."""
        return self._read_sample(f"samples/{key.slug}.json")

    def written_samples(self) -> dict[SampleKey, Written]:
        """Read every sample written so far, as `read_sample` gives it."""
        samples = map(self._read_sample, self.disk.list("samples", ".json"))
        return {written[0].id: written for written in samples if written is not None}

    def _read_sample(self, name: str) -> Written | None:
        with contextlib.suppress(StoreError, InputError, ValueError):
            if self.disk.exists(name):
                row = parse_object(self.disk.read(name))
                return Sample.from_row(row), from_json(VideoRecord, row.get("file") or {})
        return None

    def write_detections(
        self, key: SampleKey, detections: Sequence[Detections], meta: Mapping[str, Any], *, part: str = ""
    ) -> None:
        """Keep a video's detections, so that a change of tracker need not detect again.

        Args:
            key: The sample.
            detections: Detections of every frame.
            meta: A note about them.
            part: `second` for those of a second detector.
        """
        self.disk.write_atomic(_arrays_name("detections", key, part), pack_detections(detections, meta))

    def read_detections(
        self, key: SampleKey, stage_key: str | None = None, *, part: str = ""
    ) -> tuple[list[Detections], dict[str, Any]] | None:
        """Return the detections of a sample (made under `stage_key`, where one is given) and their note, or None."""
        return self._read_arrays(_arrays_name("detections", key, part), unpack_detections, stage_key)

    def write_tracks(self, key: SampleKey, tracks: VideoTracks, meta: Mapping[str, Any], *, part: str = "") -> None:
        """Keep a video's tracks.

        Args:
            key: The sample.
            tracks: The tracks.
            meta: A note about them.
            part: `first` or `second` for those of one of two detectors, empty for those that are scored.
        """
        self.disk.write_atomic(_arrays_name("tracks", key, part), pack_tracks(tracks, meta))

    def tracks(self, key: SampleKey, stage_key: str | None = None, *, part: str = "") -> VideoTracks | None:
        """Return the tracks of a sample (made under `stage_key`, where one is given); None where there are none."""
        stored = self._read_arrays(_arrays_name("tracks", key, part), unpack_tracks, stage_key)
        return stored[0] if stored is not None else None

    def _read_arrays(
        self, name: str, unpack: Callable[[bytes], tuple[T, dict[str, Any]]], stage_key: str | None
    ) -> tuple[T, dict[str, Any]] | None:
        """Read what a stage kept, if it is whole and was made under `stage_key`, where one is given."""
        if self.disk.exists(name):
            with contextlib.suppress(StoreError):
                value, meta = unpack(self.disk.read(name))
                if stage_key is None or meta.get("key") == stage_key:
                    return value, meta
        return None

    def write_tables(self, written: Iterable[Written]) -> None:
        """Write `samples.parquet`, and `files.parquet` with the records of their videos; in flat memory.

        Args:
            written: Samples sorted by id, each with the record of its video.
        """
        with self.disk.writing("samples.parquet") as samples, self.disk.writing("files.parquet") as videos:
            write_tables(samples, videos, ((sample.row(), video.to_json()) for sample, video in written))

    def finished(self) -> dict[SampleKey, Written]:
        """Read the samples of a finished run from its tables alone; empty where there are none."""
        with contextlib.suppress(StoreError):
            videos = read_videos(self.disk.fetch("files.parquet"))
            samples = read_samples(self.disk.fetch("samples.parquet"))
            if len(videos) == len(samples):
                return {sample.id: (sample, video) for sample, video in zip(samples, videos, strict=True)}
        return {}

    def samples(self) -> list[Sample]:
        """Read the samples of the finished run, sorted.

        Raises:
            StoreError: The run has not finished yet.
        """
        return list(self.iter_samples())

    def iter_samples(self) -> Iterator[Sample]:
        """Read the samples of the finished run, sorted, a few thousand at a time in memory.

        Raises:
            StoreError: The run has not finished yet.
        """
        if not self.disk.exists("samples.parquet"):
            raise StoreError(
                f"{self.disk.shown} has no samples.parquet: its run has not finished. Run dsrbench eval again"
            )
        yield from iter_samples(self.disk.fetch("samples.parquet"))

    def clear(self) -> None:
        """Forget everything the run made; videos stay, but generated ones will be made again."""
        for part in ("samples", "tracks", "detections", "generated", "report"):
            for name in self.disk.list(part):
                self.disk.remove(name)
        for name in ("samples.parquet", "files.parquet", "run.json"):
            self.disk.remove(name)


def _arrays_name(folder: str, key: SampleKey, part: str) -> str:
    """Return the name of a file of detections or tracks.

    >>> _arrays_name("detections", SampleKey("wan 2.1", "1000_LR", 3), "second")
    'detections/3a/wan-2.1_1000_LR_3-3ac16bf8.second.npz'
    """
    return f"{folder}/{key.slug}.{part}.npz" if part else f"{folder}/{key.slug}.npz"


def describe_changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the values in which two manifests differ, each as `name: old -> new`.

    >>> describe_changes({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2})
    ['a.b: 1 -> 3']
    """
    changes = []
    for name in sorted({*old, *new}):
        a, b = old.get(name), new.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            changes += describe_changes(a, b, f"{prefix}{name}.")
        elif a != b:
            changes.append(f"{prefix}{name}: {a!r} -> {b!r}")
    return changes
