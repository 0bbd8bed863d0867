"""Read datasets: rows of a split, one row group in memory at a time, with or without their large columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dsrbench.dataset.rows import LONG
from dsrbench.errors import InputError, StoreError, VideoError, first_line

HEAVY = ("subject_boxes", "object_boxes", "manifest", *LONG)
"""Columns other than the video that pairs do not need."""


def is_dataset(folder: Path) -> bool:
    """Tell whether a folder holds a dataset of `dsrbench dataset build`."""
    return any((folder / "data").glob("*.parquet")) or any((folder / "data").glob("*/*/metadata.parquet"))


def list_splits(folder: Path) -> list[str]:
    """List the splits of a dataset, sorted."""
    tables = {path.name.partition("-")[0] for path in (folder / "data").glob("*-*.parquet")}
    return sorted(tables | {path.parent.parent.name for path in (folder / "data").glob("*/*/metadata.parquet")})


def iter_rows(folder: Path, split: str, *, without: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield the rows of a split.

    Args:
        folder: Folder of the dataset.
        split: `train`, `validation` or `test`.
        without: Columns to leave out; `video.bytes` leaves out only the videos' bytes. If videos are files, each row
            has the path of its video as `file`.

    Raises:
        InputError: The dataset has no such split.
        StoreError: A table is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in find_tables(folder, split):
        try:
            with pq.ParquetFile(path) as table:
                names = [table.schema.column(i).path for i in range(len(table.schema))]
                columns = [n for n in names if n not in without and n.partition(".")[0] not in without]
                for part in table.iter_batches(batch_size=32, columns=columns):
                    for row in part.to_pylist():
                        yield {**row, "file": path.parent / row["file_name"]} if "file_name" in row else row
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path}: damaged ({first_line(error)}); fetch or build the dataset again") from None


def find_tables(folder: Path, split: str) -> list[Path]:
    """Return the paths of a split's tables, in order.

    Raises:
        InputError: The dataset has no such split.
    """
    data = folder / "data"
    tables = sorted([*data.glob(f"{split}-*.parquet"), *data.glob(f"{split}/*/metadata.parquet")])
    if not tables:
        raise InputError(f"{folder} has no split {split!r}; it has: {', '.join(list_splits(folder)) or 'none'}")
    return tables


def read_row_video(row: Mapping[str, Any]) -> bytes:
    """Read the video of a row and check its hash.

    Raises:
        VideoError: The video is missing, or does not match the row's hash.
    """
    name = row["sample_id"]
    try:
        data = row["file"].read_bytes() if "file" in row else (row.get("video") or {}).get("bytes")
    except OSError as error:
        raise VideoError(f"row {name}: {row['file']} cannot be read ({error.strerror}); fetch it again") from None
    if not data:
        raise VideoError(f"row {name}: it has no video; fetch or build the dataset again")
    if hashlib.sha256(data).hexdigest() != row["video_sha256"]:
        raise VideoError(f"row {name}: its video does not match its sha256; fetch or build the dataset again")
    return bytes(data)
