"""Progress that reads well on a terminal and in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

SECONDS_BETWEEN_LINES = 10.0


class SampleProgress:
    """A bar with the time left on a terminal; elsewhere a line every ten seconds. Writes to standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._verb, self._found = "", 0
        self._bar: Bar | None = None
        self._started = self._said = time.monotonic()

    def __enter__(self) -> SampleProgress:
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bar = Bar(
                *columns,
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
                redirect_stdout=sys.stdout.isatty(),  # what goes to a file must not come out beside the bar
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, verb: str, done: int, total: int, what: str) -> None:
        """Say what is being done and how far it is, and what was just finished."""
        if verb != self._verb:
            self._begin(verb, done - 1)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[-1], completed=done, total=total, description=f"{verb} {what}")
            return
        now = time.monotonic()
        if done == total or now - self._said >= SECONDS_BETWEEN_LINES:
            left = (now - self._started) / (done - self._found) * (total - done)
            self._console.print(f"{verb}: {done}/{total}, {left:.0f} s left", highlight=False)
            self._said = now

    def _begin(self, verb: str, finished: int) -> None:
        """Start a bar, and the estimate of the time left, anew; what was `found` done took no time."""
        self._verb, self._found = verb, finished
        if self._bar is not None:
            for task in self._bar.task_ids:
                self._bar.remove_task(task)
            self._bar.add_task(verb, total=None)
        self._started = self._said = time.monotonic()


@contextmanager
def download_bars() -> Iterator[tuple[Callable[[str, int, int], None], Container[str]]]:
    """Draw a bar for each file where standard error is a terminal.

    Yields:
        A function to call with a file's name, the bytes that are there and the bytes there will be; and the names of
        the files it was called for.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    tasks: dict[str, TaskID] = {}
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def update(filename: str, done: int, total: int) -> None:
            if filename not in tasks:
                tasks[filename] = bars.add_task(filename, total=total)
            bars.update(tasks[filename], completed=done)

        yield update, tasks
