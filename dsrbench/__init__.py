"""dsrbench: does a text-to-video model put things where the prompt says, when it says?

The public names below are loaded when first used, so `import dsrbench` costs no more than numpy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

_HOME = {
    "AlignConfig": "alignment.config",
    "AlignmentResult": "alignment.result",
    "Certainty": "types",
    "Clause": "types",
    "Clip": "types",
    "DSRBenchError": "errors",
    "DSRReward": "rewards",
    "DSRScore": "metric",
    "Detections": "types",
    "Diagnosis": "types",
    "Direction": "types",
    "EvaluationResult": "api",
    "FrameCounts": "types",
    "Prompt": "types",
    "Relation": "types",
    "Status": "types",
    "TrackDraws": "types",
    "VideoScore": "types",
    "VideoTracks": "types",
    "align": "api",
    "evaluate": "api",
    "find_anchor_frame": "metric",
    "measure_certainty": "metric",
    "parse_prompt": "prompts",
    "read_suite": "prompts",
    "score_many": "metric",
    "score_sequences": "metric",
    "score_tracks": "metric",
}

__all__ = [
    "AlignConfig",
    "AlignmentResult",
    "Certainty",
    "Clause",
    "Clip",
    "DSRBenchError",
    "DSRReward",
    "DSRScore",
    "Detections",
    "Diagnosis",
    "Direction",
    "EvaluationResult",
    "FrameCounts",
    "Prompt",
    "Relation",
    "Status",
    "TrackDraws",
    "VideoScore",
    "VideoTracks",
    "__version__",
    "align",
    "evaluate",
    "find_anchor_frame",
    "measure_certainty",
    "parse_prompt",
    "read_suite",
    "score_many",
    "score_sequences",
    "score_tracks",
]

if TYPE_CHECKING:
    from dsrbench.alignment.config import AlignConfig
    from dsrbench.alignment.result import AlignmentResult
    from dsrbench.api import EvaluationResult, align, evaluate
    from dsrbench.errors import DSRBenchError
    from dsrbench.metric import (
        DSRScore,
        find_anchor_frame,
        measure_certainty,
        score_many,
        score_sequences,
        score_tracks,
    )
    from dsrbench.prompts import parse_prompt, read_suite
    from dsrbench.rewards import DSRReward
    from dsrbench.types import (
        Certainty,
        Clause,
        Clip,
        Detections,
        Diagnosis,
        Direction,
        FrameCounts,
        Prompt,
        Relation,
        Status,
        TrackDraws,
        VideoScore,
        VideoTracks,
    )


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"dsrbench.{_HOME[name]}"), name)
    raise AttributeError(f"module 'dsrbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
