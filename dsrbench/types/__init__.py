"""The values that pass between the stages: small, frozen, and checked when they are made."""

from dsrbench.boxes import Floats
from dsrbench.types.clause import Clause, Direction, Kind, Relation
from dsrbench.types.prompt import DEFAULT_WORDING, PUBLISHED_FRAMES, FrameCounts, Prompt
from dsrbench.types.score import CERTAIN, HEADLINE_THRESHOLD, THRESHOLDS, Certainty, Diagnosis, Status, VideoScore
from dsrbench.types.tracks import Clip, Detections, FrameState, NoClip, TrackDraws, VideoTracks

__all__ = [
    "CERTAIN",
    "DEFAULT_WORDING",
    "HEADLINE_THRESHOLD",
    "PUBLISHED_FRAMES",
    "THRESHOLDS",
    "Certainty",
    "Clause",
    "Clip",
    "Detections",
    "Diagnosis",
    "Direction",
    "Floats",
    "FrameCounts",
    "FrameState",
    "Kind",
    "NoClip",
    "Prompt",
    "Relation",
    "Status",
    "TrackDraws",
    "VideoScore",
    "VideoTracks",
]
