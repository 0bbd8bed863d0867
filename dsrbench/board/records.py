"""The record of an accepted entry, `entries/NAME/summary.json`: all that the board's first page needs."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.analysis import Summary
from dsrbench.errors import InputError, StoreError
from dsrbench.store import BackendRecord, Sample
from dsrbench.submission import Entry

SCHEMA = 1

SUMMARY = "summary.json"

SELF_REPORTED, RESCORED, REDETECTED, PUBLISHED = "self-reported", "re-scored", "re-detected", "published"

TIERS: Mapping[str, str] = {
    REDETECTED: "the maintainers ran the detector on the videos again",
    RESCORED: "arithmetic checked, boxes as submitted",
    SELF_REPORTED: "figures as submitted, without boxes",
    PUBLISHED: "published, not re-scored",
}
"""Tiers of evidence for an entry's figures, each with its description."""

RANKED = (RESCORED, REDETECTED)
"""Tiers whose entries are ranked."""

SKETCH = 64
"""Number of video hashes in a sketch."""


@dataclasses.dataclass(frozen=True)
class Record:
    """An entry of the board.

    Attributes:
        name: Name of the entry.
        id: Hash of the files submitted; empty for published figures.
        tier: One of `TIERS`.
        account: Account of the submitter.
        submitted: Time of the submission, ISO 8601 in UTC.
        entry: The entry without its claim; empty for a withdrawn one.
        figures: Figures computed from the boxes, or as they were published.
        passed: Whether each sample passes 0.7, bool `[N]`, sorted by prompt id and seed; None where unknown.
        sketch: Smallest hashes of its videos, to detect entries with the same videos.
        boxes_sha256: Hash of `boxes.parquet`; empty without one.
        source: https address of published figures.
        withdrawn: Time of the withdrawal; empty for a current entry.
    """

    name: str
    id: str
    tier: str
    account: str
    submitted: str
    entry: Entry
    figures: Summary
    passed: NDArray[np.bool_] | None = None
    sketch: tuple[str, ...] = ()
    boxes_sha256: str = ""
    source: str = ""
    withdrawn: str = ""

    @property
    def is_ranked(self) -> bool:
        """Whether the entry is compared with others."""
        return self.tier in RANKED and self.passed is not None and not self.withdrawn

    @property
    def is_mixed(self) -> bool:
        """Whether its samples claim things of several kinds, so that no one figure ranks it."""
        return bool(self.figures.by_kind)

    def withdraw(self, when: str) -> Record:
        """Return the record of the withdrawn entry: its name, its account, and both times."""
        return dataclasses.replace(self, withdrawn=when, entry=Entry(), figures=Summary(), passed=None, sketch=())

    def to_json(self) -> bytes:
        """Return the bytes of `summary.json`."""
        row = {"schema": SCHEMA, **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)}}
        row["entry"] = describe_entry(self.entry) if self.entry != Entry() else {}
        row["figures"] = self.figures.to_json() if self.figures != Summary() else {}
        if self.passed is not None:
            bits = base64.b64encode(np.packbits(self.passed).tobytes()).decode()
            row["passed"] = {"n": len(self.passed), "bits": bits}
        text = json.dumps(row, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
        return text.encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Record:
        """Read the bytes of `summary.json`.

        Raises:
            StoreError: The record is damaged, or of another schema.
        """
        try:
            row = json.loads(data)
            if row.pop("schema") != SCHEMA:
                raise StoreError(f"an entry's {SUMMARY} is of another schema than {SCHEMA}; use the matching dsrbench")
            if row["passed"] is not None:
                bits = np.frombuffer(base64.b64decode(row["passed"]["bits"]), np.uint8)
                row["passed"] = np.unpackbits(bits, count=row["passed"]["n"]).astype(bool)
            row["entry"] = Entry.from_json(row["entry"])
            row["figures"] = Summary.from_json(row["figures"])
            return cls(**{**row, "sketch": tuple(row["sketch"])})
        except (InputError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"an entry's {SUMMARY} is damaged: {type(error).__name__} {error}") from None


def describe_entry(entry: Entry) -> dict[str, Any]:
    """Return the JSON object of an entry without its claim."""
    return {name: value for name, value in entry.record().items() if name != "claim"}


def comparable_key(entry: Entry) -> str:
    """Return a text that is equal for entries that may be compared.

    These have the same prompts, seeds, counts, and backends with their options and weights.
    """

    def describe(record: BackendRecord) -> dict[str, Any]:
        hashes = {k: v for k, v in record.fingerprint.items() if isinstance(v, dict) or len(str(v)) == 64}
        return {"name": record.name, "options": record.options, "hashes": hashes}

    facts = [entry.suite.sha256, sorted(entry.seeds), entry.record()["counts"], entry.stride]
    backends = [record for record in (entry.detector, entry.tracker, entry.depth) if record is not None]
    text = json.dumps([*facts, *map(describe, backends)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def sketch_videos(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Return the smallest hashes of an entry's videos, shortened; two sketches overlap as the videos do."""
    return tuple(sorted({sample.video_sha256[:16] for sample in samples if sample.video_sha256})[:SKETCH])


def share_of_same(a: Sequence[str], b: Sequence[str]) -> float:
    """Return the share of common videos of two entries, given their sketches (bottom-k estimate of Jaccard).

    >>> share_of_same(["1", "2"], ["1", "2"]), share_of_same(["1", "2"], ["3"]), share_of_same([], [])
    (1.0, 0.0, 0.0)
    """
    union = sorted({*a, *b})[:SKETCH]
    return len({*a} & {*b} & {*union}) / len(union) if union else 0.0
