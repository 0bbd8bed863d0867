"""What several subcommands ask for, once: backends and their options, and how they become stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from dsrbench.pipeline import Stages

F = TypeVar("F", bound=Callable[..., Any])


def backend_options(function: F) -> F:
    """Add `--detector`, `--tracker` and `-o` to a command."""
    for decorate in (
        click.option(
            "-o",
            "options",
            multiple=True,
            metavar="KIND.KEY=VALUE",
            help="A backend's option, such as detector.threshold=0.2 or tracker.gap=5; `dsrbench backends` lists them.",
        ),
        click.option("--tracker", default="assignment", show_default=True, help="Tracker, by name."),
        click.option("--detector", help="Detector, by name. [default: nanodet; for the sprites suites, sprites]"),
    ):
        function = decorate(function)
    return function


def make_stages(
    detector: str | None, tracker: str, options: Mapping[str, Mapping[str, str]], suite: str = ""
) -> Stages:
    """The stages a command asked for.

    Args:
        detector: Its name; None for the one that suits the suite.
        tracker: Its name.
        options: What was given to each kind, as `split_options` sorts it.
        suite: Name of the suite, where there is one.

    Raises:
        OptionError: An option no backend has.
        BackendError: A backend that cannot be used.
    """
    from dsrbench.pipeline import Stages
    from dsrbench.registry import detectors, trackers

    tracker_ready = trackers.create(tracker, options["tracker"])
    usual = "sprites" if suite == "sprites" or suite.startswith("sprites-") else "nanodet"
    return Stages(detectors.create(detector or usual, options["detector"]), tracker_ready)


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
