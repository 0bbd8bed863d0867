"""Quality figures of a clip beside the DSR-Score: whether videos with a good score also look like videos."""

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
