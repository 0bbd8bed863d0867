"""Score of a motion through the scene, without an object (an extension).

The centres of the subject's boxes are mapped into the first frame by the homographies of the camera, where they were
measured. With v the displacement from the first to the last window, and the mean box's side along the direction, the
value is `cos(angle to the direction) * min(1, |v along it| / side)` in [-1, 1], and the score `(value + 1) / 2`.

The diagnosis is the first rule that fits: `correct` at a score of 0.7; `reversed` at a value of at most -0.4; `static`
where the displacement is less than `STILL` of the mean box's side along either axis; `partial` where the value is above
0; `other`, a motion in another direction.
"""

from __future__ import annotations

import numpy as np

from dsrbench.metric.diagnosis import STILL
from dsrbench.types import (
    HEADLINE_THRESHOLD,
    Diagnosis,
    Direction,
    Floats,
    FrameCounts,
    Status,
    VideoScore,
    VideoTracks,
)

VECTORS = {
    Direction.LEFT: (-1.0, 0.0),
    Direction.RIGHT: (1.0, 0.0),
    Direction.UP: (0.0, -1.0),
    Direction.DOWN: (0.0, 1.0),
}
"""Unit vector of each direction in pixels, y pointing down."""


def score_motion(tracks: VideoTracks, direction: Direction, counts: FrameCounts | None) -> VideoScore:
    """Score a video in which the subject should move in a direction.

    Args:
        tracks: Its tracks; the motion of the camera is removed where they have it for all frames of the subject.
        direction: The direction.
        counts: Frame counts in force; None for those of the video.
    """
    counts = counts or FrameCounts.for_frames(len(tracks))
    sides = tracks.subject[:, 2:] - tracks.subject[:, :2]
    frames = np.flatnonzero((sides > 0).all(axis=1))
    values = np.full(len(tracks), np.nan)
    if len(frames) < counts.scored:
        reason = f"too few scored frames: {len(frames)} of at least {counts.scored}"
        return VideoScore(Status.INVALID, reason, ssr_initial=values, n_scored=len(frames))
    centres, is_compensated = _scene_centres(tracks, frames)
    extents = sides[frames].mean(axis=0)
    width = min(counts.window, len(frames))
    displacements = centres - centres[:width].mean(axis=0)
    values[frames] = _value(displacements, direction, extents)
    v = displacements[-width:].mean(axis=0)
    value = float(_value(v, direction, extents))
    return VideoScore(
        Status.SCORED,
        dsr_score=(value + 1) / 2,
        ssr_initial=values,
        n_scored=len(frames),
        diagnosis=_diagnose(value, np.abs(v) / extents),
        compensated=is_compensated,
    )


def _scene_centres(tracks: VideoTracks, frames: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> tuple[Floats, bool]:
    """Return the subject's centres in the given frames, `[F, 2]`, and whether the camera's motion was removed."""
    centres = (tracks.subject[frames, :2] + tracks.subject[frames, 2:]) / 2
    if tracks.camera is None or np.isnan(tracks.camera[frames]).any():
        return centres, False
    points = np.concatenate([centres, np.ones((len(centres), 1))], axis=1)
    mapped = np.einsum("tij,tj->ti", tracks.camera[frames], points)
    return np.asarray(mapped[:, :2] / mapped[:, 2:]), True


def _value(displacement: Floats, direction: Direction, extents: Floats) -> Floats:
    """Return `cos(angle) * min(1, |v along| / side)` of displacements `[..., 2]`."""
    along = displacement @ np.array(VECTORS[direction])
    side = extents @ np.abs(VECTORS[direction])
    length = np.maximum(np.hypot(displacement[..., 0], displacement[..., 1]), 1e-150)
    return np.asarray(along / length * np.minimum(1, np.abs(along) / side))


def _diagnose(value: float, shares: Floats) -> Diagnosis:
    score = (value + 1) / 2
    if score >= HEADLINE_THRESHOLD:
        return Diagnosis.CORRECT
    if score <= 1 - HEADLINE_THRESHOLD:
        return Diagnosis.REVERSED
    if shares.max() < STILL:
        return Diagnosis.STATIC
    return Diagnosis.PARTIAL if value > 0 else Diagnosis.OTHER
