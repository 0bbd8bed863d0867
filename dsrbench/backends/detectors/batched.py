"""What the detectors of `transformers` have in common: batches of frames in, clipped and suppressed boxes out."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import Detector
from dsrbench.backends.detectors.closed import check_share
from dsrbench.backends.pretrained.batches import Batches
from dsrbench.backends.pretrained.models import PretrainedBackend
from dsrbench.geometry import clip_boxes, nms
from dsrbench.types import Detections

MOST_BOXES = 100
"""Boxes kept a frame, the best ones: more than any frame has, less than a threshold of nothing lets through."""


@dataclasses.dataclass(kw_only=True, eq=False)
class BatchedDetector(PretrainedBackend, Detector):
    """Base of detectors that run a model of `transformers` on batches of frames.

    Takes the options of `PretrainedBackend`, too.

    Args:
        threshold: Lowest score kept, in 0..1.
        nms: Overlap (IoU) of one label's boxes above which the lower-scored goes.
        batch: Frames a forward pass; halved where they do not fit into memory.
    """

    threshold: float
    nms: float = 0.7
    batch: int = 8

    def __post_init__(self) -> None:
        check_share("threshold", self.threshold, above_zero=True)
        check_share("nms", self.nms)
        self._batches = Batches(self.batch, backend=self.name)
        super().__post_init__()

    @abc.abstractmethod
    def forward(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Every box above the threshold in some frames uint8 `[B, H, W, 3]`, before suppression and clipping."""

    def detect(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Boxes of the labels in RGB frames uint8 `[T, H, W, 3]`.

        Raises:
            BackendError: Labels it cannot look for, or a frame that does not fit into memory.
        """
        import torch

        self.check_labels(labels)

        def run(part: NDArray[np.uint8]) -> list[Detections]:
            with torch.inference_mode():
                return self.forward(part, labels)

        return [self.finish(found, (frames.shape[2], frames.shape[1])) for found in self._batches.run(frames, run)]

    def finish(self, found: Detections, size: tuple[int, int]) -> Detections:
        """Boxes of one frame of (width, height), clipped and suppressed within each label, best first."""
        boxes = clip_boxes(found.xyxy, size)
        good = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, score, label = boxes[good], found.score[good], found.label[good]
        kept = nms(boxes, score, label, iou=self.nms)[:MOST_BOXES]
        return Detections(boxes[kept], np.clip(score[kept], 0, 1), label[kept])

    def _inputs(self, frames: NDArray[np.uint8], **text: Any) -> Any:
        """What the processor makes of frames and texts, on the model's device and in its precision."""
        inputs = self._processor(images=list(frames), return_tensors="pt", **text)
        return inputs.to(self._device, self._dtype)


def to_detections(result: dict[str, Any], labels: Any = None) -> Detections:
    """What a processor's post-processing gives for one frame; `labels` in place of its own."""
    labels = result["labels"] if labels is None else labels
    return Detections(
        result["boxes"].double().cpu().numpy(),
        result["scores"].double().cpu().numpy(),
        labels.cpu().numpy() if hasattr(labels, "cpu") else labels,
    )
