"""`dsrbench eval`: score a folder of videos against a suite of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsrbench.cli.options import backend_options, make_stages, parse_seeds
from dsrbench.errors import IncompleteError

if TYPE_CHECKING:
    from dsrbench.pipeline import Plan, Stages
    from dsrbench.store import Sample


@click.command("eval", short_help="Score a folder of videos against a suite of prompts.")
@click.option(
    "--videos",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder of videos whose names contain prompt ids (subfolders are models), or a manifest: CSV or JSONL with "
    "video, prompt_id or prompt, and optionally model, seed.",
)
@click.option("--suite", help="Prompts: a suite's name, a JSONL file, or a CSV with the paper's columns.")
@backend_options
@click.option("--out", type=click.Path(path_type=Path), help="Run folder. [default: runs/MODEL-SUITE]")
@click.option(
    "--model-name", help="Name of the model where no folder or column names one. [default: the folder's name]"
)
@click.option("--seeds", help="Seeds every prompt must have, such as 0..4; absent ones count as failed.")
@click.option("--partial", is_flag=True, help="Do not count prompts without a video as failed.")
@click.option("--limit", type=click.IntRange(min=1), help="Score at most so many samples.")
@click.option("--force", is_flag=True, help="Throw away what the run folder holds and do everything again.")
def command(
    videos: Path,
    suite: str | None,
    detector: str,
    tracker: str,
    options: tuple[str, ...],
    out: Path | None,
    model_name: str | None,
    seeds: str | None,
    partial: bool,
    limit: int | None,
    force: bool,
) -> None:
    r"""Detect, track and score videos, and report. Run it again to go on where it stopped.

    \b
    dsrbench eval --videos videos/ --suite prompts.csv
    dsrbench eval --videos manifest.csv --detector picodet -o detector.any_animal=true --out runs/mine
    """
    from dsrbench.cli.progress import SampleProgress
    from dsrbench.pipeline import evaluate, plan_videos
    from dsrbench.prompts import read_suite
    from dsrbench.report import print_summary, summarize, write_page
    from dsrbench.store import Run

    prompts = read_suite(suite) if suite else None
    plan = plan_videos(videos, prompts, model=model_name, seeds=parse_seeds(seeds), limit=limit, partial=partial)
    folder = out or Path("runs") / f"{'+'.join(plan.models)[:60]}-{plan.suite.name}".replace("/", "-")
    click.echo(f"{len(plan.jobs)} samples of {len(plan.models)} model(s), suite {plan.suite.name}: {folder}", err=True)
    stages = make_stages(detector, tracker, options)
    for note in (*plan.notes, *_noun_notes(stages, plan)):
        click.echo(f"note: {note}", err=True)
    run = Run(folder)
    with SampleProgress("scoring") as progress:
        samples = evaluate(
            plan,
            stages,
            run,
            force=force,
            on_progress=lambda done, total, sample: progress.update(done, total, sample.video or str(sample.id)),
        )
    print_summary(summarize(samples), run.manifest)
    click.echo(f"Page: {write_page(run)}")
    _fail_if_incomplete(samples)


def _noun_notes(stages: Stages, plan: Plan) -> list[str]:
    """Which nouns the detector reads with a liberty, and which it does not know."""
    from dsrbench.pipeline.provenance import read_nouns

    liberties, unknown = read_nouns(plan, stages)
    notes = []
    if liberties:
        read = ", ".join(f"{noun} as {name}" for noun, name in liberties.items())
        notes.append(f"{stages.detector.name} reads {read}")
    if unknown:
        notes.append(f"{len(unknown)} prompts cannot be scored and are invalid: {next(iter(unknown.values()))}")
    return notes


def _fail_if_incomplete(samples: Sequence[Sample]) -> None:
    """End with exit code 8 where samples failed, naming the first.

    Raises:
        IncompleteError: Some did.
    """
    failed = [sample for sample in samples if sample.score.status.value == "failed"]
    if failed:
        first = failed[0]
        raise IncompleteError(
            f"{len(failed)} of {len(samples)} samples failed; the first is {first.id}: {first.score.reason}"
        )
