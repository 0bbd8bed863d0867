"""Parts of a run, each done by a process of its own, on whatever machine."""

from __future__ import annotations

import dataclasses
import re

from dsrbench.backends.base import Generator
from dsrbench.backends.registry import Backend
from dsrbench.errors import InputError
from dsrbench.evaluation.generation import make_blocks
from dsrbench.evaluation.planning import Plan


@dataclasses.dataclass(frozen=True)
class Shard:
    """One of several equal parts of a run.

    Attributes:
        number: Number of the shard, 1 to `of`.
        of: Number of shards.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `3/16`.

        Raises:
            InputError: Not of that form, or not within its range.

        >>> Shard.parse("3/16").folder
        'shards/03-of-16'
        """
        match = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
        number, of = map(int, match.groups()) if match else (0, 0)
        if not 1 <= number <= of:
            raise InputError(f"expected a shard such as 3/16, the third of sixteen, got {text!r}")
        return cls(number, of)

    @property
    def folder(self) -> str:
        """Where the shard lies in the folder of the whole run."""
        width = len(str(self.of))
        return f"shards/{self.number:0{width}}-of-{self.of}"

    def take(self, plan: Plan, generator: Backend[Generator] | None) -> Plan:
        """Return the jobs of this shard: every `of`-th block of a generator, or without one every `of`-th job.

        Raises:
            InputError: There are fewer blocks than shards.
        """
        blocks = make_blocks(plan, generator) if generator is not None else [[job] for job in plan.jobs]
        if len(blocks) < self.of:
            what = "blocks of videos that are made at once" if generator is not None else "samples"
            raise InputError(f"{len(blocks)} {what} do not make {self.of} shards; give --shard I/{len(blocks)} at most")
        mine = {job.key for block in blocks[self.number - 1 :: self.of] for job in block}
        return dataclasses.replace(plan, jobs=tuple(job for job in plan.jobs if job.key in mine))
