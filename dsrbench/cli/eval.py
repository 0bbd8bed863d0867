"""`dsrbench eval`: generate videos, or take those there are, and score them against a suite of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsrbench.cli.options import (
    CERTAINTY_HELP,
    backend_options,
    make_engine,
    parse_seeds,
    provide_weights,
    scale_options,
    second_detector_option,
)
from dsrbench.errors import IncompleteError

if TYPE_CHECKING:
    from dsrbench.evaluation import Shard
    from dsrbench.evaluation.request import Preparation
    from dsrbench.store import Run, Sample


@click.command("eval", short_help="Generate videos, or take those there are; detect, track, score, report.")
@click.option(
    "--model",
    help="Model that makes the videos: a short name such as wan2.1-1.3b, a folder of a diffusers pipeline, an id on "
    "the Hub, or a generator's name; `dsrbench backends` lists them. [default: sprites]",
)
@click.option(
    "--adapter",
    help="LoRA to put on the model, in diffusers' format: a .safetensors file, its folder, or a cached id of the Hub.",
)
@click.option(
    "--videos",
    type=click.Path(path_type=Path),
    help="In place of a model: a folder of videos whose names contain prompt ids (subfolders are models), or a "
    "video list: CSV or JSONL with video, prompt_id or prompt, and optionally model, seed.",
)
@click.option(
    "--suite",
    help="Prompts: a suite's name or NAME:SPLIT (`dsrbench prompts list`), a JSONL file, a CSV with the paper's "
    "columns or with a column prompt, or a text file with a prompt a line. [default: dsr-core; for the embedded "
    "model, sprites]",
)
@click.option(
    "--wording",
    default="default",
    show_default=True,
    help="Wordings of each prompt: all, a name, names with commas, or numbers such as 0..2; the default is its own "
    "text. Of all, those that the model does not know are left out. `dsrbench prompts show SUITE --wording all` "
    "prints them.",
)
@backend_options
@second_detector_option(CERTAINTY_HELP)
@click.option(
    "--out",
    metavar="FOLDER_OR_URL",
    help="Run folder, on this disk or such as s3://BUCKET/RUN. [default: runs/MODEL-SUITE]",
)
@click.option(
    "--model-name", help="Name of the model in reports, where no folder or column names one. [default: the model's]"
)
@click.option(
    "--seeds",
    help="Seeds of every prompt, such as 0..4 or 0,2,5; of videos that exist, absent ones count as failed. "
    "[default with a model: 0..4]",
)
@click.option("--partial", is_flag=True, help="With --videos: do not count prompts without a video as failed.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many samples.")
@scale_options
@click.option("--estimate", is_flag=True, help="Say what time, memory and disk this would take, and do nothing.")
@click.option("--force", is_flag=True, help="Throw away what the run folder holds and do everything again.")
def command(
    model: str | None,
    adapter: str | None,
    videos: Path | None,
    suite: str | None,
    wording: str,
    protocol: str | None,
    detector: str | None,
    tracker: str | None,
    depth: str | None,
    second_detector: str | None,
    options: tuple[str, ...],
    offline: bool,
    out: str | None,
    model_name: str | None,
    seeds: str | None,
    partial: bool,
    limit: int | None,
    engine: str,
    address: str | None,
    pools: tuple[str, ...],
    tries: int | None,
    shard: str | None,
    estimate: bool,
    force: bool,
) -> None:
    """Generate, detect, track and score videos, and report. Run it again to go on where it stopped.

    \b
    dsrbench eval
    dsrbench eval --model cogvideox
    dsrbench eval --model wan2.1-1.3b --suite prompts.txt --seeds 0..4 -o generator.offload=model
    dsrbench eval --wording all
    dsrbench eval --seeds 0..9 -o generator.guidance=2 --out runs/guided
    dsrbench eval --videos videos/ --suite prompts.csv
    dsrbench eval --videos list.csv --detector picodet -o detector.any_animal=true --out runs/mine
    dsrbench eval --videos videos/ --suite prompts.csv --second-detector picodet
    dsrbench eval --model wan2.1-14b --engine ray --address auto --out /shared/runs/wan

    Without --model or --videos the embedded model makes its own suite. Weights that are missing are fetched.
    """
    from dsrbench.api import run_evaluation
    from dsrbench.backends.registry import split_options
    from dsrbench.cli.progress import SampleProgress
    from dsrbench.evaluation import Shard
    from dsrbench.evaluation.request import KINDS, EvaluationRequest, prepare
    from dsrbench.types import DEFAULT_WORDING

    options_by_kind = split_options(options, KINDS)
    of_model = {"--model": model, "--adapter": adapter, "-o generator.*": options_by_kind["generator"]}
    _refuse_together("--videos", of_model if videos is not None else {})
    _refuse_together("--model", {"--partial": partial} if videos is None else {})
    if videos is not None and not suite and wording != DEFAULT_WORDING:
        raise click.UsageError("--wording needs the prompts it is about: give --suite SUITE")
    request = EvaluationRequest(
        model=model,
        adapter=adapter,
        videos=videos,
        suite=suite,
        wording=wording,
        seeds=parse_seeds(seeds),
        limit=limit,
        model_name=model_name,
        partial=partial,
        protocol=protocol,
        detector=detector,
        tracker=tracker,
        second_detector=second_detector,
        depth=depth,
        options=options_by_kind,
        out=out,
    )
    worker = make_engine(engine, address, pools, tries)
    part = Shard.parse(shard) if shard is not None else None
    preparation = prepare(request)
    if preparation.default_note:
        click.echo(f"by default: {preparation.default_note}", err=True)
    if estimate:
        _print_estimate(preparation, part)
        return
    provide_weights(*preparation.backends, offline=offline)
    with SampleProgress() as progress:
        result = run_evaluation(
            preparation,
            engine=worker,
            shard=part,
            force=force,
            on_note=lambda line: click.echo(line, err=True),
            on_progress=progress.update,
        )
    conclude(result.run, result.samples)


def _refuse_together(option: str, others: Mapping[str, object]) -> None:
    """Refuse options that belong to the other way of getting videos, as an error of usage."""
    conflicts = [name for name, value in others.items() if value]
    if conflicts:
        other = "--videos" if option == "--model" else "--model"
        raise click.UsageError(
            f"{conflicts[0]} goes with {other}, not with {option}: videos are either made or taken as they are"
        )


def _print_estimate(preparation: Preparation, part: Shard | None) -> None:
    """Print what a run would take; nothing is fetched or made."""
    from dsrbench.evaluation.estimate import estimate_run
    from dsrbench.evaluation.request import name_folder
    from dsrbench.store import Run

    planned = preparation.plan(estimate=True)
    folder = name_folder(preparation.request, planned.plan, part.folder if part is not None else "")
    click.echo(planned.describe(folder), err=True)
    for note in (*planned.plan.notes, *planned.notes):
        click.echo(f"note: {note}", err=True)
    is_generated = preparation.generator is not None
    for line in estimate_run(planned.plan, Run(folder), is_generated=is_generated, footprint=planned.footprint):
        click.echo(line)


def conclude(run: Run, samples: Sequence[Sample]) -> None:
    """Bring the page of a finished run up to date, print the summary and the samples to look at, and name a failed one.

    Raises:
        IncompleteError: Some did.
    """
    from dsrbench.analysis import Summary
    from dsrbench.report import print_least_certain, print_summary, update_page

    page = update_page(run)
    print_summary(Summary.from_json(run.read_json("report/summary.json")), run.manifest)
    print_least_certain(samples)
    click.echo(f"Page: {page}")
    failed = [sample for sample in samples if sample.score.status.value == "failed"]
    if failed:
        first = failed[0]
        raise IncompleteError(
            f"{len(failed)} of {len(samples)} samples failed; the first is {first.id}: {first.score.reason}"
        )
