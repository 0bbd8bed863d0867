"""Options that several subcommands share: backends, engines, seeds, and the weights that they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from dsrbench.evaluation.engines.base import Engine
    from dsrbench.evaluation.weights import MissingWeights, Request

F = TypeVar("F", bound=Callable[..., Any])


def backend_options(function: F, *, follow_model: bool = True) -> F:
    """Add `--protocol`, `--detector`, `--tracker`, `--depth`, `-o` and `--offline` to a command.

    Args:
        function: The command.
        follow_model: Whether the defaults depend on the model that makes the videos; else they are fixed.
    """
    protocol = "spatialalign for a model of diffusers on a GPU with dsrbench[hf] installed, else default"
    detector = "nanodet; for the embedded model, sprites"
    for decorate in (
        click.option(
            "-o",
            "options",
            multiple=True,
            metavar="KIND.KEY=VALUE",
            help="A backend's option, such as detector.threshold=0.2 or tracker.gap=5; `dsrbench backends` lists them.",
        ),
        click.option(
            "--depth",
            metavar="NAME",
            help="Depth estimator, for prompts with 'in front of' or 'behind'. [default: depth-anything with "
            "dsrbench[hf] installed, else ground-contact]",
        ),
        click.option("--tracker", help="Tracker, by name. [default: assignment]"),
        click.option(
            "--protocol",
            help="A preset: spatialalign, the paper's Grounding DINO and SAM 2; fast, every fourth frame, to screen. "
            f"[default: {protocol if follow_model else 'default'}]",
        ),
        click.option("--detector", help=f"Detector, by name. [default: {detector if follow_model else 'nanodet'}]"),
        click.option("--offline", is_flag=True, help="Fetch no weights; say which are missing and how to get them."),
    ):
        function = decorate(function)
    return function


def second_detector_option(help: str) -> Callable[[F], F]:
    """Return a decorator that adds `--second-detector` to a command, with a help text of the command's own."""
    return click.option("--second-detector", metavar="NAME", help=help)


CERTAINTY_HELP = (
    "Another detector, whose disagreement is part of the certainty; no score changes. Its options are "
    "-o second_detector.KEY=VALUE."
)
"""Help of `--second-detector` where a video is scored once."""


def scale_options(function: F) -> F:
    """Add `--engine` with what belongs to it, and `--shard`, to a command."""
    for decorate in (
        click.option(
            "--shard",
            metavar="I/N",
            help="Do the I-th of N parts alone, in OUT/shards/I-of-N; `dsrbench merge` joins them.",
        ),
        click.option(
            "--tries", type=click.IntRange(min=1), help="With ray: how often a worker may die on an item. [default: 3]"
        ),
        click.option(
            "--pool",
            "pools",
            multiple=True,
            metavar="STAGE=MIN:MAX,gpus=X,cpus=Y",
            help="With ray: workers of a stage (generate, detect or score) and what each of them takes.",
        ),
        click.option(
            "--address", help="With ray: a cluster, such as auto or ray://HOST:10001. [default: this machine]"
        ),
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Who does the work: this process, or pools of workers on one machine or many.",
        ),
    ):
        function = decorate(function)
    return function


def make_engine(engine: str, address: str | None, pools: Sequence[str], tries: int | None) -> Engine | None:
    """Return the engine a command asked for; None for this process.

    Raises:
        click.UsageError: Something that belongs to ray, without it.
    """
    cluster_options = {"--address": address, "--pool": pools, "--tries": tries}
    if engine == "local":
        for name, value in cluster_options.items():
            if value:
                raise click.UsageError(f"{name} goes with --engine ray")
        return None
    from dsrbench.evaluation.engines.pools import parse_pool
    from dsrbench.evaluation.engines.ray import RayEngine

    return RayEngine(address=address, pools=dict(map(parse_pool, pools)), **({"tries": tries} if tries else {}))


def provide_weights(*requests: Request, offline: bool) -> None:
    """Fetch the weights that backends need and that are not on this machine, after a line for each.

    Raises:
        DownloadError: Offline, or a server did not give something.
    """
    from dsrbench.evaluation.weights import find_missing_weights

    fetch_missing(find_missing_weights(requests), offline=offline)


def fetch_missing(missing: Sequence[MissingWeights], *, offline: bool) -> None:
    """Fetch weights with bars and lines on standard error; errors as for `provide_weights`."""
    if not missing:
        return
    from dsrbench.cli.progress import download_bars
    from dsrbench.evaluation.weights import fetch_weights

    with download_bars() as (update, _):
        fetch_weights(missing, offline=offline, say=lambda line: click.echo(line, err=True), progress=update)


def parse_seeds(text: str | None) -> list[int] | None:
    """Seeds from `0..4` or `0,2,5`.

    Raises:
        click.BadParameter: Neither form.

    >>> parse_seeds("0..4")
    [0, 1, 2, 3, 4]
    """
    if text is None:
        return None
    try:
        if ".." in text:
            first, last = (int(part) for part in text.split(".."))
            seeds = list(range(first, last + 1))
        else:
            seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise click.BadParameter(f"expected seeds such as 0..4 or 0,2,5, got {text!r}", param_hint="--seeds")
    return seeds
