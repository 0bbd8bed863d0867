"""The files rows are in: Parquet tables with the videos inside, or folders of videos with a table beside them."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dsrbench.dataset.collect import iter_rows_of, read_video
from dsrbench.dataset.curate import Candidate
from dsrbench.dataset.rows import make_row, row_schema
from dsrbench.store import LocalDisk, Run, Sample
from dsrbench.types import VideoTracks

GROUP = 32
"""Rows of a row group: what a reader has to fetch to see the first row, and what is in memory at once."""

MOST_ROWS = 5000
"""Rows of a shard: the Hub asks for fewer than 10,000 files a folder."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of a split.

    Attributes:
        split: `train`, `validation` or `test`.
        number: From 0.
        of: Shards of the split.
        rows: What is in it.
    """

    split: str
    number: int
    of: int
    rows: Sequence[Candidate]

    def name(self, *, inside: bool) -> str:
        """Its table's path in the dataset.

        >>> Shard("train", 0, 2, []).name(inside=True)
        'data/train-00000-of-00002.parquet'
        """
        if inside:
            return f"data/{self.split}-{self.number:05d}-of-{self.of:05d}.parquet"
        return f"data/{self.split}/{self.number:05d}/metadata.parquet"


def cut_shards(split: str, rows: Sequence[Candidate], *, most_bytes: float) -> list[Shard]:
    """Cut a split into shards of at most so many bytes of video each, but of one row at least."""
    parts: list[list[Candidate]] = []
    held = 0
    for row in rows:
        if not parts or held + row.size > most_bytes or len(parts[-1]) == MOST_ROWS:
            parts.append([])
            held = 0
        parts[-1].append(row)
        held += row.size
    return [Shard(split, number, len(parts), part) for number, part in enumerate(parts)]


class ShardWriter:
    """Writes shards that are not there yet, each whole or not at all, a few rows in memory at a time.

    Args:
        runs: Whose samples the rows are.
        disk: The dataset's folder.
        splits: Split of every prompt.
        inside: Whether tables hold the videos.
    """

    def __init__(self, runs: Sequence[Run], disk: LocalDisk, splits: dict[str, str], *, inside: bool) -> None:
        self._runs, self._disk, self._splits, self._inside = runs, disk, splits, inside
        self._manifests = [_manifest_text(run) for run in runs]

    def write(self, shard: Shard) -> None:
        """Write one shard.

        Raises:
            VideoError: A video is not there, or not the one that was scored.
            StoreError: A run cannot be read, or the folder not be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        name = shard.name(inside=self._inside)
        if self._disk.exists(name):
            return
        schema = row_schema(inside=self._inside)
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        rows = self._rows(shard, Path(name).parent)
        with self._disk.writing(name) as file, contextlib.ExitStack() as stack:
            writer = stack.enter_context(
                pq.ParquetWriter(
                    file,
                    schema,
                    compression=_compressions(schema),
                    use_dictionary=texts,
                    write_statistics=texts,
                    store_schema=True,
                )
            )
            while part := list(itertools.islice(rows, GROUP)):
                writer.write_table(pa.Table.from_pylist(part, schema=schema))

    def _rows(self, shard: Shard, folder: Path) -> Iterator[dict[str, Any]]:
        for number, group in itertools.groupby(shard.rows, key=lambda row: row.run):
            run, of_run = self._runs[number], list(group)
            for row, sample in zip(of_run, iter_rows_of(run, [row.row for row in of_run]), strict=True):
                data = read_video(run.find_video(row.video), row.sha256)
                name = f"{Path(sample.id.slug).name}{Path(row.video).suffix}"
                if not self._inside:
                    self._disk.write_atomic(f"{folder.as_posix()}/{name}", data)
                yield make_row(
                    sample,
                    _tracks_of(run, sample),
                    name=name,
                    data=data if self._inside else None,
                    split=self._splits[row.prompt_id],
                    label=row.label,
                    likeness=row.likeness,
                    manifest=self._manifests[number],
                )


def leaves(schema: Any) -> list[str]:
    """Paths of the columns as Parquet stores them."""
    import pyarrow as pa

    def walk(path: str, kind: Any) -> Iterable[str]:
        if pa.types.is_struct(kind):
            return [name for field in kind for name in walk(f"{path}.{field.name}", field.type)]
        return walk(f"{path}.list.element", kind.value_type) if pa.types.is_list(kind) else [path]

    return [name for field in schema for name in walk(field.name, field.type)]


def _compressions(schema: Any) -> dict[str, str]:
    """Zstandard for all but the videos, which are compressed as they are."""
    return {name: "none" if name == "video.bytes" else "zstd" for name in leaves(schema)}


def _tracks_of(run: Run, sample: Sample) -> VideoTracks | None:
    tracks = run.tracks(sample.id)
    return tracks if tracks is not None and len(tracks) == sample.n_frames else None


def _manifest_text(run: Run) -> str:
    manifest = {name: value for name, value in run.manifest.to_json().items() if name != "schema"}
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
