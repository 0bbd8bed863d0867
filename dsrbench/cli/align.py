"""`dsrbench align`: fine-tune a model on preferences that DSR-Score makes."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsrbench.cli.options import backend_options, make_stages, parse_seeds
from dsrbench.errors import MissingExtraError

if TYPE_CHECKING:
    from dsrbench.align.settings import AlignSettings
    from dsrbench.align.stages import Alignment
    from dsrbench.registry import Backend, Generator

STAGES = ("candidates", "pairs", "latents", "train", "evaluate")


@click.command("align", short_help="Fine-tune a model on preferences that DSR-Score makes.")
@click.option(
    "--model", default="sprites", show_default=True, help="`sprites`, or a folder of a model that can be trained."
)
@click.option("--suite", default="sprites-train", show_default=True, help="Prompts to train on.")
@click.option("--held-out", default="sprites-val", show_default=True, help="Prompts to evaluate base and adapter on.")
@click.option("--candidates", default="0..4", show_default=True, help="Seeds of the candidates of every prompt.")
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
@click.option("--second", help="A second detector, not the reward, that scores the evaluation as well.")
@backend_options
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder for everything; run again to go on."
)
def command(
    model: str,
    suite: str,
    held_out: str,
    candidates: str,
    seeds: str,
    preset: str | None,
    settings: tuple[str, ...],
    per_prompt: int | None,
    only: tuple[str, ...],
    second: str | None,
    protocol: str,
    detector: str | None,
    tracker: str | None,
    options: tuple[str, ...],
    out: Path,
) -> None:
    r"""Sample candidates, score them, pair them, encode the pairs, train a LoRA, and compare it with the base.

    \b
    dsrbench align --out runs/align
    dsrbench align --out runs/align --only train -s beta=15 -s steps=400
    """
    try:
        import accelerate  # noqa: F401
        import peft  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("dsrbench align", error.name or "peft", "align") from None
    from dsrbench.align.stages import Alignment
    from dsrbench.cli.progress import SampleProgress
    from dsrbench.prompts import read_suite
    from dsrbench.registry import split_options

    given = split_options(options, ["detector", "tracker", "generator"])
    stages = make_stages(protocol, detector, tracker, given, suite)
    name, folder = _find_model(model)
    training = _read_settings(
        folder, preset, settings
    )  # first: what is wrong with it should not show after the sampling
    wanted = only or STAGES
    with SampleProgress() as progress:
        work = Alignment(name, folder, stages, out, progress.update)
        base = _make_generator(folder, given["generator"])
        if "candidates" in wanted:
            work.make_candidates(read_suite(suite), base, parse_seeds(candidates) or [0])
        if "pairs" in wanted:
            click.echo(str(work.make_pairs(per_prompt=per_prompt)), err=True)
        if "latents" in wanted:
            work.encode()
        if "train" in wanted:
            click.echo(f"Adapter: {work.train(training)}")
        if "evaluate" in wanted:
            prompts, numbers = read_suite(held_out), parse_seeds(seeds) or [0]
            work.evaluate("base", prompts, base, numbers)
            work.evaluate("aligned", prompts, _make_generator(folder, given["generator"], out / "adapter"), numbers)
    if "evaluate" in wanted:
        _compare(out / "base", out / "aligned", stages.detector.name)
        if second is not None:
            _score_again(work, second, tracker, held_out)


def _find_model(model: str) -> tuple[str, Path]:
    from dsrbench.sprites import embedded

    return (model, embedded.MODEL) if model == "sprites" else (Path(model).resolve().name, Path(model))


def _make_generator(folder: Path, options: Mapping[str, str], adapter: Path | None = None) -> Backend[Generator]:
    from dsrbench.generate.resolve import resolve_model
    from dsrbench.registry import generators

    name, named = resolve_model(str(folder))
    return generators.create(name, {**named, **options, **({"adapter": str(adapter)} if adapter else {})})


def _read_settings(folder: Path, preset: str | None, given: Sequence[str]) -> AlignSettings:
    """The family's own settings, in their place those of the preset, in theirs what was given.

    Raises:
        OptionError: No such preset or setting, or a value of another type.
    """
    from dsrbench.align.families import find_family_class
    from dsrbench.align.settings import PRESETS, AlignSettings
    from dsrbench.errors import OptionError, near_matches
    from dsrbench.registry import convert_text

    if preset is not None and preset not in PRESETS:
        raise OptionError(f"no preset {preset!r}{near_matches(preset, PRESETS)}")
    values: dict[str, Any] = dict(find_family_class(folder).defaults if preset is None else PRESETS[preset])
    hints = typing.get_type_hints(AlignSettings)
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or key not in hints:
            raise OptionError(f"no setting {key!r}{near_matches(key, hints)}")
        is_list = typing.get_origin(hints[key]) is tuple
        values[key] = tuple(value.split(",")) if is_list else convert_text(value, hints[key], f"setting {key!r}")
    return AlignSettings(**values)


def _compare(base: Path, aligned: Path, detector: str) -> None:
    from dsrbench.cli.compare import print_comparison
    from dsrbench.report import compare_models
    from dsrbench.store import Run

    click.echo(f"Detector: {detector}")
    print_comparison(compare_models(Run.open(base), Run.open(aligned), allow_unlike=False))


def _score_again(work: Alignment, detector: str, tracker: str | None, suite: str) -> None:
    """Score the videos of the evaluation with a detector that was not the reward."""
    from dsrbench.pipeline import evaluate, plan_videos
    from dsrbench.prompts import read_suite
    from dsrbench.store import Run

    stages = make_stages("default", detector, tracker, {"detector": {}, "tracker": {}}, suite)
    folders = {name: work.out / f"{name}-{detector}" for name in ("base", "aligned")}
    for name, folder in folders.items():
        plan = plan_videos(work.out / name / "videos", read_suite(suite), model=name, partial=True)
        evaluate(plan, stages, Run(folder), on_progress=work.tell)
    _compare(folders["base"], folders["aligned"], detector)
