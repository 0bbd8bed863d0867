"""The one-subject-one-object criterion of the published protocol: is a video valid, and where does tracking start?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dsrbench.types import FrameCounts


def find_anchor_frame(
    labels: Sequence[Sequence[str]], *, subject: str, object: str, counts: FrameCounts | None = None
) -> int | None:
    """Find the frame from which two boxes are propagated (SpatialAlign, arXiv 2602.22745, and its scripts).

    A frame is valid when it has exactly two detections, labelled exactly `subject` and `object`; missing with fewer
    than two; redundant otherwise. The video is invalid with more than `counts.redundant` redundant frames, fewer than
    `counts.scored` valid ones, or no `counts.run` valid ones in a row.

    Args:
        labels: The labels detected in each frame.
        subject: The label of the subject.
        object: The label of the object; empty for a motion, where a valid frame has exactly one detection.
        counts: Frame counts in force; by default `FrameCounts.for_frames(len(labels))`.

    Returns:
        The first frame of the first such run; None when the video is invalid.

    >>> find_anchor_frame([["cat"]] + [["chair", "cat"]] * 30, subject="cat", object="chair")
    1
    >>> find_anchor_frame([["cat"]] * 31, subject="cat", object="chair")
    """
    counts = counts or FrameCounts.for_frames(len(labels))
    expected = sorted(filter(None, (subject, object)))
    valid = np.array([sorted(frame) == expected for frame in labels], bool)
    redundant = sum(len(frame) >= len(expected) for frame in labels) - int(valid.sum())
    if redundant > counts.redundant or valid.sum() < counts.scored or len(valid) < counts.run:
        return None
    runs = np.lib.stride_tricks.sliding_window_view(valid, counts.run).all(axis=1)
    return int(np.argmax(runs)) if runs.any() else None
