"""Files of a dataset's rows: Parquet tables with the videos inside, or folders of videos with a table each."""

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
"""Number of rows of a row group, which a reader fetches and holds in memory at once."""

MAX_ROWS = 5000
"""Maximum number of rows of a shard; the Hub recommends fewer than 10,000 files per folder."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """One table of a split.

    Attributes:
        split: `train`, `validation` or `test`.
        number: Number of the shard, from 0.
        of: Number of shards of the split.
        rows: Candidates whose rows it holds.
    """

    split: str
    number: int
    of: int
    rows: Sequence[Candidate]

    def name(self, *, inside: bool) -> str:
        """Return the path of the shard's table in the dataset.

        >>> Shard("train", 0, 2, []).name(inside=True)
        'data/train-00000-of-00002.parquet'
        """
        if inside:
            return f"data/{self.split}-{self.number:05d}-of-{self.of:05d}.parquet"
        return f"data/{self.split}/{self.number:05d}/metadata.parquet"


def cut_shards(split: str, rows: Sequence[Candidate], *, max_bytes: float) -> list[Shard]:
    """Cut a split into shards of at most `max_bytes` bytes of video each, but of at least one row."""
    parts: list[list[Candidate]] = []
    held = 0
    for row in rows:
        if not parts or held + row.size > max_bytes or len(parts[-1]) == MAX_ROWS:
            parts.append([])
            held = 0
        parts[-1].append(row)
        held += row.size
    return [Shard(split, number, len(parts), part) for number, part in enumerate(parts)]


class ShardWriter:
    """Writer of missing shards, each complete or not at all, with a few rows in memory at a time.

    Args:
        runs: Runs of the rows' samples.
        disk: The dataset's folder.
        splits: Split of every prompt, by id.
        inside: Whether the tables hold the videos.
    """

    def __init__(self, runs: Sequence[Run], disk: LocalDisk, splits: dict[str, str], *, inside: bool) -> None:
        self._runs, self._disk, self._splits, self._inside = runs, disk, splits, inside
        self._manifests = [_manifest_text(run) for run in runs]

    def write(self, shard: Shard) -> None:
        """Write one shard.

        Raises:
            VideoError: A video is missing, or is not the one that was scored.
            StoreError: A run cannot be read, or the folder cannot be written.
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
    """Return the paths of the columns as Parquet stores them."""
    import pyarrow as pa

    def walk(path: str, kind: Any) -> Iterable[str]:
        if pa.types.is_struct(kind):
            return [name for field in kind for name in walk(f"{path}.{field.name}", field.type)]
        return walk(f"{path}.list.element", kind.value_type) if pa.types.is_list(kind) else [path]

    return [name for field in schema for name in walk(field.name, field.type)]


def _compressions(schema: Any) -> dict[str, str]:
    """Return the compression of each column: Zstandard, but none for videos, which are compressed already."""
    return {name: "none" if name == "video.bytes" else "zstd" for name in leaves(schema)}


def _tracks_of(run: Run, sample: Sample) -> VideoTracks | None:
    tracks = run.tracks(sample.id)
    return tracks if tracks is not None and len(tracks) == sample.n_frames else None


def _manifest_text(run: Run) -> str:
    manifest = {name: value for name, value in run.manifest.to_json().items() if name != "schema"}
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
