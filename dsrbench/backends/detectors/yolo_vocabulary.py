"""`yolo-world` and `yoloe`: YOLO models whose vocabulary is text, through ultralytics; AGPL-3.0.

Weights saved with a vocabulary find its nouns as they are. For other nouns the text encoder is needed: the package
`clip`, which is not on PyPI, and a file of weights, which is never fetched here.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.closed import hash_weights
from dsrbench.backends.detectors.nouns import Vocabulary
from dsrbench.backends.detectors.openvocab import find_liberties, read_nouns
from dsrbench.backends.detectors.yolo import Yolo, load_checkpoint
from dsrbench.backends.pretrained.ultralytics_import import import_ultralytics
from dsrbench.errors import BackendError, WeightsError
from dsrbench.hub import weights_folder
from dsrbench.types import Detections

CLIP_COMMAND = "pip install git+https://github.com/ultralytics/CLIP.git"


@dataclasses.dataclass(kw_only=True, eq=False)
class VocabularyYolo(Yolo, abc.ABC):
    """Base of the YOLO detectors with a vocabulary of text; takes the options of `Yolo` but `any_animal`, too.

    Args:
        text_encoder: The weights of the text encoder, for nouns that are not in the vocabulary of `weights`; by
            default the file of `encoder_file` in the weights folder.

    Attributes:
        family: Name of the class of ultralytics that its checkpoints load as.
        encoder_source: Address of the text encoder's weights.
    """

    family: ClassVar[str]
    encoder_source: ClassVar[str]

    any_animal: bool = dataclasses.field(init=False, default=False)
    text_encoder: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if type(self._model).__name__ != self.family:
            raise WeightsError(f"{self._path} is no {self.family} model; expected one for {self.name}")
        self._saved = [str(name).lower() for name in self.class_names]
        encoder = self.encoder_file(self._model.model)
        self._encoder_path = Path(self.text_encoder) if self.text_encoder else weights_folder(self.name) / encoder
        if self._encoder_path.is_file():
            self.fingerprint = {**self.fingerprint, "text_encoder": hash_weights([self._encoder_path])}
        self._encoder: Any = None
        self._taught: list[str] | None = None  # None: the vocabulary of the weights

    @abc.abstractmethod
    def encoder_file(self, network: Any) -> str:
        """Name the file of weights of the text encoder that a network was trained with."""

    @abc.abstractmethod
    def load_encoder(self, clip: Any, path: Path) -> Any:
        """Load the text encoder of a file, as a function from tokens to embeddings."""

    @abc.abstractmethod
    def set_classes(self, network: Any, texts: list[str], embeddings: Any) -> None:
        """Give a network fresh from its file the classes `texts`, with their embeddings `[1, N, C]`."""

    def check_labels(self, labels: Sequence[str]) -> dict[str, str]:
        """Return the labels whose punctuation was dropped, with what is left of them.

        Raises:
            BackendError: No nouns, one noun twice, or nouns the weights do not know, without the package `clip`.
            WeightsError: Such nouns, without the text encoder's weights.
        """
        texts = read_nouns(labels, detector=self.name)
        if not set(texts) <= set(self._saved):
            self._find_encoder(texts)
        return find_liberties(labels, texts)

    def vocabulary(self, labels: Sequence[str]) -> Vocabulary:
        """Return the classes that stand for the labels in the model as it is now."""
        texts = read_nouns(labels, detector=self.name)
        nouns = self._saved if self._taught is None else self._taught
        return Vocabulary(tuple((nouns.index(text),) for text in texts), {})

    def detect(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Find boxes of the labels in RGB frames uint8 `[T, H, W, 3]`.

        Raises:
            BackendError: Labels it cannot look for.
            WeightsError: Labels its weights do not know, without the text encoder's weights.
        """
        self.check_labels(labels)
        texts = read_nouns(labels, detector=self.name)
        nouns = None if set(texts) <= set(self._saved) else texts
        if nouns != self._taught:
            # A model that has predicted is fused with its vocabulary, so another one begins from the file.
            self._model = load_checkpoint(import_ultralytics(), self._path)
            if nouns is not None:
                self._teach(nouns)
            self._taught = nouns
        return super().detect(frames, labels)

    def _find_encoder(self, texts: Sequence[str]) -> Any:
        """Import the package `clip`, if the encoder's file is there."""
        try:
            import clip
        except ImportError:
            unknown = next(text for text in texts if text not in self._saved)
            raise BackendError(
                f"{self.name}: {unknown!r} is not in the vocabulary of {self._path.name}, and live nouns need the "
                f"package 'clip'. Install it with: {CLIP_COMMAND}"
            ) from None
        if self._encoder is None and not self._encoder_path.is_file():
            raise WeightsError(
                f"{self.name}: live nouns need the text encoder {self._encoder_path}; download it from "
                f"{self.encoder_source} or pass its path with -o detector.text_encoder=PATH"
            )
        return clip

    def _teach(self, texts: list[str]) -> None:
        """Give the model, fresh from its file, other nouns."""
        import torch

        clip = self._find_encoder(texts)
        with torch.inference_mode():
            if self._encoder is None:
                self._encoder = self.load_encoder(clip, self._encoder_path)
            tokens = clip.tokenize(texts, truncate=True)
            embeddings = self._encoder(tokens).float()
            self.set_classes(self._model.model, texts, (embeddings / embeddings.norm(dim=-1, keepdim=True))[None])


