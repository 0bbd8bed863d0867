"""`dsrbench eval`: generate videos, or take those there are, and score them against a suite of prompts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsrbench.cli.options import (
    backend_options,
    make_engine,
    parse_seeds,
    provide_weights,
    request_generator,
    scale_options,
)
from dsrbench.errors import IncompleteError, WeightsError

SEEDS = range(5)
"""Seeds of every prompt by default, as in the paper."""

if TYPE_CHECKING:
    from dsrbench.evaluation import Plan, Scorer
    from dsrbench.evaluation.defaults import Choice, Defaults
    from dsrbench.evaluation.weights import Request
    from dsrbench.generate.footprint import Footprint
    from dsrbench.prompts import Suite
    from dsrbench.protocols import Options
    from dsrbench.registry import Backend, Generator
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
    "manifest: CSV or JSONL with video, prompt_id or prompt, and optionally model, seed.",
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
    dsrbench eval --videos manifest.csv --detector picodet -o detector.any_animal=true --out runs/mine
    dsrbench eval --model wan2.1-14b --engine ray --address auto --out /shared/runs/wan

    Without --model or --videos the embedded model makes its own suite. Weights that are missing are fetched.
    """
    from dsrbench.cli.progress import SampleProgress
    from dsrbench.evaluation import Shard, evaluate
    from dsrbench.evaluation.defaults import EMBEDDED, follow_model, follow_suite
    from dsrbench.prompts import read_suite
    from dsrbench.prompts.wordings import parse_wordings
    from dsrbench.registry import split_options
    from dsrbench.store import Run

    given = split_options(options, ["detector", "tracker", "generator"])
    asked = _Asked(model_name, parse_seeds(seeds), limit)
    worker = make_engine(engine, address, pools, tries)
    part = Shard.parse(shard) if shard is not None else None
    names, backends = parse_wordings(wording), (protocol, detector, tracker)
    if videos is not None:
        _refuse_together("--videos", {"--model": model, "--adapter": adapter, "-o generator.*": given["generator"]})
        work = _plan_videos(videos, suite, names, asked, partial=partial)
        defaults = follow_suite(work.plan.suite.name.partition("~")[0])
        choice = _choose(defaults, backends, given)
        requests = [choice.detector, choice.tracker]
    else:
        _refuse_together("--model", {"--partial": partial})
        request = request_generator(model or EMBEDDED, adapter, given["generator"])
        defaults = follow_model(request.name, request.options)
        prompts = read_suite(suite or defaults.suite)
        chosen = ("" if suite else f"suite {defaults.suite}", "" if asked.seeds else "seeds 0..4")
        choice = _choose(defaults, backends, given, *chosen)
        requests = [request, choice.detector, choice.tracker]
    if not estimate:
        provide_weights(*requests, offline=offline)
    if videos is None:
        work = _plan_generation(request, model or EMBEDDED, prompts, names, asked, estimate=estimate)
    plan = work.plan
    folder = out or str(Path("runs") / f"{'+'.join(plan.models)[:60]}-{plan.suite.name}".replace("/", "-"))
    if part is not None:
        folder = f"{folder.rstrip('/')}/{part.folder}"
    click.echo(f"{len(plan.jobs)} samples of {len(plan.models)} model(s), suite {plan.suite.name}: {folder}", err=True)
    run = Run(folder)
    _say((*plan.notes, *work.notes))
    if estimate:
        _print_estimate(work, run, is_generated=videos is None)
        return
    scorer = choice.make()
    _say(_noun_notes(scorer, plan))
    with SampleProgress() as progress:
        samples = evaluate(
            *(plan, scorer, run),
            generator=work.generator,
            force=force,
            engine=worker,
            shard=part,
            on_progress=progress.update,
        )
    conclude(run, samples)


def _choose(
    defaults: Defaults, backends: tuple[str | None, str | None, str | None], options: Options, *chosen: str
) -> Choice:
    """Choose protocol, detector and tracker, after a line that says what was chosen by default, and why."""
    from dsrbench.evaluation.defaults import choose_backends

    protocol, detector, tracker = backends
    choice = choose_backends(protocol, detector=detector, tracker=tracker, options=options, defaults=defaults)
    said = [part for part in (*chosen, "" if any(backends) else defaults.describe()) if part]
    if said:
        click.echo(f"by default: {', '.join(said)}", err=True)
    return choice


def _say(notes: Sequence[str]) -> None:
    for note in notes:
        click.echo(f"note: {note}", err=True)


@dataclasses.dataclass(frozen=True)
class _Asked:
    """Which samples of a suite a command asks for.

    Attributes:
        model_name: Name of the model in reports; None for its own.
        seeds: Seeds of every prompt; None where nothing was said.
        limit: Largest number of samples.
    """

    model_name: str | None
    seeds: list[int] | None
    limit: int | None


