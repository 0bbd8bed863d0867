"""Reasons why samples have no score, so that like ones can be counted."""

from __future__ import annotations

import re
from pathlib import PurePath


def reason_kind(reason: str, video: str = "") -> str:
    """Return a reason without what is particular to one video, so that like reasons can be counted.

    Args:
        reason: The recorded reason, such as `too few scored frames: 3 of at least 20`.
        video: File name of the video, left out where the reason starts with its path.

    >>> reason_kind("/data/a.mp4: the file is empty; make or fetch it again", "a.mp4")
    'the file is empty'
    >>> reason_kind("too few scored frames: 3 of at least 20")
    'too few scored frames'
    """
    head, colon, rest = reason.partition(": ")
    if colon and ("/" in head or "\\" in head or (video and head.endswith(PurePath(video).name))):
        reason = rest
    kind = re.split(r"[:;(]", reason, maxsplit=1)[0].strip()
    return re.sub(r"\d+(\.\d+)?", "N", kind) or "no reason was recorded"
