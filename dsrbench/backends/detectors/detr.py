"""`detr`: RT-DETR, D-FINE and any other closed-vocabulary detector of `transformers`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.batched import BatchedDetector, to_detections
from dsrbench.backends.detectors.closed import ClosedVocabulary
from dsrbench.backends.pretrained.models import import_transformers
from dsrbench.errors import WeightsError
from dsrbench.hub import HubModel
from dsrbench.types import Detections

_OTHER_NAMES = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}
"""Classes of COCO by the names of an older data set, which some of these models' files use."""


@dataclasses.dataclass(kw_only=True, eq=False)
class Detr(ClosedVocabulary, BatchedDetector):
    """Any `AutoModelForObjectDetection`, such as RT-DETR and D-FINE; it knows the classes its weights know.

    Its options are those of `ClosedVocabulary`, `BatchedDetector` and `PretrainedBackend`.
    """

    name = "detr"
    hub_model = HubModel("PekingU/rtdetr_v2_r50vd", "Apache-2.0")
    classes = ("AutoModelForObjectDetection", "AutoImageProcessor")
    model: str = hub_model.id
    threshold: float = 0.15

    def __post_init__(self) -> None:
        import_transformers(self.name)
        from transformers.models.auto.modeling_auto import MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES

        self.model_types = list(MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES)
        super().__post_init__()
        names: dict[int, str] = self._net.config.id2label
        if sorted(names) != list(range(len(names))):
            raise WeightsError(
                f"{self.model}: classes must be numbered from 0 to {len(names) - 1}, got {sorted(names)[:9]}"
            )
        self.class_names = [_OTHER_NAMES.get(names[index], names[index]) for index in range(len(names))]

    def forward(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Return every box above the threshold whose class stands for a label."""
        outputs = self._net(**self._inputs(frames))
        outputs.logits = outputs.logits.float()
        results = self._processor.post_process_object_detection(
            outputs, threshold=self.threshold, target_sizes=[frames.shape[1:3]] * len(frames)
        )
        label_of = np.full(len(self.class_names), -1)
        for label, classes in enumerate(self.vocabulary(labels).classes):
            label_of[list(classes)] = label
        detections = []
        for result in results:
            every = to_detections(result)
            labels_of_boxes = label_of[every.label]
            selected = labels_of_boxes >= 0
            detections.append(Detections(every.xyxy[selected], every.score[selected], labels_of_boxes[selected]))
        return detections
