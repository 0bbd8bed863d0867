"""One sample of a run - a video and its score - as a value, a JSON file and a Parquet row."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from dsrbench.errors import StoreError, first_line
from dsrbench.records import hash_json
from dsrbench.types import Certainty, Clause, Diagnosis, Floats, Prompt, Status, VideoScore

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 4096
"""Rows of a row group of the tables; part of their bytes."""

PARTS = ("r_init", "g_init", "r_fin", "g_fin")

CERTAINTY = ("p_pass", "score_low", "score_high")
"""Columns of a `Certainty`; beside them, `certainty` is the probability that the decision is right."""

CLAIM = ("subject", "object", "type", "status", "reason", "dsr_score", "diagnosis")
"""Fields of a claim in the column `clauses`, of samples with several; those after the type are null without a score."""

_PLAIN = (
    "model",
    "seed",
    "text_used",
    "video",
    "video_sha256",
    "n_frames",
    "fps",
    "width",
    "height",
    "n_filled",
    "key",
)
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("model", "reason", "text_used", "video", "video_sha256", "key"), (str,)),
    **dict.fromkeys(("seed", "n_frames", "n_scored", "n_filled", "width", "height"), (int,)),
    "fps": (int, float),
    "visited": (bool,),
}


@dataclasses.dataclass(frozen=True)
class VideoRecord:
    """The record of the video of a sample: an unchanged path, size and time of change let its hash be trusted.

    Attributes:
        path: Absolute path of the file; None where there is no video.
        size: Size in bytes; None for a file that is not there.
        mtime_ns: Time of its last change in nanoseconds; likewise.
        sha256: Hash of its contents; None where it could not be read.
        made_by: Cache key of the generation that made it; None for a video that was given.
    """

    path: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str | None = None
    made_by: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what is known."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    def is_unchanged(self, file: VideoRecord) -> bool:
        """Tell whether the hash belongs to the file that `file` describes."""
        now = (file.path, file.size, file.mtime_ns)
        return self.sha256 is not None and (self.path, self.size, self.mtime_ns) == now


class SampleKey(NamedTuple):
    """The key of a sample in a run; sorting keys sorts `samples.parquet`."""

    model: str
    prompt_id: str
    seed: int

    def __str__(self) -> str:
        return f"{self.model}/{self.prompt_id}/{self.seed}"

    @property
    def slug(self) -> str:
        """A file name of safe characters, unique to the key, with a two-letter shard folder before it.

        >>> SampleKey("wan 2.1", "1000_LR", 3).slug
        '3a/wan-2.1_1000_LR_3-3ac16bf8'
        """
        digest = hash_json(self)
        readable = "_".join(re.sub(r"[^A-Za-z0-9._]+", "-", str(part)).strip("-.")[:60] for part in self[:2])
        return f"{digest[:2]}/{readable}_{self.seed}-{digest[:8]}"


@dataclasses.dataclass(frozen=True)
class Sample:
    """A video of a run, with its score.

    Attributes:
        model: Name of the model that made it.
        prompt: The prompt.
        seed: Number of the sample among those of its prompt.
        score: Status, DSR-Score, parts, SSR sequences, diagnosis.
        video: File name of the video, relative to the folder it was found in; empty where there is none.
        video_sha256: Hash of the file; empty where it could not be read.
        n_frames: Frames in the video.
        fps: Frames a second.
        width: Pixels.
        height: Pixels.
        n_filled: Frames scored with an interpolated box.
        text_used: The text the model was given, where that is known; it may differ from the prompt's.
        key: Hash of all that decided the score: video, prompt, backends with their options, counts.
    """

    model: str
    prompt: Prompt
    seed: int
    score: VideoScore
    video: str = ""
    video_sha256: str = ""
    n_frames: int = 0
    fps: float = 0.0
    width: int = 0
    height: int = 0
    n_filled: int = 0
    key: str = ""
    text_used: str = ""

    @property
    def decisive_clause(self) -> Clause:
        """The claim that decides the score; the first one where the claims have no scores."""
        return self.prompt.clauses[self.score.decisive_claim]

    @property
    def id(self) -> SampleKey:
        """Model, prompt id and seed."""
        return SampleKey(self.model, self.prompt.id, self.seed)

    def row(self) -> dict[str, Any]:
        """Return a flat row of JSON values, NaN as None."""
        score = self.score
        return {
            "sample_id": str(self.id),
            "model": self.model,
            "prompt_id": self.prompt.id,
            "seed": self.seed,
            "text": self.prompt.text,
            "text_used": self.text_used,
            "subject": self.prompt.subject,
            "object": self.prompt.object,
            "type": self.prompt.type,
            "scene": self.prompt.scene,
            "split": self.prompt.split,
            "tags": list(self.prompt.tags),
            "status": score.status.value,
            "reason": score.reason,
            "dsr_score": _null(score.dsr_score),
            **{part: _null(getattr(score, part)) for part in PARTS},
            "diagnosis": score.diagnosis.value if score.diagnosis else None,
            "visited": score.visited,
            **_certainty_columns(score),
            "held": _null(score.held),
            "worst": _null(score.worst),
            "uncertain_frames": score.uncertain_frames,
            "compensated": score.compensated,
            "clauses": self._claims(),
            "n_frames": self.n_frames,
            "n_scored": score.n_scored,
            "n_filled": self.n_filled,
            "fps": self.fps,
            "width": self.width,
            "height": self.height,
            "video": self.video,
            "video_sha256": self.video_sha256,
            "ssr_initial": [_null(v) for v in score.ssr_initial.tolist()],
            "ssr_final": [_null(v) for v in score.ssr_final.tolist()],
            "key": self.key,
        }

    def _claims(self) -> list[dict[str, Any]] | None:
        """Return each claim with its score; None where there is one alone."""
        if not self.prompt.further:
            return None
        scores = self.score.clauses or [None] * len(self.prompt.clauses)
        return [
            {"subject": clause.subject, "object": clause.object, "type": clause.type, **_claim_columns(score)}
            for clause, score in zip(self.prompt.clauses, scores, strict=True)
        ]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Sample:
        """Restore the sample of a row; columns that are not known are ignored.

        Raises:
            StoreError: A column is absent or has no value of its type.
        """
        try:
            prompt = Prompt.of_clauses(
                row["prompt_id"],
                row["text"],
                [Clause.of_type(*(claim[name] for name in CLAIM[:3])) for claim in row.get("clauses") or [row]],
                scene=row["scene"],
                split=row["split"],
                tags=tuple(row["tags"]),
            )
            score = VideoScore(
                status=Status(row["status"]),
                reason=_typed(row, "reason"),
                dsr_score=_nan(row["dsr_score"]),
                r_init=_nan(row["r_init"]),
                g_init=_nan(row["g_init"]),
                r_fin=_nan(row["r_fin"]),
                g_fin=_nan(row["g_fin"]),
                ssr_initial=_sequence(row["ssr_initial"]),
                ssr_final=_sequence(row["ssr_final"]),
                n_scored=_typed(row, "n_scored"),
                visited=None if row["visited"] is None else _typed(row, "visited"),
                diagnosis=Diagnosis(row["diagnosis"]) if row["diagnosis"] else None,
                certainty=_read_certainty(row),
                held=_nan(row.get("held")),
                worst=_nan(row.get("worst")),
                uncertain_frames=row.get("uncertain_frames"),
                compensated=row.get("compensated"),
                clauses=tuple(_read_claim(claim) for claim in row.get("clauses") or () if claim["status"]),
            )
            return cls(prompt=prompt, score=score, **{name: _typed(row, name) for name in _PLAIN})
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"a sample row cannot be read: {type(error).__name__} {error}") from error


def table_schema() -> pa.Schema:
    """Return the columns of `samples.parquet`: no times, hosts or paths, so equal runs give equal bytes."""
    import pyarrow as pa

    text, number, count = pa.string(), pa.float64(), pa.int64()
    return pa.schema(
        [(n, text) for n in ("sample_id", "model", "prompt_id")]
        + [("seed", count)]
        + [(n, text) for n in ("text", "text_used", "subject", "object", "type", "scene", "split")]
        + [("tags", pa.list_(text)), ("status", text), ("reason", text), ("dsr_score", number)]
        + [(part, number) for part in PARTS]
        + [("diagnosis", text), ("visited", pa.bool_())]
        + [(n, number) for n in ("certainty", *CERTAINTY)]
        + [("held", number), ("worst", number), ("uncertain_frames", count), ("compensated", pa.bool_())]
        + [("clauses", pa.list_(pa.struct([(n, number if n == "dsr_score" else text) for n in CLAIM])))]
        + [(n, count) for n in ("n_frames", "n_scored", "n_filled")]
        + [("fps", number), ("width", count), ("height", count), ("video", text), ("video_sha256", text)]
        + [("ssr_initial", pa.list_(number)), ("ssr_final", pa.list_(number)), ("key", text)]
    )


def files_schema() -> pa.Schema:
    """Return the columns of `files.parquet`: the fields of each sample's `VideoRecord`, with paths of this machine."""
    import pyarrow as pa

    names = ("sample_id", "path", "sha256", "made_by")
    return pa.schema([(n, pa.string()) for n in names] + [(n, pa.int64()) for n in ("size", "mtime_ns")])


