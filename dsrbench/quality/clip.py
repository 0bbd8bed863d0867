"""All quality figures of a clip, and of the clips of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.quality.boxes import duplicate_rate, track_smoothness
from dsrbench.quality.frames import sharpness, temporal_smoothness
from dsrbench.quality.identity import colour_features, cut_crops, identity_consistency
from dsrbench.store import Run, SampleKey
from dsrbench.types import Detections, VideoTracks
from dsrbench.video import read_clip

FIGURES = {
    "identity_colour": "Identity of the subject (colours)",
    "track_smoothness": "Smoothness of its path",
    "temporal_smoothness": "Smoothness of the frames",
    "sharpness": "Sharpness",
    "duplicate_rate": "Frames with duplicates",
    "identity_dinov2": "Identity of the subject (DINOv2)",
    "clip_natural": "CLIP-IQA natural",
    "clip_quality": "CLIP-IQA quality",
}
"""Names of the figures in tables, by key; the last three need weights."""

Measure = Callable[[NDArray[np.uint8], Sequence[NDArray[np.uint8]]], Mapping[str, float]]
"""A network: function from the frames, uint8 `[T, H, W, 3]`, and the subject's crops to figures by key."""


def measure_clip(
    frames: NDArray[np.uint8],
    tracks: VideoTracks | None,
    detections: Sequence[Detections] | None = None,
    networks: Sequence[Measure] = (),
) -> dict[str, float]:
    """Return the quality figures of a clip by key, NaN where there is nothing to measure.

    Args:
        frames: RGB frames, uint8 `[T, H, W, 3]`.
        tracks: Boxes of the subject; None where it was not tracked.
        detections: Detections of each frame; label 0 is the subject, 1 the object.
        networks: Networks for the figures that need weights.
    """
    boxes = tracks.subject if tracks is not None else np.full((len(frames), 4), np.nan)
    crops = cut_crops(frames[: len(boxes)], boxes[: len(frames)])
    colours = np.array([colour_features(crop) for crop in crops])
    figures = {
        "identity_colour": identity_consistency(colours),
        "track_smoothness": track_smoothness(boxes),
        "temporal_smoothness": temporal_smoothness(frames),
        "sharpness": sharpness(frames),
        "duplicate_rate": duplicate_rate(detections or []),
    }
    for network in networks:
        figures |= network(frames, crops)
    return figures


def measure_run(
    run: Run, networks: Sequence[Measure] = (), *, on_clip: Callable[[int, int, str], None] | None = None
) -> dict[SampleKey, dict[str, float]]:
    """Return the quality figures of every video of a finished run, by sample.

    Args:
        run: Finished run with its videos, tracks and detections.
        networks: Networks for the figures that need weights.
        on_clip: Function called after each clip, with the number of clips done, of all clips, and the video's name.

    Raises:
        StoreError: The run has not finished.
        VideoError: A video cannot be read any more.
    """
    samples = [sample for sample in run.samples() if sample.video_sha256]
    figures = {}
    for done, sample in enumerate(samples, start=1):
        frames = read_clip(run.videos / sample.video).frames
        detections = run.read_detections(sample.id)
        boxes = detections[0] if detections else None
        figures[sample.id] = measure_clip(frames, run.tracks(sample.id), boxes, networks)
        if on_clip is not None:
            on_clip(done, len(samples), sample.video)
    return figures
