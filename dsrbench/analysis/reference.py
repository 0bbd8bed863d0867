"""Scores of videos as values to compare: taken from a run, or read from a CSV that someone else made."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from dsrbench.analysis.certainty import decision_certainty
from dsrbench.errors import InputError
from dsrbench.store import Sample
from dsrbench.types import Floats, Status

COLUMNS = ("model", "video", "status", "dsr_score")


@dataclasses.dataclass(frozen=True, eq=False)
class Entry:
    """One video's score, whoever gave it.

    Attributes:
        model: Name of the model.
        video: File name without folders; empty where there is no file.
        status: Whether it has a score.
        dsr_score: In [0, 1]; NaN unless scored.
        prompt_id: Empty where unknown.
        sha256: Hash of the file; empty where unknown.
        initial: SSR scores of the initial relation, float64 `[T]`, NaN where not scored; empty where unknown.
        final: SSR scores of the final relation, likewise.
        certainty: Probability that the decision is right, in 0..1; None where unknown.
    """

    model: str
    video: str
    status: Status
    dsr_score: float
    prompt_id: str = ""
    sha256: str = ""
    initial: Floats = dataclasses.field(default_factory=lambda: np.empty(0), repr=False)
    final: Floats = dataclasses.field(default_factory=lambda: np.empty(0), repr=False)
    certainty: float | None = None

    @property
    def name(self) -> tuple[str, str]:
        """Model and file name: what two tables of the same videos are joined by."""
        return self.model, self.video


def entries_of(samples: Iterable[Sample]) -> list[Entry]:
    """Return the samples of a run as entries, in their order."""
    return [
        Entry(
            model=sample.model,
            video=_file_name(sample.video),
            status=sample.score.status,
            dsr_score=sample.score.dsr_score,
            prompt_id=sample.prompt.id,
            sha256=sample.video_sha256,
            initial=sample.score.ssr_initial,
            final=sample.score.ssr_final,
            certainty=decision_certainty(sample),
        )
        for sample in samples
    ]


def read_reference(path: Path, curves: Path | None = None) -> list[Entry]:
    """Read scores from a CSV, and their SSR sequences from a JSON file.

    Args:
        path: With the columns `model`, `video`, `status` (scored, invalid, failed) and `dsr_score` (empty unless
            scored); `prompt_id` is used where there is one, other columns are ignored.
        curves: A list of objects with `model`, `video`, `initial` and `final` (numbers, null where a frame
            is not scored; null as a whole where there are none).

    Raises:
        InputError: Unreadable, columns absent, a bad status or score, one video twice, or curves of unequal length.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            lacking = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if lacking:
        raise InputError(f"{path} lacks the columns {', '.join(lacking)}; expected {', '.join(COLUMNS)}")
    by_name = _read_curves(curves) if curves is not None else {}
    entries: dict[tuple[str, str], Entry] = {}
    for line, row in enumerate(rows, 2):
        entry = _entry(row, by_name, where=f"{path} line {line}")
        if entry.name in entries:
            raise InputError(f"{path} line {line}: {'/'.join(entry.name)} is there twice; keep one")
        entries[entry.name] = entry
    return list(entries.values())


def _entry(
    row: Mapping[str, str | None], curves: Mapping[tuple[str, str], tuple[Floats, Floats]], *, where: str
) -> Entry:
    values = {name: (row.get(name) or "").strip() for name in (*COLUMNS, "prompt_id")}
    statuses = [status.value for status in Status]
    if values["status"] not in statuses:
        raise InputError(f"{where}: status is {values['status']!r}; expected one of {', '.join(statuses)}")
    status, score = Status(values["status"]), math.nan
    if status is Status.SCORED:
        try:
            score = float(values["dsr_score"])
        except ValueError:
            score = math.nan
        if not 0 <= score <= 1:
            raise InputError(
                f"{where}: dsr_score is {values['dsr_score']!r}; expected a number in 0..1 for a scored video"
            )
    name = values["model"], _file_name(values["video"])
    initial, final = curves.get(name, (np.empty(0), np.empty(0)))
    return Entry(*name, status, score, values["prompt_id"], initial=initial, final=final)


def _read_curves(path: Path) -> dict[tuple[str, str], tuple[Floats, Floats]]:
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
        curves = {}
        for row in rows:
            initial, final = (np.array(row[key] or [], np.float64) for key in ("initial", "final"))
            if initial.ndim != 1 or initial.shape != final.shape:
                raise ValueError(f"initial and final of {row['model']}/{row['video']} are not lists of one length")
            curves[row["model"], _file_name(row["video"])] = initial, final
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"cannot read the curves in {path}: {type(error).__name__} {error}; expected a JSON list of objects with "
            f"model, video, initial and final"
        ) from error
    return curves


def _file_name(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).name
