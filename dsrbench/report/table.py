"""A run's summary as tables for a terminal, readable at 80 columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dsrbench.analysis.certainty import least_certain
from dsrbench.analysis.summary import GroupFigures, Summary
from dsrbench.report.cells import decimal, interval_text, percent, plain_table
from dsrbench.report.wordings import explain_spread, wordings_table
from dsrbench.report.words import KINDS, TITLES
from dsrbench.store import RunManifest, Sample
from dsrbench.types import CERTAIN, Diagnosis, Kind

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_summary(summary: Summary, manifest: RunManifest, console: Console | None = None) -> None:
    """Print the headline, relation types, diagnoses, reasons, and models where there are several.

    Args:
        summary: Summary of the run.
        manifest: Manifest of the run; its empty names are left out.
        console: Console to print on; None for standard output.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    console.print(Text(_title(manifest), style="bold"))
    console.print(_headline(summary))
    if len(summary.by_model) > 1:
        console.print(figures_table("Model", summary.by_model))
    if summary.by_kind:
        console.print("Claims of several kinds: compare models kind by kind, not by the figure above.\n")
        titles = {KINDS[Kind(kind)]: figures for kind, figures in summary.by_kind.items()}
        console.print(figures_table("Kind of claim", titles))
    console.print(figures_table("Relation", summary.by_relation))
    if summary.wording_spread is not None:
        console.print(wordings_table(summary.by_wording))
        console.print(Text(explain_spread(summary.wording_spread) + "\n"))
    console.print(_outcomes(summary))


def print_least_certain(samples: Sequence[Sample], console: Console | None = None) -> None:
    """Print the samples to look at: the least certain decisions, with score, interval and probability of passing.

    Args:
        samples: Samples of the run; nothing is printed where no decision is uncertain.
        console: Console to print on; None for standard output.
    """
    from rich.console import Console
    from rich.text import Text

    table = plain_table("Sample and video", "Score", "90 % interval", "P(pass)", title="Look at these:")
    for sample in least_certain(samples):
        certainty = sample.score.certainty
        if certainty is not None:
            ends = f"{certainty.low:.3f} – {certainty.high:.3f}"
            name = Text(f"{sample.id}\n{sample.video}".rstrip())
            table.add_row(name, decimal(sample.score.dsr_score), ends, percent(certainty.p_pass))
    if table.row_count:
        (console or Console()).print(table)


def figures_table(name: str, figures: Mapping[str, GroupFigures]) -> Table:
    """Return a table with a row a group: samples, coverage, accuracy and mean score; names are no markup."""
    from rich.text import Text

    table = plain_table(name, "Samples", "Coverage", "Accuracy@0.7 (95 %)", "Mean score")
    for group, row in figures.items():
        cells = (percent(row.coverage), interval_text(row.accuracy), decimal(row.mean_score))
        table.add_row(Text(group), str(row.n), *cells)
    return table


def _title(manifest: RunManifest) -> str:
    models = manifest.models
    parts = (
        ", ".join(models[:3]) + (f" and {len(models) - 3} more" if len(models) > 3 else ""),
        " ".join(filter(None, (manifest.suite.name, manifest.suite.version))),
        " + ".join(filter(None, (manifest.detector.name, manifest.tracker.name))),
        f"depth {manifest.depth.name}" if manifest.depth is not None else "",
        f"second detector {manifest.second_detector.name}" if manifest.second_detector is not None else "",
    )
    return " · ".join(filter(None, parts)) or "Summary"


def _headline(summary: Summary) -> Table:
    table = plain_table("", "")
    table.show_header = False
    bounds = f"{decimal(summary.mean_score_low)} – {decimal(summary.mean_score_high)}"
    scored = f"{summary.n_scored} of {summary.n_samples}"
    table.add_row("[bold]Accuracy@0.7[/] (all samples)", f"[bold]{interval_text(summary.headline)}[/]")
    table.add_row("Coverage (samples with a score)", f"{percent(summary.coverage)} = {scored}")
    table.add_row("Mean score (scored only)", decimal(summary.mean_score))
    table.add_row("  with all others as 0 – as 1", bounds)
    table.add_row("Prompts", str(summary.n_prompts))
    if summary.n_certain is not None:
        known = summary.n_certain + (summary.n_uncertain or 0)
        share = percent(summary.certain_share)
        table.add_row(
            f"Certain decisions (at least {100 * CERTAIN:.0f} %)", f"{share} = {summary.n_certain} of {known}"
        )
    elif summary.n_scored:
        table.add_row("Certain decisions", "not known: no other tracks were drawn")
    if summary.n_filled_frames:
        table.add_row("Frames with an interpolated box", percent(summary.filled_frame_share))
    return table


def _outcomes(summary: Summary) -> Table:
    from rich.text import Text

    table, total = plain_table("Outcome", "Samples", "Share"), summary.n_samples
    rows = [(TITLES[Diagnosis(name)], count) for name, count in summary.by_diagnosis.items()]
    for status in ("invalid", "failed"):
        rows += [(f"{status}: {reason}", count) for reason, count in summary.by_reason.get(status, {}).items()]
    for name, count in rows:
        if count:
            table.add_row(Text(name), str(count), percent(count / total if total else math.nan))
    return table
