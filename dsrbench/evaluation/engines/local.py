"""The local engine: one item after the other in this process."""

from __future__ import annotations

from collections.abc import Callable

from dsrbench.evaluation.engines.base import Work
from dsrbench.evaluation.frames import buffer_videos
from dsrbench.evaluation.generation import finish_block
from dsrbench.evaluation.samples import score_traced, trace_job


class Local:
    """Makes all videos, then detects, tracks and scores them.

    A tracker that propagates boxes needs a whole clip in memory: while one is tracked, the next is being decoded.
    """

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
        is_new = [work.scorer.propagates and work.run.read_sample(job.key) is None for job in jobs]
        paths = [job.path if new else None for job, new in zip(jobs, is_new, strict=True)]
        for job, video in zip(jobs, buffer_videos(paths), strict=True):
            traced = trace_job(job, work.scorer, work.run, work.run.read_sample(job.key), video=video)
            sample = score_traced(traced, work.scorer.counts, work.run)
            tell("scoring", sample.video or str(sample.id))
