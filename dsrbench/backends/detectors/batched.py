"""The base of the detectors of `transformers`: batches of frames in, clipped and suppressed boxes out."""

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

MAX_BOXES = 100
"""Maximum number of boxes a frame; the best ones stay."""


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

    takes_tensors = True

    def __post_init__(self) -> None:
        check_share("threshold", self.threshold, above_zero=True)
        check_share("nms", self.nms)
        self._batches = Batches(self.batch, backend=self.name)
        super().__post_init__()

    @abc.abstractmethod
    def forward(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Return every box above the threshold in some frames, before suppression and clipping.

        Args:
            frames: Frames uint8 `[B, H, W, 3]`, an array or a tensor of torch.
            labels: The labels.
        """

    def detect(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Find boxes of the labels in RGB frames uint8 `[T, H, W, 3]`, an array or a tensor of torch on any device.

        Raises:
            BackendError: Labels it cannot look for, or a frame that does not fit into memory.
        """
        self.check_labels(labels)

        def run(part: NDArray[np.uint8]) -> list[Detections]:
            with self._inference():
                return self._run(lambda: self.forward(part, labels))

        return [self.finish(boxes, (frames.shape[2], frames.shape[1])) for boxes in self._batches.run(frames, run)]

    def finish(self, detections: Detections, size: tuple[int, int]) -> Detections:
        """Clip the boxes of one frame of (width, height) and suppress them within each label; the best come first."""
        boxes = clip_boxes(detections.xyxy, size)
        good = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, score, label = boxes[good], detections.score[good], detections.label[good]
        best = nms(boxes, score, label, iou=self.nms)[:MAX_BOXES]
        return Detections(boxes[best], np.clip(score[best], 0, 1), label[best])

    def _inputs(self, frames: NDArray[np.uint8], **text: Any) -> Any:
        """Prepare frames and texts for the model, on its device."""
        return self._processor(images=self._pictures(frames), return_tensors="pt", **text).to(self._device)


def to_detections(result: dict[str, Any], labels: Any = None) -> Detections:
    """Convert what a processor's post-processing gives for one frame, with `labels` in place of its own."""
    labels = result["labels"] if labels is None else labels
    return Detections(
        result["boxes"].double().cpu().numpy(),
        result["scores"].double().cpu().numpy(),
        labels.cpu().numpy() if hasattr(labels, "cpu") else labels,
    )
