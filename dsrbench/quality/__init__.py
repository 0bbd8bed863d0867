"""Secondary figures of a clip: whether what pleases the score still looks like a video."""

from dsrbench.quality.boxes import duplicate_rate, track_smoothness
from dsrbench.quality.clip import FIGURES, measure_clip, measure_run
from dsrbench.quality.compare import QualityDifference, compare_quality
from dsrbench.quality.frames import sharpness, temporal_smoothness
from dsrbench.quality.identity import colour_features, identity_consistency

__all__ = [
    "FIGURES",
    "QualityDifference",
    "colour_features",
    "compare_quality",
    "duplicate_rate",
    "identity_consistency",
    "measure_clip",
    "measure_run",
    "sharpness",
    "temporal_smoothness",
    "track_smoothness",
]
