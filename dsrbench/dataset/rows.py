"""Rows of a dataset: a sample's columns, its video, boxes, label and the manifest of its run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dsrbench.store import Sample, table_schema
from dsrbench.types import Floats, VideoTracks

if TYPE_CHECKING:
    import pyarrow as pa

LONG = ("ssr_initial", "ssr_final")
"""Columns of sequences over the frames."""

_RENAMED = {"text": "prompt", "type": "relations"}


def row_schema(*, inside: bool) -> pa.Schema:
    """Return the columns of a dataset.

    Args:
        inside: Whether the rows hold the videos' bytes; otherwise `file_name` names a file next to the table.

    Returns:
        The columns of `samples.parquet`, with `text` renamed to `prompt`, `type` as the list `relations` and the file
        as `video`; and `label`, `subject_boxes` and `object_boxes` (a box or null per frame, pixels), `likeness`
        (perceptual hash) and `manifest` (JSON). The metadata mark `video` as a video that `datasets` does not decode.
    """
    import pyarrow as pa

    text = pa.string()
    video = pa.field("video", pa.struct([("bytes", pa.binary()), ("path", text)]))
    fields = [video if inside else pa.field("file_name", text)]
    for field in table_schema():
        if field.name == "type":
            fields.append(pa.field("relations", pa.list_(text)))
        elif field.name != "video":
            fields.append(field.with_name(_RENAMED.get(field.name, field.name)))
    boxes = pa.list_(pa.list_(pa.float64()))
    fields += [pa.field("label", text), pa.field("subject_boxes", boxes), pa.field("object_boxes", boxes)]
    fields += [pa.field("likeness", text), pa.field("manifest", text)]
    features = {"info": {"features": {"video": {"decode": False, "_type": "Video"}}}}
    return pa.schema(fields, metadata={"huggingface": json.dumps(features)} if inside else None)


def make_row(
    sample: Sample,
    tracks: VideoTracks | None,
    *,
    name: str,
    data: bytes | None,
    split: str,
    label: str,
    likeness: bytes,
    manifest: str,
) -> dict[str, Any]:
    """Make the row of a sample.

    Args:
        sample: The sample.
        tracks: Tracks of the sample; None if there are none.
        name: File name of the video in the dataset.
        data: Bytes of the video; None if videos are files.
        split: Split of the prompt.
        label: `winner`, `loser` or empty.
        likeness: Perceptual hash of the video.
        manifest: Manifest of the run, as JSON.
    """
    row = sample.row()
    return {
        **{_RENAMED.get(key, key): value for key, value in row.items() if key != "video"},
        **({"video": {"bytes": data, "path": name}} if data is not None else {"file_name": name}),
        "relations": [row["type"]] if ">" in row["type"] else list(row["type"]),
        "split": split,
        "label": label or None,
        "subject_boxes": _boxes(tracks.subject) if tracks is not None else None,
        "object_boxes": _boxes(tracks.object) if tracks is not None else None,
        "likeness": likeness.hex() or None,
        "manifest": manifest,
    }


def sample_of(row: Mapping[str, Any]) -> Sample:
    """Restore the sample of a row, with its video's `name`; SSR sequences that were not read are empty.

    Raises:
        StoreError: A column is missing, or its value has another type.
    """
    named = {old: row[new] for old, new in _RENAMED.items() if new in row}
    named["type"] = "".join(named.get("type") or ())
    video = row["file_name"] if "file_name" in row else (row.get("video") or {}).get("path")
    empty = dict.fromkeys(LONG, np.empty(0))
    return Sample.from_row({**empty, **row, **named, "video": video})


def _boxes(boxes: Floats) -> list[list[float] | None]:
    return [None if np.isnan(box[0]) else box.tolist() for box in boxes]
