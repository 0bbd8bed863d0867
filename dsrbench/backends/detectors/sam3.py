"""`sam3`: SAM 3 (arXiv 2511.16719) as a detector: every instance of a noun, one noun at a time on one encoded image."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.batched import BatchedDetector, to_detections
from dsrbench.backends.detectors.openvocab import check_length, find_liberties, read_nouns
from dsrbench.hub import HubModel
from dsrbench.types import Detections

_MOST_TOKENS = 32


@dataclasses.dataclass(kw_only=True, eq=False)
class Sam3(BatchedDetector):
    """SAM 3: any two nouns; its authors' terms are accepted on the Hub before it can be fetched.

    Its options are those of `BatchedDetector` and `PretrainedBackend`.
    """

    name = "sam3"
    hub_model = HubModel("facebook/sam3", "SAM License")
    model_types = ("sam3_video", "sam3")
    classes = ("Sam3Model", "Sam3Processor")
    model: str = hub_model.id
    threshold: float = 0.3
    batch: int = 4

    def check_labels(self, labels: Sequence[str]) -> dict[str, str]:
        """Labels whose punctuation was dropped.

        Raises:
            BackendError: No nouns, one noun twice, or one too long for the model.
        """
        texts = read_nouns(labels, detector=self.name)
        check_length(self._processor.tokenizer, texts, limit=_MOST_TOKENS, detector=self.name)
        return find_liberties(labels, texts)

    def forward(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Every box above the threshold; each noun has boxes of its own."""
        sizes = [frames.shape[1:3]] * len(frames)
        image = self._net.get_vision_features(pixel_values=self._inputs(frames).pixel_values)
        by_noun = []
        for noun in read_nouns(labels, detector=self.name):
            words = self._processor(text=[noun] * len(frames), return_tensors="pt").to(self._device)
            outputs = self._net(
                vision_embeds=image, input_ids=words["input_ids"], attention_mask=words["attention_mask"]
            )
            by_noun.append(
                self._processor.post_process_object_detection(outputs, threshold=self.threshold, target_sizes=sizes)
            )
        found = []
        for results in zip(*by_noun, strict=True):
            parts = [
                to_detections(result, np.full(len(result["scores"]), label)) for label, result in enumerate(results)
            ]
            found.append(
                Detections(
                    np.concatenate([part.xyxy for part in parts]),
                    np.concatenate([part.score for part in parts]),
                    np.concatenate([part.label for part in parts]),
                )
            )
        return found
