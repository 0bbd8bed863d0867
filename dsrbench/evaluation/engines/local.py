"""The local engine: one item after the other in this process."""

from __future__ import annotations

from collections.abc import Callable

from dsrbench.evaluation.engines.base import Work
from dsrbench.evaluation.frames import Video, ahead, decode_video
from dsrbench.evaluation.generation import finish_block
from dsrbench.evaluation.planning import Job
from dsrbench.evaluation.samples import score_traced, trace_job
from dsrbench.store import Written


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
        for job, written, video in ahead(_open_job(job, work) for job in jobs):
            traced = trace_job(job, work.scorer, work.run, written, video=video)
            sample = score_traced(traced, work.scorer.counts, work.run)
            tell("scoring", sample.video or str(sample.id))


def _open_job(job: Job, work: Work) -> tuple[Job, Written | None, Video | None]:
    """Return a job with the sample that the folder has of it and, if it is new and to be propagated, its frames."""
    written = work.run.read_sample(job.key)
    if job.path is None or written is not None or not work.scorer.propagates:
        return job, written, None
    return job, written, decode_video(job.path)