def write_tables(samples: BinaryIO, files: BinaryIO, rows: Iterable[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Write `samples.parquet` and `files.parquet` some rows at a time: however many there are, memory stays flat.

    Args:
        samples: The file for the samples.
        files: The file for the records of their videos.
        rows: The row of each sample with the record of its video, sorted.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    left = iter(rows)
    with (
        pq.ParquetWriter(samples, table_schema(), compression="zstd", store_schema=False) as first,
        pq.ParquetWriter(files, files_schema(), compression="zstd", store_schema=False) as second,
    ):
        while part := list(itertools.islice(left, ROWS_AT_ONCE)):
            first.write_table(pa.Table.from_pylist([row for row, _ in part], schema=first.schema))
            videos = [{"sample_id": row["sample_id"], **video} for row, video in part]
            second.write_table(pa.Table.from_pylist(videos, schema=second.schema))


def read_videos(path: Path) -> list[VideoRecord]:
    """Read the records of a `files.parquet`.

    Raises:
        StoreError: Absent, or not such a file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = pq.ParquetFile(path).read([field.name for field in dataclasses.fields(VideoRecord)]).to_pydict()
        return [VideoRecord(*values) for values in zip(*columns.values(), strict=True)]
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"cannot read {path}: {first_line(error)}") from error


def read_samples(path: Path) -> list[Sample]:
    """Read the samples of a `samples.parquet`.

    Raises:
        StoreError: Absent, or not such a file.
    """
    return list(iter_samples(path))


def iter_samples(path: Path) -> Iterator[Sample]:
    """Yield the samples of a `samples.parquet`, some rows at a time: however many there are, memory stays flat.

    Raises:
        StoreError: Absent, or not such a file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for part in file.iter_batches(ROWS_AT_ONCE):
                long = [name for name in ("ssr_initial", "ssr_final") if name in part.schema.names]
                rows = part.select([name for name in part.schema.names if name not in long]).to_pylist()
                for name in long:
                    for row, values in zip(rows, _arrays(part.column(name)), strict=True):
                        row[name] = values
                yield from map(Sample.from_row, rows)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"cannot read {path}: {first_line(error)}") from error


def _arrays(column: pa.Array) -> Iterator[Any]:
    """Yield the lists of a column as arrays, without Python's floats in between; another column as it is."""
    import pyarrow as pa

    if column.null_count or column.type != pa.list_(pa.float64()):
        yield from column.to_pylist()
        return
    ends = column.offsets.to_numpy()
    values = column.values.to_numpy(zero_copy_only=False)
    for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        yield values[first:last]


def _certainty_columns(score: VideoScore) -> dict[str, float | None]:
    certainty = score.certainty
    if certainty is None:
        return dict.fromkeys(("certainty", *CERTAINTY))
    values = (certainty.of_decision(score.passes()), certainty.p_pass, certainty.low, certainty.high)
    return dict(zip(("certainty", *CERTAINTY), values, strict=True))


def _read_certainty(row: Mapping[str, Any]) -> Certainty | None:
    """Read the certainty of a row; None for rows of a version that had none."""
    values = [row.get(name) for name in CERTAINTY]
    return None if None in values else Certainty(*(float(value) for value in values if value is not None))


def _claim_columns(score: VideoScore | None) -> dict[str, Any]:
    if score is None:
        return dict.fromkeys(CLAIM[3:])
    word = score.diagnosis.value if score.diagnosis else None
    values = (score.status.value, score.reason, _null(score.dsr_score), word)
    return dict(zip(CLAIM[3:], values, strict=True))


def _read_claim(claim: Mapping[str, Any]) -> VideoScore:
    """Read the score of one of several claims."""
    return VideoScore(
        Status(claim["status"]),
        claim["reason"],
        _nan(claim["dsr_score"]),
        diagnosis=Diagnosis(claim["diagnosis"]) if claim["diagnosis"] else None,
    )


def _null(value: float) -> float | None:
    return None if math.isnan(value) else value


def _nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _typed(row: Mapping[str, Any], name: str) -> Any:
    value, kinds = row[name], _KINDS[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds != (bool,)):
        raise TypeError(f"in {name!r}: expected {' or '.join(k.__name__ for k in kinds)}, got {value!r}")
    return value


def _sequence(values: Iterable[float | None]) -> Floats:
    if isinstance(values, np.ndarray):
        return values
    return np.array([_nan(v) for v in values], np.float64)
