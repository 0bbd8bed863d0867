"""Videos that were given are shown in the run folder, as links."""

from __future__ import annotations

import contextlib
import os

from dsrbench.errors import VideoError
from dsrbench.evaluation.planning import Job
from dsrbench.store import Run, Written
from dsrbench.store.disk import place_link
from dsrbench.video import sha256_file


def link_video(job: Job, run: Run, linked: Written | None) -> None:
    """Show the video in the run's `videos/`: a hard link where possible, else a symbolic one.

    Args:
        job: The sample.
        run: The run folder.
        linked: The sample whose video was linked before. When its file has been replaced by another the link is
            renewed; what is no link of ours is left alone.
    """
    if job.path is None:
        return
    link = run.videos / job.name
    with contextlib.suppress(OSError):
        if os.path.samestat(os.stat(link), os.stat(job.path)):
            return
    source = job.path.resolve()
    try:
        if os.path.lexists(link):
            before = linked or run.read_sample(job.key)
            if not link.is_symlink() and (before is None or sha256_file(link) != before[0].video_sha256):
                run.log("no link", video=job.name, error="another file of that name is there")
                return
        place_link(source, link, otherwise=lambda source, link: link.symlink_to(source))
        run.publish_video(job.name)
    except (OSError, VideoError) as error:
        run.log("no link", video=job.name, error=str(error))
