"""Measurements beside the boxes, for prompts that need them: depth, and the motion of the camera."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import DepthEstimator
from dsrbench.backends.depth.measure import measure_depth
from dsrbench.evaluation.camera import describe_camera, measure_camera
from dsrbench.evaluation.frames import Video, open_video
from dsrbench.evaluation.scorer import Scorer
from dsrbench.records import to_json
from dsrbench.types import Prompt, VideoTracks


def needs_measuring(scorer: Scorer, prompt: Prompt) -> bool:
    """Tell whether tracks for a prompt get depth or the motion of the camera."""
    return scorer.depth_of(prompt) is not None or _needs_camera(prompt)


def measure_tracks(scorer: Scorer, tracks: VideoTracks, prompt: Prompt, video: Video, name: str) -> VideoTracks:
    """Return tracks with all that the claims of a prompt need beside the boxes.

    Args:
        scorer: Its depth estimator is used.
        tracks: Tracks of all claims.
        prompt: The prompt.
        video: The video.
        name: Path of the video relative to the folder of videos.

    Raises:
        VideoError: The video cannot be read.
        BackendError: The depth estimator cannot be used on it.
    """
    parts, source = [tracks, *tracks.further], open_video(video)
    if (depth := scorer.depth_of(prompt)) is not None:
        deep = [i for i, clause in enumerate(prompt.clauses) if clause.needs_depth]
        estimator = depth.instance
        if isinstance(estimator, DepthEstimator):
            estimator.start_video(name)
        for i, part in zip(deep, measure_depth(estimator, [parts[i] for i in deep], source.chunks()), strict=True):
            provenance = {**part.provenance, "depth": to_json(depth.record())}
            parts[i] = dataclasses.replace(part, masks=None, provenance=provenance)
    if _needs_camera(prompt):
        camera = measure_camera(parts, source.chunks())
        for i, clause in enumerate(prompt.clauses):
            if clause.direction is not None:
                provenance = {**parts[i].provenance, "camera": describe_camera()}
                parts[i] = dataclasses.replace(parts[i], camera=camera, provenance=provenance)
    return dataclasses.replace(parts[0], further=tuple(parts[1:]))


def estimate_maps(scorer: Scorer, prompt: Prompt, path: Path) -> list[NDArray[np.float32]]:
    """Estimate the depth map `[h, w]` of every frame; empty where the prompt needs none, or depth comes from boxes.

    Raises:
        VideoError: The video cannot be read.
        BackendError: The depth estimator cannot be used on it.
    """
    depth = scorer.depth_of(prompt)
    if depth is None or not isinstance(depth.instance, DepthEstimator):
        return []
    depth.instance.start_video(path.name)
    return [depth_map for frames in open_video(path).chunks() for depth_map in depth.instance.estimate(frames)]


def _needs_camera(prompt: Prompt) -> bool:
    return prompt.has_motion and describe_camera() is not None
