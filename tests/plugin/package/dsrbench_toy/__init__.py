"""A detector, a tracker and a depth estimator, as short as they can be."""

from __future__ import annotations

import numpy as np

from dsrbench.types import Detections, VideoTracks


class BrightSpots:
    """Sees the reddest part of a frame as the subject and the bluest as the object."""

    def __init__(self, *, contrast: int = 60) -> None:
        self.contrast = contrast
        self.fingerprint = {"rule": "red and blue"}

    def detect(self, frames, labels):
        return [self._one(frame.astype(int)) for frame in frames]

    def _one(self, frame):
        boxes, found = [], []
        for label, (more, less) in enumerate([(0, 2), (2, 0)]):
            rows, columns = np.nonzero(frame[..., more] - frame[..., less] > self.contrast)
            if len(rows):
                boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
                found.append(label)
        return Detections(np.array(boxes, float), np.ones(len(boxes)), np.array(found, int))


class TakeTheBest:
    """Takes every frame's best detection."""

    def associate(self, detections, *, prompt, size, fps):
        boxes = np.full((2, len(detections), 4), np.nan)
        for t, found in enumerate(detections):
            for label in (0, 1):
                mine = np.flatnonzero(found.label == label)
                if len(mine):
                    boxes[label, t] = found.xyxy[mine[found.score[mine].argmax()]]
        return VideoTracks(*boxes, size, fps)


class BrightIsNear:
    """Takes bright pixels to be near."""

    def __init__(self) -> None:
        self.fingerprint = {"rule": "bright"}

    def estimate(self, frames):
        return frames.mean(axis=-1, dtype=np.float32)
