"""`dsrbench sprites`: the embedded model, trained anew."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from dsrbench.errors import MissingExtraError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 60.0

HOURS = 2.2
"""Approximate duration of all stages on two idle cores."""


@click.group("sprites", short_help="Train the embedded model and its detector anew.")
def command() -> None:
    """Train the embedded text-to-video model of the sprites world, and its detector, anew.

    \b
    dsrbench sprites train work/sprites
    """


@command.command("train")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=45,
    show_default=True,
    help="Stop after so long with a checkpoint.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Threads; with another number sums may round otherwise, and weights differ a little.",
)
def train_command(folder: Path, minutes: float, threads: int) -> None:
    """Train model and detector from nothing into FOLDER, seeded; run it again to go on where it stopped.

    FOLDER/model and FOLDER/detector are the results, with the depth network FOLDER/depth and the changes of the model
    for prompts with depth, FOLDER/depth-model. The time a run is given, or Ctrl-C, ends it with a checkpoint.
    """
    try:
        import torch

        from dsrbench.sprites.train import STAGES, train
    except ImportError as error:
        raise MissingExtraError("dsrbench sprites train", error.name or "torch", "sprites") from None
    torch.set_num_threads(threads)
    click.echo(
        f"Training into {folder}: {', '.join(STAGES)}. From nothing about {HOURS} hours on two idle cores; this run "
        f"ends after {minutes:g} minutes at the latest, with a checkpoint.",
        err=True,
    )
    with _interruptible() as interrupted, TrainingProgress() as progress:
        done = train(
            folder,
            minutes=minutes,
            interrupted=interrupted.is_set,
            report=progress.say,
            on_step=progress.update,
        )
    if done:
        click.echo(f"Model: {folder / 'model'}\nDetector: {folder / 'detector'}")
        click.echo(f"Depth network: {folder / 'depth'}\nModel for prompts with depth: {folder / 'depth-model'}")
    elif interrupted.is_set():
        raise KeyboardInterrupt
    else:
        again = f"dsrbench sprites train {folder} --minutes {minutes:g} --threads {threads}"
        click.echo(f"The {minutes:g} minutes are over. Go on with: {again}")


class TrainingProgress:
    """A bar a stage with the time it has left on a terminal; elsewhere a line a minute. Writes to standard error."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = Console(stderr=True, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars: Progress | None = None
        if self._console.is_terminal:
            self._bars = Progress(*columns, console=self._console, transient=True)
        self._bar: TaskID | None = None
        self._stage = ""
        self._began = (0, 0.0)
        self._loss: float | None = None
        self._said = time.monotonic()

    def __enter__(self) -> TrainingProgress:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, markup=False)

    def update(self, stage: str, step: int, steps: int, loss: float | None) -> None:
        """Say how far a stage is; the loss is shown as a running mean."""
        now = time.monotonic()
        if stage != self._stage:
            self._begin(stage, step, steps)
        if loss is not None:
            self._loss = loss if self._loss is None else 0.98 * self._loss + 0.02 * loss
        shown = "" if self._loss is None else f", loss {self._loss:.4f}"
        if self._bars is not None and self._bar is not None:
            self._bars.update(self._bar, completed=step, description=stage + shown)
        elif now - self._said >= SECONDS_BETWEEN_LINES:
            first, since = self._began
            left = (now - since) / max(step - first, 1) * (steps - step) / 60
            self.say(f"{stage}: {step:,} of {steps:,}{shown}, {left:.0f} min left")
            self._said = now

    def _begin(self, stage: str, step: int, steps: int) -> None:
        self._stage, self._loss, self._began = stage, None, (step, time.monotonic())
        if self._bars is not None:
            if self._bar is not None:
                self._bars.remove_task(self._bar)
            self._bar = self._bars.add_task(stage, total=steps, completed=step)


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C sets; a second one interrupts at once."""
    event = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        event.set()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
