"""`grounding-dino`: Grounding DINO (arXiv 2303.05499) and its successors MM-Grounding-DINO and LLMDet.

The model scores every box against every token of a text. Its usual post-processing prints the tokens above a threshold
as the box's label, which merges and breaks words; here each label has the score of its own tokens. `strict` keeps the
printed labels, for the published protocol.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.closed import check_share
from dsrbench.backends.detectors.zero_shot import OpenVocabulary
from dsrbench.errors import BackendError
from dsrbench.hub import HubModel
from dsrbench.types import Detections

PUBLISHED_THRESHOLD = 0.4
"""Box threshold of the published protocol (SpatialAlign, arXiv 2602.22745, and its scripts)."""


@dataclasses.dataclass(kw_only=True, eq=False)
class GroundingDino(OpenVocabulary):
    """Grounding DINO, MM-Grounding-DINO or LLMDet: any two nouns, found by the tokens they are made of.

    The other options are those of `BatchedDetector` and `PretrainedBackend`.

    Args:
        threshold: Lowest score kept, in 0..1; by default 0.25, or the published 0.4 with `strict`.
        text_threshold: With `strict`: score from which a token is part of a box's label.
        strict: The published rule: labels as the post-processing prints them, no suppression, boxes not clipped; a box
            whose printed label is none of those asked for has the label -1.
    """

    name = "grounding-dino"
    hub_model = HubModel("IDEA-Research/grounding-dino-base", "Apache-2.0")
    model_types = ("grounding-dino", "mm-grounding-dino")
    classes = ("AutoModelForZeroShotObjectDetection", "AutoProcessor")
    gpu_dtype = "bfloat16"
    model: str = hub_model.id
    threshold: float | None = None  # type: ignore[assignment]  # a number once the object is made
    text_threshold: float = 0.3
    strict: bool = False

    def __post_init__(self) -> None:
        if self.threshold is None:
            self.threshold = PUBLISHED_THRESHOLD if self.strict else 0.25
        check_share("text_threshold", self.text_threshold)
        super().__post_init__()
        self._features = remember_text(self._net.model)

    def max_tokens(self) -> int:
        """Return the smaller of the text encoder's and the detector's limits."""
        return int(min(self._net.config.text_config.max_position_embeddings, self._net.config.max_text_len))

    def nouns(self, labels: Sequence[str]) -> list[str]:
        """Return the nouns that the model looks for; if strict, the labels as they are."""
        return list(labels) if self.strict else super().nouns(labels)

    def texts(self, nouns: list[str]) -> list[str]:
        """Return the one text of all nouns."""
        return [find_spans(self._processor.tokenizer, nouns)[0]]

    def forward(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Return every box above the threshold, with the label of its best phrase or, if strict, of its printed one."""
        text, spans = find_spans(self._processor.tokenizer, self.nouns(labels))
        inputs = self._inputs(frames, text=[text] * len(frames))
        self._features.select(text)
        outputs = self._net(**inputs)
        if self.strict:
            return self._printed(outputs, inputs.input_ids, frames.shape[1:3], labels)
        height, width = frames.shape[1:3]
        detections = []
        boxes = outputs.pred_boxes.double().cpu().numpy()
        corners = np.concatenate([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], axis=2)
        scores, best = resolve_phrases(outputs.logits.float(), spans)
        for pixels, score, label in zip(corners * np.array([width, height] * 2), scores, best, strict=True):
            good = score > self.threshold
            detections.append(Detections(pixels[good], score[good], label[good]))
        return detections

    def finish(self, boxes: Detections, size: tuple[int, int]) -> Detections:
        """Clip and suppress the boxes of one frame, unless strict."""
        return boxes if self.strict else super().finish(boxes, size)

    def _printed(self, outputs: Any, ids: Any, size: tuple[int, ...], labels: Sequence[str]) -> list[Detections]:
        results = self._processor.post_process_grounded_object_detection(
            outputs,
            ids,
            threshold=self.threshold,
            text_threshold=self.text_threshold,
            target_sizes=[tuple(size)] * len(ids),
        )
        return [
            Detections(
                result["boxes"].double().cpu().numpy(),
                result["scores"].double().cpu().numpy(),
                np.array([labels.index(text) if text in labels else -1 for text in result["text_labels"]], np.int64),
            )
            for result in results
        ]


class TextFeatures:
    """The features of the last text that a text encoder read; every frame of a video is searched for the same text.

    Args:
        encode: The encoder's `forward`.
    """

    def __init__(self, encode: Callable[..., Any]) -> None:
        self._encode = encode
        self._text = ""
        self._hidden: Any = None

    def select(self, text: str) -> None:
        """Name the text of all rows of the next call; the features of another one are dropped."""
        if text != self._text:
            self._text, self._hidden = text, None

    def __call__(self, input_ids: Any, *arguments: Any, return_dict: bool | None = None) -> Any:
        """Return what the encoder gives for rows of token ids `[B, L]` that are all the same; one row is encoded.

        Args:
            input_ids: Token ids.
            *arguments: Other tensors of the encoder, with a row for each row of token ids.
            return_dict: Accepted as the encoder accepts it; a result with names is returned in either case.
        """
        from transformers.modeling_outputs import BaseModelOutput

        if self._hidden is None:
            row = (tensor[:1] for tensor in (input_ids, *arguments))
            self._hidden = self._encode(*row, return_dict=True).last_hidden_state
        return BaseModelOutput(last_hidden_state=self._hidden.expand(len(input_ids), -1, -1))


def remember_text(model: Any) -> TextFeatures:
    """Make a Grounding DINO encode a text once for all frames; the features that it then holds."""
    features = TextFeatures(model.text_backbone.forward)
    model.text_backbone.forward = features
    return features


def find_spans(tokenizer: Any, texts: Sequence[str]) -> tuple[str, list[list[int]]]:
    """Join phrases to the text that a model reads, and find the tokens of each phrase in it.

    Args:
        tokenizer: One that knows from which characters each token comes.
        texts: The phrases, such as `["cat", "red chair"]`.

    Returns:
        The text "cat. red chair." and, for each phrase, the indices of its tokens.

    Raises:
        BackendError: A phrase without tokens.
    """
    text = ". ".join(texts) + "."
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    spans, start = [], 0
    for phrase in texts:
        end = start + len(phrase)
        spans.append([i for i, (a, b) in enumerate(offsets) if start <= a < b <= end])
        if not spans[-1]:
            raise BackendError(f"grounding-dino cannot look for {phrase!r}: its tokenizer knows none of it")
        start = end + len(". ")
    return text, spans


def resolve_phrases(logits: Any, spans: Sequence[Sequence[int]]) -> tuple[Any, NDArray[np.int64]]:
    """Find the best phrase of each box: the one with the highest-scored token of its own.

    Only the scores of phrases leave the device.

    Args:
        logits: A torch tensor of every box against every token, `[..., Q, tokens]`; minus infinity past the text.
        spans: The tokens of each phrase.

    Returns:
        Scores in 0..1, float64 `[..., Q]`, and phrase indices `[..., Q]`.
    """
    import torch

    best = torch.stack([logits[..., list(span)].max(dim=-1).values for span in spans], dim=-1)
    of_phrases = best.sigmoid().cpu().double().numpy()
    return of_phrases.max(axis=-1), of_phrases.argmax(axis=-1)
