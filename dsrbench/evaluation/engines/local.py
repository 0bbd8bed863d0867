"""The local engine: one item after the other in this process."""

from __future__ import annotations

from collections.abc import Callable

from dsrbench.evaluation.engines.base import Work
from dsrbench.evaluation.generation import finish_block
from dsrbench.evaluation.samples import score_traced, trace_job


class Local:
    """Makes all videos, then detects, tracks and scores them."""

    def work(self, work: Work, tell: Callable[[str, str], None]) -> None:
        """Do the work, as `Engine` says."""
        jobs = list(work.todo)
        if work.generator is not None:
            jobs = []
            for block in work.blocks():
                for job in finish_block(block, work.generator, work.run, work.refused):
                    jobs.append(job)
                    tell("generating", job.name)
            jobs.sort(key=lambda job: job.key)
        for job in jobs:
            traced = trace_job(job, work.scorer, work.run, work.run.read_sample(job.key))
            sample = score_traced(traced, work.scorer.counts, work.run)
            tell("scoring", sample.video or str(sample.id))
