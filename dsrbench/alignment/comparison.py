"""Base beside adapter: the scores and the quality figures under one detector, and the file that keeps them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsrbench.analysis import Comparison, compare_models
from dsrbench.quality import QualityDifference, compare_quality, measure_run
from dsrbench.quality.clip import Measure
from dsrbench.records import from_json, to_json
from dsrbench.store import LocalDisk, Run

PREFIX = "comparison-"


@dataclasses.dataclass(frozen=True)
class AdapterComparison:
    """Base (a) and adapter (b) on the same prompts and seeds, under one detector.

    Attributes:
        detector: Name of the detector.
        scores: The scores.
        quality: Quality figures by name, in the order of `dsrbench.quality.FIGURES`.
        notes: Lines about figures whose weights are not on this machine; they are not kept in the file.
    """

    detector: str
    scores: Comparison
    quality: Mapping[str, QualityDifference]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what the file keeps: `scores` and `quality`, with NaN as None."""
        return {"scores": to_json(self.scores), "quality": to_json(self.quality)}

    @classmethod
    def from_json(cls, detector: str, values: Mapping[str, Any]) -> AdapterComparison:
        """Restore what `to_json` returned; the file is named after the detector."""
        quality = {name: from_json(QualityDifference, value) for name, value in values["quality"].items()}
        return cls(detector, from_json(Comparison, values["scores"]), quality)

    def write(self, folder: Path) -> None:
        """Write `comparison-DETECTOR.json`."""
        text = json.dumps(self.to_json(), indent=1, allow_nan=False, ensure_ascii=False)
        LocalDisk(folder).write_atomic(f"{PREFIX}{self.detector}.json", text.encode() + b"\n")


def compare_runs(
    base: Run, aligned: Run, detector: str, *, networks: Sequence[Measure] = (), notes: Sequence[str] = ()
) -> AdapterComparison:
    """Compare the run of an adapter with that of its base.

    Args:
        base: Run of the base model.
        aligned: Run of the model with the adapter.
        detector: Name of the detector that scored both.
        networks: Networks of the quality figures that need weights.
        notes: Lines about those that are not on this machine.

    Raises:
        InputError: The runs were not made alike, or no sample has a partner.
    """
    scores = compare_models(base, aligned)
    quality = compare_quality(measure_run(base, networks), measure_run(aligned, networks))
    return AdapterComparison(detector, scores, quality, tuple(notes))


def read_comparisons(folder: Path) -> list[AdapterComparison]:
    """Read the comparisons that a round's folder has, sorted by detector."""
    return [
        AdapterComparison.from_json(path.stem.removeprefix(PREFIX), json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(folder.glob(f"{PREFIX}*.json"))
    ]
