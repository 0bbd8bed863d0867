"""`omdet-turbo`: OmDet-Turbo (arXiv 2403.06892), the fastest of the open-vocabulary detectors here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.batched import BatchedDetector, to_detections
from dsrbench.backends.detectors.openvocab import check_length, find_liberties, read_nouns
from dsrbench.backends.pretrained.models import Choice, load_pretrained
from dsrbench.backends.pretrained.snapshots import HubModel
from dsrbench.types import Detections

MODEL = HubModel("omlab/omdet-turbo-swin-tiny-hf", "Apache-2.0")
_KINDS = {"omdet-turbo": ("OmDetTurboForObjectDetection", "OmDetTurboProcessor")}
_MOST_TOKENS = 77


class OmDetTurbo(BatchedDetector):
    """OmDet-Turbo: any two nouns, in real time on a GPU.

    Args:
        model: A folder, or an id on the Hub.
        revision: A branch, tag or commit on the Hub; by default its main branch.
        threshold: Lowest score kept, in 0..1.
        nms: Overlap (IoU) of one label's boxes above which the lower-scored goes.
        device: As torch names it (`cpu`, `cuda:0`); by default CUDA where torch sees one, else the CPU.
        dtype: float32, float16 or bfloat16.
        batch: Frames a forward pass; halved where they do not fit into memory.

    Raises:
        MissingExtraError: transformers or timm is not installed.
        WeightsError: The model is absent, damaged, or of another kind.
        OptionError: An option out of range.
    """

    name = "omdet-turbo"

    def __init__(
        self,
        *,
        model: str = MODEL.id,
        revision: str | None = None,
        threshold: float = 0.2,
        nms: float = 0.5,
        device: str | None = None,
        dtype: str = "float32",
        batch: int = 8,
    ) -> None:
        super().__init__(threshold=threshold, nms=nms, batch=batch)
        choice = Choice(model, revision, device, dtype)
        self._use(load_pretrained(choice, backend=self.name, default=MODEL, kinds=_KINDS))

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
            outputs, threshold=self._threshold, nms_threshold=1.0, target_sizes=[frames.shape[1:3]] * len(frames)
        )
        return [to_detections(result) for result in results]
