"""`boxes.parquet`: a row a sample, with the boxes of every frame and the score claimed for them.

The certainty of a sample is the submitter's figure: it comes from other tracks than those of the boxes, so it cannot be
computed again. A table without its columns, as versions before 0.2 wrote it, is read too.

Where prompts need more than the boxes of one claim, the table has three columns more: depth statistics, the motion of
the camera, and the boxes of further claims. Depth and camera are the submitter's: boxes cannot confirm them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dsrbench.errors import BoxError
from dsrbench.store import LocalDisk
from dsrbench.store.samples import CERTAINTY
from dsrbench.submission.entry import HEX, SubmissionError, check_text
from dsrbench.types import Certainty, Floats, FrameState, Status, VideoTracks
from dsrbench.types.tracks import DEPTH_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "boxes.parquet"

MAX_BYTES = 256 * 2**20
"""Maximum size of the file, in bytes; its unpacked columns may have four times as many."""

MAX_TEXT = 4_000
"""Maximum length of a text, in characters; prompts extended by a language model are long."""

MAX_FRAMES = 2_000
"""Maximum number of frames of a video."""

MAX_PIXELS = 16_384
"""Maximum width and height of a video, in pixels."""

MAX_CLAIMS = 8
"""Maximum number of claims of a prompt."""

MAX_FPS = 1_000
"""Maximum frame rate of a video, in frames per second."""

MAX_OUTSIDE = 1.0
"""Maximum distance by which a box may leave its frame, in pixels; trackers interpolate."""

BATCH_ROWS = 256
"""Number of rows read or written at once."""

MAX_SHOWN = 5
"""Maximum number of values named in a message."""


_BOXES = ("subject", "object")
_STATES = ("subject_state", "object_state")
_MEASURED = {"depth": DEPTH_COLUMNS, "camera": 9}
"""Names of the lists of a claim; those of what was measured with the numbers of a frame."""


@dataclasses.dataclass(frozen=True)
class BoxRow:
    """A sample of an entry.

    Attributes:
        prompt_id: Id of the prompt in the suite.
        seed: Seed of the sample.
        status: `scored`, `invalid` or `failed`.
        reason: Reason for a missing score; empty for a scored sample.
        score: Claimed DSR-Score in [0, 1]; NaN unless scored.
        video_sha256: Hash of the video; empty where it could not be read.
        tracks: Boxes of the video; None for a failed sample, or a noun that the detector does not know.
        anchored: Whether a propagating tracker had an anchor frame to start from; True for all others.
        text_used: Text that the model was given; empty where it is the prompt's or unknown.
        certainty: Certainty as claimed, which the boxes cannot confirm; None where unknown, or not scored.
    """

    prompt_id: str
    seed: int
    status: Status
    reason: str
    score: float
    video_sha256: str
    tracks: VideoTracks | None
    anchored: bool = True
    text_used: str = ""
    certainty: Certainty | None = None

    @property
    def shown(self) -> str:
        """Name of the sample in messages."""
        return name_sample(self.prompt_id, self.seed)


def name_sample(prompt_id: str, seed: int) -> str:
    """Return the name of a sample in messages, with a long id cut.

    >>> name_sample("1000_LR", 2)
    'sample 1000_LR, seed 2'
    """
    return f"sample {prompt_id[:60]}, seed {seed}"


def boxes_schema(*, is_extended: bool = False) -> pa.Schema:
    """Return the columns of the table.

    Boxes are `4 T` numbers in pixels, frame by frame, NaN where absent; a certainty that is not known is NaN. Depth has
    `5 T` numbers and the camera `9 T`, or none.

    Args:
        is_extended: Whether it has the columns of prompts that need more than the boxes of one claim.
    """
    import pyarrow as pa

    text, count, number, states = pa.string(), pa.int64(), pa.float64(), pa.list_(pa.uint8())
    columns = {
        **{"prompt_id": text, "seed": count, "status": text, "reason": text, "score": number},
        **dict.fromkeys(CERTAINTY, number),
        **{"video_sha256": text, "text_used": text, "anchored": pa.bool_()},
        **{"n_frames": count, "width": count, "height": count, "fps": number},
        **{"subject": pa.list_(number), "object": pa.list_(number)},
        **{"subject_state": states, "object_state": states},
    }
    if is_extended:
        measured = dict.fromkeys(_MEASURED, pa.list_(number))
        claim = {**dict.fromkeys(_BOXES, pa.list_(number)), **dict.fromkeys(_STATES, states), **measured}
        columns |= {**measured, "further": pa.list_(pa.struct(list(claim.items())))}
    return pa.schema(list(columns.items()))


def write_boxes(folder: Path, rows: Iterable[BoxRow], *, is_extended: bool = False) -> None:
    """Write `boxes.parquet` in a folder, whole or not at all; equal rows give equal bytes.

    Args:
        folder: The folder.
        rows: The rows.
        is_extended: Whether prompts need more than the boxes of one claim.

    Raises:
        StoreError: The file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = boxes_schema(is_extended=is_extended)
    with (
        LocalDisk(folder).writing(FILE) as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        part: list[dict[str, Any]] = []
        for row in rows:
            part.append(_pack(row, is_extended=is_extended))
            if len(part) == BATCH_ROWS:
                writer.write_table(pa.Table.from_pylist(part, schema))
                part = []
        writer.write_table(pa.Table.from_pylist(part, schema))


def read_boxes(folder: Path, *, max_rows: int) -> Iterator[BoxRow]:
    """Read `boxes.parquet` row by row, each checked: schema, size, finite boxes inside the frame, plausible frames.

    Args:
        folder: Folder of the entry.
        max_rows: Maximum number of rows.

    Raises:
        SubmissionError: The file is too large, malformed, or has a malformed row; the first one is named.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / FILE
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SubmissionError(f"{FILE} is larger than the {MAX_BYTES:,} bytes it may have")
        with pq.ParquetFile(path) as table:
            _check_table(table, max_rows)
            for batch in table.iter_batches(batch_size=BATCH_ROWS):
                yield from map(_unpack, batch.to_pylist())
    except OSError as error:
        raise SubmissionError(f"{FILE} cannot be read ({error.strerror or error})") from None
    except (pa.ArrowException, UnicodeDecodeError, MemoryError) as error:
        raise SubmissionError(f"{FILE} is no such table ({str(error).splitlines()[0][:200]})") from None


def _check_table(table: Any, max_rows: int) -> None:
    expected, schema = boxes_schema(), table.schema_arrow.remove_metadata()
    extended = boxes_schema(is_extended=True)
    if not any(map(schema.equals, (expected, extended, _schema_without_certainty()))):
        unlike = sorted(set(map(str, expected)) ^ set(map(str, schema)))
        raise SubmissionError(f"{FILE} must have the columns {expected.names}; these differ: {', '.join(unlike)[:300]}")
    if table.metadata.num_rows > max_rows:
        raise SubmissionError(f"{FILE} has {table.metadata.num_rows:,} rows, suite and seeds make {max_rows:,}")
    groups = [table.metadata.row_group(n) for n in range(table.metadata.num_row_groups)]
    values = sum(group.column(n).num_values for group in groups for n in range(group.num_columns))
    max_numbers = MAX_CLAIMS * 24 * MAX_FRAMES if schema.equals(extended) else 10 * MAX_FRAMES
    max_values = table.metadata.num_rows * (max_numbers + len(extended))
    if sum(group.total_byte_size for group in groups) > 4 * MAX_BYTES or values > max_values:
        raise SubmissionError(f"{FILE} unpacks to more than it may: {values:,} values, {4 * MAX_BYTES:,} bytes")


def _schema_without_certainty() -> pa.Schema:
    """Return the columns of a table of versions before 0.2."""
    import pyarrow as pa

    return pa.schema([field for field in boxes_schema() if field.name not in CERTAINTY])


def _pack(row: BoxRow, *, is_extended: bool) -> dict[str, Any]:
    tracks = row.tracks
    size = tracks.size if tracks is not None else (0, 0)
    names = (*_BOXES, *_STATES, *(_MEASURED if is_extended else ()))
    arrays = _pack_arrays(tracks, names)
    if is_extended:
        arrays["further"] = [] if tracks is None else [_pack_arrays(part, names) for part in tracks.further]
    known = row.certainty
    certainty = (known.p_pass, known.low, known.high) if known is not None else (math.nan,) * len(CERTAINTY)
    return {
        **{name: getattr(row, name) for name in ("prompt_id", "seed", "reason", "score", "video_sha256")},
        **dict(zip(CERTAINTY, certainty, strict=True)),
        **{"status": row.status.value, "text_used": row.text_used, "anchored": row.anchored},
        **{"n_frames": 0 if tracks is None else len(tracks), "width": size[0], "height": size[1]},
        **{"fps": 0.0 if tracks is None else tracks.fps, **arrays},
    }


def _pack_arrays(tracks: VideoTracks | None, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(tracks, name, None) for name in names}
    return {name: () if array is None else np.ravel(array) for name, array in values.items()}


def _unpack(row: Mapping[str, Any]) -> BoxRow:
    """Return a row, checked.

    Raises:
        SubmissionError: A value is malformed.
    """
    absent = [name for name, value in row.items() if value is None]
    if absent:
        raise SubmissionError(f"{FILE}: a row has no {', '.join(absent)}")
    for name in ("prompt_id", "reason", "text_used"):
        if problem := check_text(row[name], max_length=MAX_TEXT):
            raise SubmissionError(f"{FILE}: {name} {problem}")
    where = name_sample(row["prompt_id"], row["seed"])
    if row["status"] not in {status.value for status in Status}:
        raise SubmissionError(f"{where}: no status {row['status'][:20]!r}")
    if row["video_sha256"] and not HEX.fullmatch(row["video_sha256"]):
        raise SubmissionError(f"{where}: no sha256 {row['video_sha256'][:80]!r}")
    score, status = row["score"], Status(row["status"])
    if math.isnan(score) if status is Status.SCORED else not math.isnan(score):
        raise SubmissionError(f"{where} is {status.value}, with a score of {score}")
    names = ("prompt_id", "seed", "reason", "score", "video_sha256", "anchored", "text_used")
    certainty = _unpack_certainty(row, status, where)
    tracks = _unpack_tracks(row, where)
    return BoxRow(status=status, tracks=tracks, certainty=certainty, **{name: row[name] for name in names})


def _unpack_certainty(row: Mapping[str, Any], status: Status, where: str) -> Certainty | None:
    """Return the certainty of a row; None where its columns are NaN, or the table has none."""
    values = [row.get(name, math.nan) for name in CERTAINTY]
    if all(map(math.isnan, values)):
        return None
    if status is not Status.SCORED:
        raise SubmissionError(f"{where} is {status.value}, with a certainty")
    p_pass, low, high = values
    if not (0 <= p_pass <= 1 and 0 <= low <= high <= 1):
        raise SubmissionError(
            f"{where}: a probability of passing of {p_pass}, and an interval of {low} to {high}; expected 0 to 1"
        )
    return Certainty(p_pass, low, high)


def _unpack_tracks(row: Mapping[str, Any], where: str) -> VideoTracks | None:
    n_frames, fps = row["n_frames"], row["fps"]
    size = row["width"], row["height"]
    if n_frames == 0 and not any(row.get(name) for name in (*_BOXES, *_STATES, *_MEASURED, "further")):
        return None
    if not 1 <= n_frames <= MAX_FRAMES or not all(1 <= side <= MAX_PIXELS for side in size):
        raise SubmissionError(
            f"{where}: {n_frames} frames of {size[0]} x {size[1]}; 1 to {MAX_FRAMES} frames of at most {MAX_PIXELS} "
            f"pixels a side are plausible"
        )
    if not (math.isfinite(fps) and 0 <= fps <= MAX_FPS):
        raise SubmissionError(f"{where}: {fps} frames a second; 0 (unknown) to {MAX_FPS} are plausible")
    if not row["video_sha256"]:
        raise SubmissionError(f"{where} has boxes, and no sha256 of the video they are of")
    claims = row.get("further") or []
    if len(claims) >= MAX_CLAIMS:
        raise SubmissionError(f"{where}: {len(claims) + 1} claims; at most {MAX_CLAIMS} are allowed")
    first, *further = (_unpack_claim(values, n_frames, size, fps, where) for values in (row, *claims))
    return dataclasses.replace(first, further=tuple(further))


def _unpack_claim(
    values: Mapping[str, Any], n_frames: int, size: tuple[int, int], fps: float, where: str
) -> VideoTracks:
    absent = [name for name in (*_BOXES, *_STATES) if values.get(name) is None]
    if absent:
        raise SubmissionError(f"{where}: a claim has no {', '.join(absent)}")
    arrays = {name: _to_array(name, values[name], n_frames, where) for name in (*_BOXES, *_STATES)}
    for name, width in _MEASURED.items():
        numbers = values.get(name) or []
        if len(numbers) not in (0, width * n_frames) or any(map(math.isinf, numbers)):
            raise SubmissionError(f"{where}: {name} must be {width * n_frames} finite numbers, or none")
        shape = (n_frames, 3, 3) if name == "camera" else (n_frames, width)
        arrays[name] = np.array(numbers, np.float64).reshape(shape) if numbers else None
    try:
        tracks = VideoTracks(**arrays, size=size, fps=fps)
    except BoxError as error:
        raise SubmissionError(f"{where}: {error}") from None
    _check_boxes("subject", tracks.subject, arrays["subject_state"], size, where)
    _check_boxes("object", tracks.object, arrays["object_state"], size, where)
    return tracks


def _to_array(name: str, values: Sequence[float], n_frames: int, where: str) -> Any:
    """Return boxes as float64 `[T, 4]`, or states as uint8 `[T]`."""
    is_state = name.endswith("state")
    expected = n_frames if is_state else 4 * n_frames
    if len(values) != expected:
        raise SubmissionError(f"{where}: {name} has {len(values)} numbers, {expected} are needed")
    if not is_state:
        return np.array(values, np.float64).reshape(-1, 4)
    unknown = set(values) - {int(state) for state in FrameState}
    if unknown:
        raise SubmissionError(f"{where}: {name} has states that are none: {sorted(map(str, unknown))[:MAX_SHOWN]}")
    return np.array(values, np.uint8)


def _check_boxes(name: str, boxes: Floats, states: Any, size: tuple[int, int], where: str) -> None:
    outside = ((boxes < -MAX_OUTSIDE) | (boxes > np.array([*size, *size]) + MAX_OUTSIDE)).any(axis=1)
    if outside.any():
        frame = int(np.argmax(outside))
        box = [round(value, 2) for value in boxes[frame].tolist()]
        raise SubmissionError(f"{where}: the {name}'s box of frame {frame}, {box}, is outside {size[0]} x {size[1]}")
    if (np.isnan(boxes[:, 0]) != (states == FrameState.ABSENT)).any():
        raise SubmissionError(f"{where}: the {name}'s states and boxes differ in where it is absent")
