"""`owlv2`: OWLv2 (arXiv 2306.09683), which compares image patches with the embedding of each noun."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.batched import BatchedDetector, to_detections
from dsrbench.backends.detectors.openvocab import check_length, find_liberties, read_nouns
from dsrbench.backends.pretrained.models import Choice, load_pretrained
from dsrbench.backends.pretrained.snapshots import HubModel
from dsrbench.errors import OptionError
from dsrbench.types import Detections

MODEL = HubModel("google/owlv2-base-patch16-ensemble", "Apache-2.0")
_KINDS = {"owlv2": ("Owlv2ForObjectDetection", "Owlv2Processor")}


class Owlv2(BatchedDetector):
    """OWLv2: any two nouns, a dozen tokens each at most.

    Args:
        model: A folder, or an id on the Hub.
        revision: A branch, tag or commit on the Hub; by default its main branch.
        threshold: Lowest score kept, in 0..1.
        nms: Overlap (IoU) of one label's boxes above which the lower-scored goes.
        template: What the model is asked, with {} for the noun.
        device: As torch names it (`cpu`, `cuda:0`); by default CUDA where torch sees one, else the CPU.
        dtype: float32, float16 or bfloat16.
        batch: Frames a forward pass; halved where they do not fit into memory.

    Raises:
        MissingExtraError: transformers is not installed.
        WeightsError: The model is absent, damaged, or of another kind.
        OptionError: An option out of range.
    """

    name = "owlv2"

    def __init__(
        self,
        *,
        model: str = MODEL.id,
        revision: str | None = None,
        threshold: float = 0.1,
        nms: float = 0.7,
        template: str = "a photo of a {}",
        device: str | None = None,
        dtype: str = "float32",
        batch: int = 8,
    ) -> None:
        super().__init__(threshold=threshold, nms=nms, batch=batch)
        if template.count("{}") != 1:
            raise OptionError(f"template must hold {{}} once, for the noun; got {template!r}")
        self._template = template
        choice = Choice(model, revision, device, dtype)
        self._use(load_pretrained(choice, backend=self.name, default=MODEL, kinds=_KINDS))

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
            outputs, threshold=self._threshold, target_sizes=[frames.shape[1:3]] * len(frames)
        )
        return [to_detections(result) for result in results]

    def _questions(self, labels: Sequence[str]) -> list[str]:
        return [self._template.replace("{}", noun) for noun in read_nouns(labels, detector=self.name)]
