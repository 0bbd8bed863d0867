"""dsrbench: does a text-to-video model put things where the prompt says, when it says?

The public names below are loaded when first used, so `import dsrbench` costs no more than numpy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

_HOME = {
    "Clip": "types",
    "DSRBenchError": "errors",
    "DSRScore": "score",
    "Detections": "types",
    "Diagnosis": "types",
    "FrameCounts": "types",
    "Prompt": "types",
    "Relation": "types",
    "Status": "types",
    "VideoScore": "types",
    "VideoTracks": "types",
    "find_anchor_frame": "score",
    "parse_prompt": "prompts",
    "read_suite": "prompts",
    "score_many": "score",
    "score_tracks": "score",
}

__all__ = [
    "Clip",
    "DSRBenchError",
    "DSRScore",
    "Detections",
    "Diagnosis",
    "FrameCounts",
    "Prompt",
    "Relation",
    "Status",
    "VideoScore",
    "VideoTracks",
    "__version__",
    "find_anchor_frame",
    "parse_prompt",
    "read_suite",
    "score_many",
    "score_tracks",
]

if TYPE_CHECKING:
    from dsrbench.errors import DSRBenchError
    from dsrbench.prompts import parse_prompt, read_suite
    from dsrbench.score import DSRScore, find_anchor_frame, score_many, score_tracks
    from dsrbench.types import (
        Clip,
        Detections,
        Diagnosis,
        FrameCounts,
        Prompt,
        Relation,
        Status,
        VideoScore,
        VideoTracks,
    )


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"dsrbench.{_HOME[name]}"), name)
    raise AttributeError(f"module 'dsrbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
