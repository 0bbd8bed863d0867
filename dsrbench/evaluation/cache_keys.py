"""Names of detections, tracks and scores by all that they depend on, under which they are found again."""

from __future__ import annotations

from typing import Any

from dsrbench import __version__
from dsrbench.evaluation.camera import describe_camera
from dsrbench.evaluation.scorer import Scorer
from dsrbench.records import hash_json
from dsrbench.store.manifest import describe_counts
from dsrbench.types import Prompt


def detection_key(scorer: Scorer, prompt: Prompt, sha256: str) -> str:
    """Name the detections of a video by the first detector: its hash, the nouns, the detector and the stride."""
    stride = [scorer.stride] if scorer.stride > 1 else []
    return digest("detect", sha256, *prompt.nouns, scorer.detector.digest, *stride)


def track_key(scorer: Scorer, prompt: Prompt, sha256: str) -> str:
    """Name the tracks of a video: its detections, the tracker and, where there is an anchor frame, the counts.

    Pooled tracks of two detectors are named by the tracks of each. Where there is no second detector, or it does not
    know the nouns, the name is that of the first detector's tracks. Tracks with depth, or with the motion of the
    camera, are named by what measures these as well.
    """
    keys = [part_key(part, prompt, sha256) for part in scorer.parts(prompt)]
    key = keys[0] if len(keys) == 1 else digest("pool", *keys)
    depth = scorer.depth_of(prompt)
    measured: list[dict[str, Any]] = [{"depth": depth.digest}] if depth is not None else []
    if prompt.has_motion:
        measured.append({"camera": describe_camera()})
    return digest("measured", key, *measured) if measured else key


def part_key(scorer: Scorer, prompt: Prompt, sha256: str) -> str:
    """Name the tracks by one detector, before anything is measured beside the boxes."""
    counts = [describe_counts(scorer.counts)] if scorer.propagates else []
    claims = [prompt.type] if prompt.further else []
    return digest("track", detection_key(scorer, prompt, sha256), scorer.tracker.digest, *counts, *claims)


def score_key(scorer: Scorer, prompt: Prompt, sha256: str) -> str:
    """Name the score of a video: its tracks, the prompt, the counts and the version of the metric."""
    tracks = track_key(scorer, prompt, sha256)
    return digest("score", __version__, tracks, prompt.type, prompt.text, describe_counts(scorer.counts))


def digest(*parts: Any) -> str:
    """Hash JSON values, 32 hexadecimal digits."""
    return hash_json(parts)[:32]
