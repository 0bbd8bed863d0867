"""`omdet-turbo`: OmDet-Turbo (arXiv 2403.06892), the fastest of the open-vocabulary detectors here."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.batched import BatchedDetector, to_detections
from dsrbench.backends.detectors.openvocab import check_length, find_liberties, read_nouns
from dsrbench.hub import HubModel
from dsrbench.types import Detections

_MOST_TOKENS = 77


@dataclasses.dataclass(kw_only=True, eq=False)
class OmDetTurbo(BatchedDetector):
    """OmDet-Turbo: any two nouns, in real time on a GPU.

    Its options are those of `BatchedDetector` and `PretrainedBackend`.
    """

    name = "omdet-turbo"
    hub_model = HubModel("omlab/omdet-turbo-swin-tiny-hf", "Apache-2.0")
    model_types = ("omdet-turbo",)
    classes = ("OmDetTurboForObjectDetection", "OmDetTurboProcessor")
    model: str = hub_model.id
    threshold: float = 0.2
    nms: float = 0.5

    def check_labels(self, labels: Sequence[str]) -> dict[str, str]:
        """Labels whose punctuation was dropped.

        Raises:
            BackendError: No nouns, one noun twice, or nouns too long for the model.
        """
        texts = read_nouns(labels, detector=self.name)
        task = f"Detect {', '.join(texts)}."
        check_length(self._processor.tokenizer, [task], limit=_MOST_TOKENS, detector=self.name)
        return find_liberties(labels, texts)

    def forward(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Every box above the threshold, once for each noun; the model's own suppression is left to `finish`."""
        texts = read_nouns(labels, detector=self.name)
        outputs = self._net(**self._inputs(frames, text=[texts] * len(frames)))
        # Its suppression, turned off though it is, runs; and not in every precision.
        outputs.decoder_coord_logits = outputs.decoder_coord_logits.float()
        outputs.decoder_class_logits = outputs.decoder_class_logits.float()
        results = self._processor.post_process_grounded_object_detection(
            outputs, threshold=self.threshold, nms_threshold=1.0, target_sizes=[frames.shape[1:3]] * len(frames)
        )
        return [to_detections(result) for result in results]
