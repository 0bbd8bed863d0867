"""`owlv2`, `omdet-turbo` and `sam3`: detectors of `transformers` that look for any two nouns."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.batched import BatchedDetector, to_detections
from dsrbench.backends.detectors.openvocab import check_length, find_liberties, read_nouns
from dsrbench.errors import OptionError
from dsrbench.hub import HubModel
from dsrbench.types import Detections


class OpenVocabulary(BatchedDetector):
    """Base of the detectors that read nouns as text; takes the options of `BatchedDetector`."""

    @abc.abstractmethod
    def max_tokens(self) -> int:
        """Return the number of tokens that the model reads at most, its start and end marks included."""

    def nouns(self, labels: Sequence[str]) -> list[str]:
        """Return the nouns that the model looks for, one a label."""
        return read_nouns(labels, detector=self.name)

    def texts(self, nouns: list[str]) -> list[str]:
        """Return the texts that the model reads: each noun by itself, unless a class says otherwise."""
        return nouns

    def check_labels(self, labels: Sequence[str]) -> dict[str, str]:
        """Return the labels whose punctuation was dropped, with what is left of them.

        Raises:
            BackendError: No nouns, one noun twice, or a text too long for the model.
        """
        nouns = self.nouns(labels)
        tokenizer = self._processor.tokenizer
        check_length(tokenizer, self.texts(nouns), limit=self.max_tokens(), detector=self.name)
        return find_liberties(labels, nouns)


@dataclasses.dataclass(kw_only=True, eq=False)
class Owlv2(OpenVocabulary):
    """OWLv2: any two nouns, a dozen tokens each at most.

    It compares image patches with the embedding of each noun (arXiv 2306.09683). The other options are those of
    `BatchedDetector` and `PretrainedBackend`.

    Args:
        template: Text that the model reads, with {} for the noun.
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

    def max_tokens(self) -> int:
        """Return the smaller of the tokenizer's and the model's limits."""
        limits = (self._processor.tokenizer.model_max_length, self._net.config.text_config.max_position_embeddings)
        return int(min(limits))

    def texts(self, nouns: list[str]) -> list[str]:
        """Return the template with each noun."""
        return [self.template.replace("{}", noun) for noun in nouns]

    def forward(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Return every box whose best noun scores above the threshold."""
        outputs = self._net(**self._inputs(frames, text=[self.texts(self.nouns(labels))] * len(frames)))
        results = self._processor.post_process_grounded_object_detection(
            outputs, threshold=self.threshold, target_sizes=[frames.shape[1:3]] * len(frames)
        )
        return [to_detections(result) for result in results]


@dataclasses.dataclass(kw_only=True, eq=False)
class OmDetTurbo(OpenVocabulary):
    """OmDet-Turbo: any two nouns, in real time on a GPU.

    The fastest of the detectors here (arXiv 2403.06892). Its options are those of `BatchedDetector` and
    `PretrainedBackend`.
    """

    name = "omdet-turbo"
    hub_model = HubModel("omlab/omdet-turbo-swin-tiny-hf", "Apache-2.0")
    model_types = ("omdet-turbo",)
    classes = ("OmDetTurboForObjectDetection", "OmDetTurboProcessor")
    model: str = hub_model.id
    threshold: float = 0.2
    nms: float = 0.5

    def max_tokens(self) -> int:
        """Return the tokens that its text encoder has places for."""
        return 77

    def texts(self, nouns: list[str]) -> list[str]:
        """Return the task that its processor makes of the nouns."""
        return [f"Detect {', '.join(nouns)}."]

    def forward(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Return every box above the threshold, once a noun; the model's own suppression is left to `finish`."""
        outputs = self._net(**self._inputs(frames, text=[self.nouns(labels)] * len(frames)))
        # Its suppression, turned off though it is, runs; and not in every precision.
        outputs.decoder_coord_logits = outputs.decoder_coord_logits.float()
        outputs.decoder_class_logits = outputs.decoder_class_logits.float()
        results = self._processor.post_process_grounded_object_detection(
            outputs, threshold=self.threshold, nms_threshold=1.0, target_sizes=[frames.shape[1:3]] * len(frames)
        )
        return [to_detections(result) for result in results]


@dataclasses.dataclass(kw_only=True, eq=False)
class Sam3(OpenVocabulary):
    """SAM 3: any two nouns; its authors' terms are accepted on the Hub before it can be fetched.

    It finds every instance of a noun, one noun at a time on one encoded image (arXiv 2511.16719). Its options are those
    of `BatchedDetector` and `PretrainedBackend`.
    """

    name = "sam3"
    hub_model = HubModel("facebook/sam3", "SAM License")
    model_types = ("sam3_video", "sam3")
    classes = ("Sam3Model", "Sam3Processor")
    model: str = hub_model.id
    threshold: float = 0.3
    batch: int = 4

    def max_tokens(self) -> int:
        """Return the tokens that its text encoder has places for."""
        return 32

    def forward(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Return every box above the threshold; each noun has boxes of its own."""
        sizes = [frames.shape[1:3]] * len(frames)
        image = self._net.get_vision_features(pixel_values=self._inputs(frames).pixel_values)
        by_noun = []
        for noun in self.nouns(labels):
            words = self._processor(text=[noun] * len(frames), return_tensors="pt").to(self._device)
            outputs = self._net(
                vision_embeds=image, input_ids=words["input_ids"], attention_mask=words["attention_mask"]
            )
            by_noun.append(
                self._processor.post_process_object_detection(outputs, threshold=self.threshold, target_sizes=sizes)
            )
        detections = []
        for results in zip(*by_noun, strict=True):
            parts = [
                to_detections(result, np.full(len(result["scores"]), label)) for label, result in enumerate(results)
            ]
            detections.append(
                Detections(
                    np.concatenate([part.xyxy for part in parts]),
                    np.concatenate([part.score for part in parts]),
                    np.concatenate([part.label for part in parts]),
                )
            )
        return detections
