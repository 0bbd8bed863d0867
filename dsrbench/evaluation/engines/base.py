"""The interface of engines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from dsrbench.backends.base import Generator
from dsrbench.backends.registry import Backend
from dsrbench.evaluation.generation import make_blocks
from dsrbench.evaluation.planning import Job, Plan
from dsrbench.evaluation.scorer import Scorer
from dsrbench.store import Run


@dataclasses.dataclass(frozen=True)
class Work:
    """The work that an engine has to do.

    Attributes:
        plan: All jobs of the run, which fix the blocks of generation.
        todo: Those that are not known to be finished.
        scorer: The backends.
        generator: Makes the videos, where they are made.
        refused: Prompts it cannot make, with why.
        run: The run folder, its lock held.
    """

    plan: Plan
    todo: Sequence[Job]
    scorer: Scorer
    generator: Backend[Generator] | None
    refused: Mapping[str, str]
    run: Run

    def blocks(self) -> Sequence[Sequence[Job]]:
        """Return the jobs to do in the blocks they are made in, or each alone where the videos are there."""
        if self.generator is None:
            return [(job,) for job in self.todo]
        todo = {job.key for job in self.todo}
        return [block for block in make_blocks(self.plan, self.generator) if block[0].key in todo]


class Engine(Protocol):
    """Does the work, item by item, in whatever order and wherever; every job ends as a sample written to the run."""

    def work(self, work: Work, tell: Callable[[str, str], None]) -> None:
        """Do it; `tell` is called with "generating" or "scoring" and the name of what was finished."""
        ...
