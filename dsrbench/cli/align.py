"""`dsrbench align`: fine-tune a model on preferences that DSR-Score makes."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsrbench.cli.options import backend_options, parse_seeds, provide_weights
from dsrbench.errors import InputError, MissingExtraError, OptionError

if TYPE_CHECKING:
    from dsrbench.alignment.settings import AlignSettings
    from dsrbench.alignment.stages import Alignment
    from dsrbench.alignment.validation import Validation
    from dsrbench.backends.base import Generator
    from dsrbench.backends.registry import Backend
    from dsrbench.evaluation.defaults import Defaults
    from dsrbench.prompts import Suite

STAGES = ("candidates", "pairs", "latents", "train", "evaluate")

SUITES = ("suite", "held-out", "validation")
"""Options that name suites."""


@click.command("align", short_help="Fine-tune a model on preferences that DSR-Score makes.")
@click.option(
    "--model",
    default="sprites",
    show_default=True,
    help="`sprites`, a recipe's name, a folder, or a Hub id in the cache.",
)
@click.option("--suite", help="Prompts to train on. [default: dsr-train:train; for the embedded model, sprites-train]")
@click.option(
    "--held-out",
    help="Prompts to evaluate base and adapter on. [default: dsr-core; for the embedded model, sprites-test]",
)
@click.option(
    "--validation",
    metavar="SUITE",
    help="Prompts that every checkpoint is validated on, or none. [default: dsr-train:validation; for the embedded "
    "model, sprites-val; for a --suite of another vocabulary, none]",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Rounds of self-improvement: the adapter of each makes the candidates of the next.",
)
@click.option(
    "--pairs",
    metavar="FILE_OR_DATASET",
    help="Train on these in place of candidates: a file of `dsrbench pairs`, or the split train of a dataset, a folder "
    "or hf://datasets/OWNER/NAME.",
)
@click.option("--candidates", default="0..7", show_default=True, help="Seeds of the candidates of every prompt.")
@click.option(
    "--seeds", default="0..4", show_default=True, help="Seeds of the evaluation, the same for base and adapter."
)
@click.option("--preset", help="Settings by name: spatialalign, the paper's.")
@click.option(
    "-s",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the training, such as beta=30 or steps=200.",
)
@click.option("--per-prompt", type=click.IntRange(min=1), help="Most pairs of a prompt. [default: all]")
@click.option(
    "--only", type=click.Choice(STAGES), multiple=True, help="Run this stage alone; may be given more than once."
)
@click.option(
    "--log-with",
    type=click.Choice(["tensorboard", "wandb"]),
    multiple=True,
    help="Follow the training in these as well. [default: tensorboard]",
)
@click.option("--second", help="A second detector, not the reward, that scores the evaluation as well.")
@click.option("--dinov2", metavar="MODEL", help="For its quality figure: a folder, a Hub id in the cache, or none.")
@click.option("--clip-iqa", metavar="MODEL", help="The CLIP of CLIP-IQA, likewise.")
@backend_options
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder for everything; run again to go on."
)
def command(
    model: str,
    suite: str | None,
    held_out: str | None,
    validation: str | None,
    rounds: int,
    pairs: str | None,
    candidates: str,
    seeds: str,
    preset: str | None,
    settings: tuple[str, ...],
    per_prompt: int | None,
    only: tuple[str, ...],
    log_with: tuple[str, ...],
    second: str | None,
    dinov2: str | None,
    clip_iqa: str | None,
    protocol: str | None,
    detector: str | None,
    tracker: str | None,
    options: tuple[str, ...],
    offline: bool,
    out: Path,
) -> None:
    """Sample candidates, score them, pair them, encode the pairs, train a LoRA, and compare it with the base.

    \b
    dsrbench align --out runs/align
    dsrbench align --model wan2.1-1.3b --preset spatialalign --out runs/wan
    dsrbench align --out runs/align --rounds 3 -s beta=15 -s steps=400
    dsrbench align --out runs/align --pairs hf://datasets/OWNER/NAME
    """
    try:
        import accelerate  # noqa: F401
        import peft  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("dsrbench align", error.name or "peft", "align") from None
    from dsrbench.alignment.logs import check_trackers
    from dsrbench.alignment.stages import Alignment
    from dsrbench.backends.registry import split_options
    from dsrbench.cli.align_report import Report, score_again
    from dsrbench.cli.progress import SampleProgress
    from dsrbench.evaluation.defaults import choose_backends, follow_model
    from dsrbench.evaluation.request import request_generator
    from dsrbench.prompts import read_suite
    from dsrbench.quality.networks import find_networks

    wanted = _choose_stages(only, pairs, rounds)
    given = split_options(options, ["detector", "tracker", "generator"])
    changes = _read_settings(preset, settings)
    request = request_generator(model, None, given["generator"])
    defaults = follow_model(request.name, request.options)
    suites = _choose_suites(defaults, suite, held_out, validation)
    prompts, held = map(read_suite, suites[:2])
    checks = read_suite(suites[2]) if suites[2] != "none" else None
    choice = choose_backends(protocol, detector=detector, tracker=tracker, options=given, defaults=defaults)
    _say_defaults(defaults, suites, (suite, held_out, validation), is_described=not any((protocol, detector, tracker)))
    judge = choose_backends("default", detector=second, tracker=tracker)
    seconds = [judge.detector] if second is not None else []
    provide_weights(request, choice.detector, choice.tracker, *seconds, offline=offline)
    name, folder = _find_model(model, given["generator"].get("revision"))
    training = _make_settings(folder, preset, changes)  # what is wrong with it should not show after the sampling
    trackers = log_with or ("tensorboard",)
    check_trackers(trackers)
    networks = find_networks(dinov2, clip_iqa)
    scorer = choice.make()

    def make(adapter: Path | None) -> Backend[Generator]:
        return request_generator(model, str(adapter) if adapter is not None else None, given["generator"]).make()

    with SampleProgress() as progress:
        work = Alignment(name, folder, scorer, out, make, tell=progress.update)
        for number in range(1, rounds + 1):
            work = dataclasses.replace(work, number=number)
            if rounds > 1:
                click.echo(f"Round {number} of {rounds}", err=True)
            if "candidates" in wanted:
                work.make_candidates(prompts, parse_seeds(candidates) or [0])
            _make_adapter(work, wanted, pairs, per_prompt, training, checks, trackers)
        if "evaluate" in wanted:
            numbers = parse_seeds(seeds) or [0]
            base, aligned = work.evaluate(held, numbers), work.evaluate(held, numbers, adapter=work.adapter)
    if "evaluate" in wanted:
        report = Report(work.home, *networks)
        report.compare(base, aligned, scorer.detector.name)
        if second is not None:
            scorer = judge.make()
            again = [score_again(run, held, scorer, work.tell) for run in (base, aligned)]
            Report(work.home).compare(again[0], again[1], second)
        work.describe()


def _make_adapter(
    work: Alignment,
    wanted: Sequence[str],
    pairs: str | None,
    per_prompt: int | None,
    training: AlignSettings,
    checks: Suite | None,
    log_with: Sequence[str],
) -> None:
    """The wanted stages of a round that begin with its candidates."""
    if "pairs" in wanted:
        made = (
            work.make_pairs(per_prompt=per_prompt) if pairs is None else work.take_pairs(pairs, per_prompt=per_prompt)
        )
        click.echo(str(made), err=True)
    if "latents" in wanted:
        work.encode()
    if "train" in wanted:
        adapter = work.train(training, validation=checks, on_validation=_say, log_with=log_with)
        click.echo(f"Adapter: {adapter}")


def _choose_stages(only: Sequence[str], pairs: str | None, rounds: int) -> list[str]:
    """The stages to run; pairs that are given are taken before their latents, and there are no candidates.

    Raises:
        click.UsageError: Pairs that are given, for more than one round.
        OptionError: Several processes, for more than the training.
    """
    if pairs is not None and rounds > 1:
        raise click.UsageError("--pairs goes with one round: further rounds make candidates of their own")
    wanted = [stage for stage in only or STAGES if pairs is None or stage != "candidates"]
    if pairs is not None and "latents" in wanted and "pairs" not in wanted:
        wanted.insert(0, "pairs")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and set(wanted) != {"train"}:
        raise OptionError(
            "several processes train together, all else is for one: run the other stages without torchrun, and with it "
            "--only train"
        )
    return wanted


def _choose_suites(
    defaults: Defaults, suite: str | None, held_out: str | None, validation: str | None
) -> tuple[str, str, str]:
    """Name the suites to train on, to evaluate on and to validate on; `none` for no validation.

    Validation prompts are the model's own only where the prompts to train on are, or are a suite of the same family.
    """
    held = held_out or defaults.held_out
    family = defaults.train.partition("-")[0]
    is_own = suite is None or suite == family or suite.startswith(f"{family}-")
    return suite or defaults.train, held, validation or (defaults.validation if is_own else "none")


def _say_defaults(
    defaults: Defaults, suites: Sequence[str], asked: Sequence[str | None], *, is_described: bool
) -> None:
    """Say which suites and which detector were chosen by default, and why."""
    named = [f"{name} {suite}" for name, suite, given in zip(SUITES, suites, asked, strict=True) if given is None]
    said = [*named, *([defaults.describe()] if is_described else [])]
    if said:
        click.echo(f"by default: {', '.join(said)}", err=True)


def _say(found: Validation) -> None:
    """One line about a validation."""
    click.echo(
        f"step {found.step}: Accuracy@0.7 {found.accuracy:.3f}, coverage {found.coverage:.3f}, mean score (unscored as "
        f"0) {found.mean_score_low:.3f}, sharpness {found.sharpness:.4f}{f'; {found.problem}' * bool(found.problem)}",
        err=True,
    )


def _find_model(model: str, revision: str | None) -> tuple[str, Path]:
    """Return the name of a model and its folder: the user's, the Hub's cache, or the embedded one.

    Raises:
        UnknownBackendError: No such model.
        WeightsError: It is not there.
        InputError: Its weights are not here to be trained.
    """
    from dsrbench.backends.resolve import name_model, resolve_model
    from dsrbench.sprites import embedded

    generator, named = resolve_model(model)
    if generator == "sprites":
        folder = Path(named.get("folder", embedded.MODEL))
    elif generator == "diffusers":
        from dsrbench.backends.generators.loading import find_model

        folder = find_model(named["model"], revision=revision).source.folder
    else:
        raise InputError(f"{model}: the weights of generator {generator!r} are not here to be trained")
    return name_model(model, None), folder


def _read_settings(preset: str | None, given: Sequence[str]) -> dict[str, Any]:
    """The settings that were given, as values; checked before any weights are fetched.

    Raises:
        OptionError: No such preset or setting, or a value of another type.
    """
    from dsrbench.alignment.settings import PRESETS, AlignSettings
    from dsrbench.backends.registry import convert_text
    from dsrbench.errors import near_matches

    if preset is not None and preset not in PRESETS:
        raise OptionError(f"no preset {preset!r}{near_matches(preset, PRESETS)}")
    values: dict[str, Any] = {}
    hints = typing.get_type_hints(AlignSettings)
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or key not in hints:
            raise OptionError(f"no setting {key!r}{near_matches(key, hints)}")
        is_list = typing.get_origin(hints[key]) is tuple
        values[key] = tuple(value.split(",")) if is_list else convert_text(value, hints[key], f"setting {key!r}")
    return values


def _make_settings(folder: Path, preset: str | None, changes: Mapping[str, Any]) -> AlignSettings:
    """The preset's settings, or the family's own without one, with those that were given in their place.

    Raises:
        OptionError: A value out of range.
    """
    from dsrbench.alignment.families import find_family_class
    from dsrbench.alignment.settings import PRESETS, AlignSettings

    base = find_family_class(folder).defaults if preset is None else PRESETS[preset]
    return AlignSettings(**{**base, **changes})