@dataclasses.dataclass(frozen=True)
class _Work:
    """What a command asks for: the plan, who makes its videos, what that takes, and what the user should know of it."""

    plan: Plan
    generator: Backend[Generator] | None = None
    footprint: Footprint | None = None
    notes: tuple[str, ...] = ()


def _plan_videos(videos: Path, suite: str | None, names: Sequence[str], asked: _Asked, *, partial: bool) -> _Work:
    """Plan the scoring of videos that exist."""
    from dsrbench.evaluation import plan_videos
    from dsrbench.prompts import read_suite
    from dsrbench.prompts.wordings import expand_wordings

    if not suite and list(names) != ["default"]:
        raise click.UsageError("--wording needs the prompts it is about: give --suite SUITE")
    prompts = expand_wordings(read_suite(suite), names) if suite else None
    seeds, limit = asked.seeds, asked.limit
    return _Work(plan_videos(videos, prompts, model=asked.model_name, seeds=seeds, limit=limit, partial=partial))


def _plan_generation(
    request: Request, model: str, prompts: Suite, names: Sequence[str], asked: _Asked, *, estimate: bool
) -> _Work:
    """Plan the making and scoring of videos; to estimate them, the model's weights need not be there."""
    from dsrbench.evaluation import plan_generation
    from dsrbench.evaluation.wordings import reword_suite
    from dsrbench.generate.resolve import name_model

    generator, footprint = None, None
    name = name_model(request.options.get("model", model), request.options.get("adapter"))
    notes: tuple[str, ...] = ()
    try:
        generator = request.make()
        notes = tuple(getattr(generator.instance, "notes", ()))
        if estimate and hasattr(generator.instance, "footprint"):
            footprint = generator.instance.footprint()
    except WeightsError:
        reckoned = _reckon(model, request.options) if estimate else None
        if reckoned is None:
            raise
        name, footprint, notes = reckoned
    prompts, left_out = reword_suite(prompts, names, generator)
    plan = plan_generation(prompts, model=asked.model_name or name, seeds=asked.seeds or SEEDS, limit=asked.limit)
    return _Work(plan, generator, footprint, (*notes, *left_out))


def _reckon(model: str, options: Mapping[str, str]) -> tuple[str, Footprint, tuple[str, ...]] | None:
    """Name, footprint and notes of a model that has a recipe and whose weights are not there; None without a recipe."""
    from dsrbench.generate.footprint import reckon_footprint
    from dsrbench.generate.recipe import recipe_names
    from dsrbench.registry import convert_options, generators

    name = recipe_names().get(options.get("model", model))
    if name is None:
        return None
    converted = convert_options(generators.load("diffusers"), options, where="generator 'diffusers'")
    return name, *reckon_footprint(name, converted)


def _print_estimate(work: _Work, run: Run, *, is_generated: bool) -> None:
    from dsrbench.evaluation.estimate import estimate_run

    for line in estimate_run(work.plan, run, is_generated=is_generated, footprint=work.footprint):
        click.echo(line)


def _refuse_together(option: str, others: Mapping[str, object]) -> None:
    """Options that belong to the other way of getting videos are an error of usage."""
    given = [name for name, value in others.items() if value]
    if given:
        other = "--videos" if option == "--model" else "--model"
        raise click.UsageError(
            f"{given[0]} goes with {other}, not with {option}: videos are either made or taken as they are"
        )


def _noun_notes(scorer: Scorer, plan: Plan) -> list[str]:
    """Which nouns the detector reads with a liberty, and which it does not know."""
    from dsrbench.evaluation.manifest import read_nouns

    liberties, unknown = read_nouns(plan, scorer)
    notes = []
    if liberties:
        read = ", ".join(f"{noun} as {name}" for noun, name in liberties.items())
        notes.append(f"{scorer.detector.name} reads {read}")
    if unknown:
        notes.append(f"{len(unknown)} prompts cannot be scored and are invalid: {next(iter(unknown.values()))}")
    return notes


def conclude(run: Run, samples: Sequence[Sample]) -> None:
    """Bring the page of a finished run up to date, print the summary, and name the first of samples that failed.

    Raises:
        IncompleteError: Some did.
    """
    from dsrbench.report import print_summary, update_page

    page = update_page(run)
    print_summary(run.read_json("report/summary.json"), run.manifest)
    click.echo(f"Page: {page}")
    failed = [sample for sample in samples if sample.score.status.value == "failed"]
    if failed:
        first = failed[0]
        raise IncompleteError(
            f"{len(failed)} of {len(samples)} samples failed; the first is {first.id}: {first.score.reason}"
        )
