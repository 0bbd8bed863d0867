"""The motion of the camera, from the background of a video, so that it can be removed from a subject's motion.

Corners of the background, outside all boxes, are followed from each frame to the next (Lucas-Kanade, forward and back)
and give a homography (RANSAC). The homographies accumulate to one from each frame to the first.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.geometry import mask_background
from dsrbench.requirements import package_version
from dsrbench.types import Floats, VideoTracks

PACKAGES = ("opencv-python-headless", "opencv-python", "opencv-contrib-python")
"""Packages that have OpenCV, by preference."""

VERSION = 1
"""Version of the method, part of the cache keys of tracks with it."""

MAX_WIDTH = 480
"""Width that wider frames are reduced to, in pixels."""

MIN_POINTS = 12
"""Fewest corners that must agree on a homography."""

MIN_AGREEING = 0.4
"""Smallest share of the followed corners that must agree."""

_MARGIN = 0.1
"""Share of a box's sides by which it is enlarged, so that its edge gives no corners."""
_MAX_CORNERS = 400
_MAX_RETURN = 1.0
"""Distance, in pixels, within which a corner that is followed forward and back must arrive."""
_TOLERANCE = 1.5
"""Distance from its place under a homography within which a corner agrees with it, in pixels."""


@functools.cache
def describe_camera() -> dict[str, Any] | None:
    """Return what measures the motion of the camera, for records and cache keys; None without OpenCV."""
    version = next((version for version in map(package_version, PACKAGES) if version is not None), None)
    return {"method": VERSION, "opencv": version.split(".")[0]} if version is not None else None


def measure_camera(tracks: Sequence[VideoTracks], chunks: Iterable[NDArray[np.uint8]]) -> Floats:
    """Measure the motion of the camera.

    Args:
        tracks: Tracks of the video, whose boxes are no background.
        chunks: Frames of the video in order, uint8 `[B, H, W, 3]` each.

    Returns:
        Homography from each frame to the first one, in pixels, float64 `[T, 3, 3]`; NaN from the frame on at which the
        background was lost.
    """
    import cv2

    homographies = np.full((len(tracks[0]), 3, 3), np.nan)
    homographies[:1] = np.eye(3)
    previous: NDArray[np.uint8] | None = None
    every_frame = (frame for frames in chunks for frame in frames)
    for t, frame in zip(range(len(homographies)), every_frame, strict=False):
        scale = min(1.0, MAX_WIDTH / frame.shape[1])
        size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
        gray = np.asarray(cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY))
        if previous is not None:
            step = _follow(previous, gray, _background(tracks, t - 1, gray.shape, scale))
            if step is None:
                break
            resize = np.diag([scale, scale, 1.0])
            homographies[t] = homographies[t - 1] @ np.linalg.inv(resize) @ step @ resize
            homographies[t] /= homographies[t, 2, 2]
        previous = np.asarray(gray, np.uint8)
    return homographies


def _background(tracks: Sequence[VideoTracks], t: int, shape: tuple[int, ...], scale: float) -> NDArray[np.uint8]:
    """Return a mask `[h, w]` of a reduced frame: 255 outside all boxes, 0 inside."""
    boxes = (boxes[t] for each in tracks for boxes in (each.subject, each.object))
    return mask_background(shape, boxes, margin=_MARGIN, scale=scale).astype(np.uint8) * 255


def _follow(previous: NDArray[np.uint8], gray: Any, mask: NDArray[np.uint8]) -> Floats | None:
    """Return the homography from a frame to the previous one; None where the background was lost."""
    import cv2

    corners: Any = cv2.goodFeaturesToTrack(previous, _MAX_CORNERS, 0.01, 5, mask=mask)
    if corners is None or len(corners) < MIN_POINTS:
        return None
    points: Any
    origins: Any
    points, status, _ = cv2.calcOpticalFlowPyrLK(previous, gray, corners, None)  # type: ignore[call-overload]
    origins, status_back, _ = cv2.calcOpticalFlowPyrLK(gray, previous, points, None)  # type: ignore[call-overload]
    is_same = np.linalg.norm((origins - corners).reshape(-1, 2), axis=1) < _MAX_RETURN
    is_good = is_same & (status.ravel() == 1) & (status_back.ravel() == 1)
    if is_good.sum() < MIN_POINTS:
        return None
    cv2.setRNGSeed(0)
    homography, inliers = cv2.findHomography(points[is_good], corners[is_good], cv2.RANSAC, _TOLERANCE)
    if homography is None or inliers.sum() < max(MIN_POINTS, MIN_AGREEING * is_good.sum()):
        return None
    return np.asarray(homography, np.float64)
