"""Secondary figures of a clip: whether what pleases the score still looks like a video."""

from dsrbench.quality.frames import sharpness, temporal_smoothness

__all__ = ["sharpness", "temporal_smoothness"]
