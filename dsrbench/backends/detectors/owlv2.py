"""`owlv2`: OWLv2 (arXiv 2306.09683), which compares image patches with the embedding of each noun."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.batched import BatchedDetector, to_detections
from dsrbench.backends.detectors.openvocab import check_length, find_liberties, read_nouns
from dsrbench.errors import OptionError
from dsrbench.hub import HubModel
from dsrbench.types import Detections


@dataclasses.dataclass(kw_only=True, eq=False)
class Owlv2(BatchedDetector):
    """OWLv2: any two nouns, a dozen tokens each at most.

    The other options are those of `BatchedDetector` and `PretrainedBackend`.

    Args:
        template: What the model is asked, with {} for the noun.
    """

    name = "owlv2"
    hub_model = HubModel("google/owlv2-base-patch16-ensemble", "Apache-2.0")
    model_types = ("owlv2",)
    classes = ("Owlv2ForObjectDetection", "Owlv2Processor")
    model: str = hub_model.id
    threshold: float = 0.1
    template: str = "a photo of a {}"

    def __post_init__(self) -> None:
        if self.template.count("{}") != 1:
            raise OptionError(f"template must hold {{}} once, for the noun; got {self.template!r}")
        super().__post_init__()

    def check_labels(self, labels: Sequence[str]) -> dict[str, str]:
        """Labels whose punctuation was dropped.

        Raises:
            BackendError: No nouns, one noun twice, or one too long for the model.
        """
        tokenizer = self._processor.tokenizer
        limit = min(tokenizer.model_max_length, self._net.config.text_config.max_position_embeddings)
        check_length(tokenizer, self._questions(labels), limit=limit, detector=self.name)
        return find_liberties(labels, read_nouns(labels, detector=self.name))

    def forward(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Every box whose best noun scores above the threshold."""
        outputs = self._net(**self._inputs(frames, text=[self._questions(labels)] * len(frames)))
        results = self._processor.post_process_grounded_object_detection(
            outputs, threshold=self.threshold, target_sizes=[frames.shape[1:3]] * len(frames)
        )
        return [to_detections(result) for result in results]

    def _questions(self, labels: Sequence[str]) -> list[str]:
        return [self.template.replace("{}", noun) for noun in read_nouns(labels, detector=self.name)]
