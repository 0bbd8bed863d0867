"""`dsrbench agreement`: two detectors or trackers, or scores and people, on the same videos."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dsrbench.analysis import Agreement
    from dsrbench.analysis.judgments import Judgment
    from dsrbench.analysis.statistics import Interval
    from dsrbench.store import SampleKey


@click.command("agreement", short_help="Compare two detectors or trackers, or scores with what people say.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    help="A CSV of scores instead of a second RUN: model, video, status, dsr_score.",
)
@click.option(
    "--curves",
    type=click.Path(path_type=Path),
    help="SSR sequences of the reference: a JSON list of model, video, initial, final.",
)
@click.option(
    "--human",
    type=click.Path(path_type=Path),
    help="Folder with answers of people, *.jsonl, to compare the scores of all RUNs with.",
)
@click.option(
    "--pages",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --human: write a page for each clip on which people and score differ most to this folder.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Also write everything as JSON.")
def command(
    runs: tuple[Path, ...],
    reference: Path | None,
    curves: Path | None,
    human: Path | None,
    pages: Path | None,
    out: Path | None,
) -> None:
    """Compare the scores two backends gave to the same videos: those of two RUNs, or of one and a reference.

    With --human, compare the scores of one or more RUNs with what people say of their clips; those of judges in the
    RUNs (see dsrbench judge) have columns of their own beside the DSR-Score.

    \b
    dsrbench agreement runs/nanodet runs/picodet
    dsrbench agreement runs/nanodet --reference scores.csv --out agreement.json
    dsrbench agreement runs/wan runs/ltx runs/cogvideox --human labels/ --pages pages/
    """
    from dsrbench.analysis import compare_backends, read_reference
    from dsrbench.store import Run

    if human is not None:
        if reference is not None:
            raise click.UsageError("give either --reference CSV or --human FOLDER")
        _compare_people(runs, human, pages, out)
        return
    if pages is not None:
        raise click.UsageError("--pages goes with --human FOLDER")
    if len(runs) > 2 or (len(runs) == 2) == (reference is not None):
        raise click.UsageError("give one of a second RUN, --reference CSV and --human FOLDER")
    if curves is not None and reference is None:
        raise click.UsageError("--curves belongs to --reference; the sequences of a second RUN are in it")
    other = Run.open(runs[1]) if len(runs) == 2 else read_reference(reference or Path(), curves)
    agreement = compare_backends(Run.open(runs[0]), other)
    _print(agreement, str(runs[0]), str(runs[1] if len(runs) == 2 else reference))
    _write(out, agreement)


def _compare_people(folders: Sequence[Path], human: Path, pages: Path | None, out: Path | None) -> None:
    from dsrbench.analysis.judgments import read_judgments
    from dsrbench.analysis.labels import read_labels
    from dsrbench.analysis.people import compare_people
    from dsrbench.report.people import describe_people, print_people
    from dsrbench.report.people_pages import INDEX, write_people_pages
    from dsrbench.store import Run

    runs = [Run.open(folder) for folder in folders]
    labels = read_labels(human)
    samples = [sample for run in runs for sample in run.iter_samples()]
    judges: dict[str, dict[SampleKey, Judgment]] = {}
    for run in runs:
        for name, judgments in read_judgments(run).items():
            judges.setdefault(name, {}).update(judgments)
    people = compare_people(samples, labels, judges)
    written = write_people_pages(pages, people.largest, labels, runs, judges) if pages is not None else {}
    print_people(people, written)
    if pages is not None:
        click.echo(f"Pages: {pages / INDEX}")
    _write(out, describe_people(people, written))


def _write(out: Path | None, figures: object) -> None:
    from dsrbench.records import to_json
    from dsrbench.store import LocalDisk

    if out is not None:
        text = json.dumps(to_json(figures), indent=1, allow_nan=False, ensure_ascii=False)
        LocalDisk(out.parent).write_atomic(out.name, text.encode() + b"\n")


def _print(agreement: Agreement, here: str, other: str) -> None:
    from rich.console import Console
    from rich.text import Text

    from dsrbench.report.cells import decimal, percent, plain_table

    console = Console()
    table = plain_table("Agreement", "")
    decided = f"{agreement.n_decisions_differ} of {agreement.n_both_scored}"
    rows = [
        (
            "Videos on both sides",
            f"{agreement.n_joined} (only here {agreement.n_only_here}, only there {agreement.n_only_there})",
        ),
        ("Coverage here, there", f"{percent(agreement.coverage_here)}, {percent(agreement.coverage_there)}"),
        ("Scored on both sides", str(agreement.n_both_scored)),
        ("Spearman (95 %)", _correlation_text(agreement.spearman)),
        ("Pearson", decimal(agreement.pearson)),
        ("Mean absolute difference of scores", decimal(agreement.mean_absolute_difference)),
        ("Median absolute difference", decimal(agreement.median_absolute_difference)),
        ("Mean signed difference, here - there", decimal(agreement.mean_signed_difference)),
        ("Decisions at 0.7 that differ", decided),
    ]
    if agreement.n_curves:
        mean = decimal(agreement.ssr_mean_absolute_difference)
        rows.append((f"SSR per frame, mean absolute difference ({agreement.n_curves} videos)", mean))
    if (certain := agreement.certain) is not None:
        of_known = f"{percent(certain.share)} = {certain.n_certain} of {certain.n_known}"
        rows += [
            ("Certain here", of_known),
            ("  of these: Spearman (95 %)", _correlation_text(certain.spearman)),
            ("  of these: median absolute difference", decimal(certain.median_absolute_difference)),
            ("  of these: decisions that differ", f"{certain.n_decisions_differ} of {certain.n_certain}"),
        ]
    for row in rows:
        table.add_row(*row)
    console.print(Text(f"here: {here}\nthere: {other}"))
    console.print(table)
    worst = plain_table("Video", "Here", "There", "Difference", title="Largest differences")
    for video in agreement.largest_differences:
        figures = (f"{video.here:.3f}", f"{video.there:.3f}", f"{video.difference:+.3f}")
        worst.add_row(Text(f"{video.model}/{video.video}"), *figures)
    if agreement.largest_differences:
        console.print(worst)


def _correlation_text(figure: Interval) -> str:
    from dsrbench.report.cells import decimal

    ends = "" if math.isnan(figure.low) else f" ({figure.low:.3f} – {figure.high:.3f})"
    return decimal(figure.value) + ends
