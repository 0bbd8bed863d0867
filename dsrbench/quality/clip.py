"""All quality figures of a clip, and of every clip of a run."""

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
"""Each figure's key with its name in tables; the last three need weights."""

Measure = Callable[[NDArray[np.uint8], Sequence[NDArray[np.uint8]]], Mapping[str, float]]
"""From the frames uint8 `[T, H, W, 3]` and the subject's crops to further figures: a network."""


def measure_clip(
    frames: NDArray[np.uint8],
    tracks: VideoTracks | None,
    detections: Sequence[Detections] | None = None,
    networks: Sequence[Measure] = (),
) -> dict[str, float]:
    """The quality figures of a clip by key, NaN where there is nothing to measure.

    Args:
        frames: RGB, uint8 `[T, H, W, 3]`.
        tracks: Where the subject is; None where it was not tracked.
        detections: One a frame; label 0 is the subject, 1 the object.
        networks: For the figures that need weights.
    """
    boxes = tracks.subject if tracks is not None else np.full((len(frames), 4), np.nan)
    crops = cut_crops(frames[: len(boxes)], boxes[: len(frames)])
    colours = np.array([colour_features(crop) for crop in crops])
    found = {
        "identity_colour": identity_consistency(colours),
        "track_smoothness": track_smoothness(boxes),
        "temporal_smoothness": temporal_smoothness(frames),
        "sharpness": sharpness(frames),
        "duplicate_rate": duplicate_rate(detections or []),
    }
    for network in networks:
        found |= network(frames, crops)
    return found


def measure_run(
    run: Run, networks: Sequence[Measure] = (), *, on_clip: Callable[[int, int, str], None] | None = None
) -> dict[SampleKey, dict[str, float]]:
    """The quality figures of every video of a finished run.

    Args:
        run: Its videos are read, and the tracks and detections it keeps.
        networks: As for `measure_clip`.
        on_clip: Told how many are done, how many there are, and the newest one's name.

    Raises:
        StoreError: The run has not finished.
        VideoError: A video of a sample cannot be read any more.
    """
    samples = [sample for sample in run.samples() if sample.video_sha256]
    found = {}
    for done, sample in enumerate(samples, start=1):
        frames = read_clip(run.videos / sample.video).frames
        kept = run.read_detections(sample.id)
        found[sample.id] = measure_clip(frames, run.tracks(sample.id), kept[0] if kept else None, networks)
        if on_clip is not None:
            on_clip(done, len(samples), sample.video)
    return found