@dataclasses.dataclass(kw_only=True, eq=False)
class YoloWorld(VocabularyYolo):
    """YOLO-World (AGPL-3.0): the nouns its weights were saved with, or, with the package `clip`, any two.

    See arXiv 2401.17270. Its options are those of `VocabularyYolo` and `Yolo`; `text_encoder` is by default
    `ViT-B-32.pt` in the weights folder.
    """

    name = "yolo-world"
    family = "YOLOWorld"
    encoder_source = (
        "https://openaipublic.azureedge.net/clip/models/"
        "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt"
    )
    weights: Path | str = "yolov8s-worldv2.pt"

    def encoder_file(self, network: Any) -> str:
        """Name the file of the smallest CLIP."""
        return "ViT-B-32.pt"

    def load_encoder(self, clip: Any, path: Path) -> Any:
        """Load the text encoder of CLIP."""
        return clip.load(str(path), device="cpu")[0].encode_text

    def set_classes(self, network: Any, texts: list[str], embeddings: Any) -> None:
        """Give a network fresh from its file other classes."""
        network.txt_feats = embeddings.to(next(network.parameters()).device)
        network.model[-1].nc = len(texts)
        network.names = dict(enumerate(texts))


@dataclasses.dataclass(kw_only=True, eq=False)
class Yoloe(VocabularyYolo):
    """YOLOE (AGPL-3.0): the nouns its weights were saved with, or, with the package `clip`, any two.

    See arXiv 2503.07465. Its options are those of `VocabularyYolo` and `Yolo`; `text_encoder` is by default
    `mobileclip_blt.ts` in the weights folder.
    """

    name = "yoloe"
    family = "YOLOE"
    encoder_source = "https://github.com/ultralytics/assets/releases"
    weights: Path | str = "yoloe-11s-seg.pt"

    def encoder_file(self, network: Any) -> str:
        """Name the file of the largest MobileCLIP, or of MobileCLIP 2 for the models that say so."""
        newer = str(getattr(network, "text_model", "")).startswith("mobileclip2")
        return "mobileclip2_b.ts" if newer else "mobileclip_blt.ts"

    def load_encoder(self, clip: Any, path: Path) -> Any:
        """Load the text encoder of MobileCLIP, a TorchScript archive."""
        import torch

        load: Any = torch.jit.load
        return load(str(path), map_location="cpu")

    def set_classes(self, network: Any, texts: list[str], embeddings: Any) -> None:
        """Give a network fresh from its file other classes."""
        head = network.model[-1]
        network.set_classes(texts, head.get_tpe(embeddings.to(next(network.parameters()).device)))
