"""`detr`: RT-DETR, D-FINE and any other closed-vocabulary detector of `transformers`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.batched import BatchedDetector, to_detections
from dsrbench.backends.detectors.closed import ClosedVocabulary
from dsrbench.backends.pretrained.models import Choice, import_transformers, load_pretrained
from dsrbench.backends.pretrained.snapshots import HubModel
from dsrbench.errors import WeightsError
from dsrbench.types import Detections

MODEL = HubModel("PekingU/rtdetr_v2_r50vd", "Apache-2.0")
_OTHER_NAMES = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}
"""Classes of COCO by the names of an older data set, which some of these models' files use."""


class Detr(ClosedVocabulary, BatchedDetector):
    """Any `AutoModelForObjectDetection`, such as RT-DETR and D-FINE; it knows the classes its weights know.

    Args:
        model: A folder, or an id on the Hub.
        revision: A branch, tag or commit on the Hub; by default its main branch.
        threshold: Lowest score kept, in 0..1.
        nms: Overlap (IoU) of one label's boxes above which the lower-scored goes.
        any_animal: Let any animal class stand for a subject that has no class (recorded with the sample).
        device: As torch names it (`cpu`, `cuda:0`); by default CUDA where torch sees one, else the CPU.
        dtype: float32, float16 or bfloat16.
        batch: Frames a forward pass; halved where they do not fit into memory.

    Raises:
        MissingExtraError: transformers is not installed.
        WeightsError: The model is absent, damaged, or of another kind.
        OptionError: An option out of range.
    """

    name = "detr"

    def __init__(
        self,
        *,
        model: str = MODEL.id,
        revision: str | None = None,
        threshold: float = 0.15,
        nms: float = 0.7,
        any_animal: bool = False,
        device: str | None = None,
        dtype: str = "float32",
        batch: int = 8,
    ) -> None:
        super().__init__(threshold=threshold, nms=nms, batch=batch)
        self.any_animal = any_animal
        import_transformers(self.name)
        from transformers.models.auto.modeling_auto import MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES

        kinds = dict.fromkeys(
            MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES, ("AutoModelForObjectDetection", "AutoImageProcessor")
        )
        choice = Choice(model, revision, device, dtype)
        self._use(load_pretrained(choice, backend=self.name, default=MODEL, kinds=kinds))
        names: dict[int, str] = self._net.config.id2label
        if sorted(names) != list(range(len(names))):
            raise WeightsError(f"{model}: classes must be numbered from 0 to {len(names) - 1}, got {sorted(names)[:9]}")
        self.class_names = [_OTHER_NAMES.get(names[index], names[index]) for index in range(len(names))]

    def forward(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Every box above the threshold whose class stands for a label."""
        outputs = self._net(**self._inputs(frames))
        outputs.logits = outputs.logits.float()
        results = self._processor.post_process_object_detection(
            outputs, threshold=self._threshold, target_sizes=[frames.shape[1:3]] * len(frames)
        )
        label_of = np.full(len(self.class_names), -1)
        for label, classes in enumerate(self.vocabulary(labels).classes):
            label_of[list(classes)] = label
        found = []
        for result in results:
            every = to_detections(result)
            asked = label_of[every.label]
            found.append(Detections(every.xyxy[asked >= 0], every.score[asked >= 0], asked[asked >= 0]))
        return found
