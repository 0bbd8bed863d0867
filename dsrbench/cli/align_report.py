"""The closing report of `dsrbench align`: base beside adapter, by score and by quality."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dsrbench.evaluation import Progress, Scorer
    from dsrbench.prompts import Suite
    from dsrbench.quality import QualityDifference
    from dsrbench.quality.clip import Measure
    from dsrbench.store import Run


@dataclasses.dataclass(frozen=True)
class Report:
    """Prints comparisons, and keeps each as JSON.

    Attributes:
        home: Folder of the round.
        networks: For the quality figures that need weights.
        notes: Lines about those that are not there.
    """

    home: Path
    networks: Sequence[Measure] = ()
    notes: Sequence[str] = ()

    def compare(self, base: Run, aligned: Run, detector: str) -> None:
        """Print base beside aligned, and write `comparison-DETECTOR.json` with the keys `scores` and `quality`."""
        from dsrbench.analysis import compare_models
        from dsrbench.cli.compare import print_comparison
        from dsrbench.quality import compare_quality, measure_run
        from dsrbench.records import to_json
        from dsrbench.store import LocalDisk

        click.echo(f"Detector: {detector}")
        scores = compare_models(base, aligned)
        print_comparison(scores)
        quality = compare_quality(*(measure_run(run, self.networks) for run in (base, aligned)))
        print_quality(quality)
        for note in self.notes:
            click.echo(note)
        text = json.dumps(
            to_json({"scores": scores, "quality": quality}), indent=1, allow_nan=False, ensure_ascii=False
        )
        LocalDisk(self.home).write_atomic(f"comparison-{detector}.json", text.encode() + b"\n")


def print_quality(found: Mapping[str, QualityDifference]) -> None:
    """Print the quality figures as a table."""
    from rich.console import Console

    from dsrbench.quality import FIGURES
    from dsrbench.report.cells import plain_table

    table = plain_table("Quality", "Pairs", "a", "b", "b - a (95 %)", "p")
    for name, row in found.items():
        change, low, high = (f"{v:+.4f}" for v in (row.difference.difference, row.difference.low, row.difference.high))
        ends = "" if "nan" in low else f" ({low} – {high})"
        figures = f"{row.a:.4f}", f"{row.b:.4f}", change + ends, f"{row.difference.p_value:.4f}"
        table.add_row(FIGURES[name], str(row.n_pairs), *figures)
    Console().print(table)


def score_again(run: Run, suite: Suite, scorer: Scorer, tell: Progress) -> Run:
    """The videos of a run scored by other backends, in a folder beside it named after their detector."""
    from dsrbench.evaluation import evaluate, plan_videos
    from dsrbench.store import Run

    again = Run(run.folder.with_name(f"{run.folder.name}-{scorer.detector.name}"))
    plan = plan_videos(run.videos, suite, model=run.folder.name, partial=True)
    evaluate(plan, scorer, again, on_progress=tell)
    return again
