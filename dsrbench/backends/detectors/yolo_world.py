"""`yolo-world`: YOLO-World (arXiv 2401.17270) through ultralytics; AGPL-3.0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dsrbench.backends.detectors.yolo_vocabulary import VocabularyYolo


class YoloWorld(VocabularyYolo):
    """YOLO-World (AGPL-3.0): the nouns its weights were saved with, or, with the package `clip`, any two.

    Args:
        weights: A `.pt` file, or the name of one in the weights folder. A `.yaml` gives random weights, for tests.
        threshold: Lowest score kept, in 0..1.
        nms: Overlap (IoU) above which the lower-scored of two boxes of one label goes.
        image_size: Longer side, in pixels, that frames are resized to.
        device: As torch names it (`cpu`, `cuda:0`); by default CUDA where torch sees one, else the CPU.
        batch: Frames a forward pass; halved where they do not fit into memory.
        text_encoder: The weights of the text encoder, for nouns that are not in the vocabulary of `weights`; by
            default `ViT-B-32.pt` in the weights folder.

    Raises:
        MissingExtraError: ultralytics is not installed.
        BackendError: It was imported before, without its restricted loader.
        WeightsError: Weights absent, of another model, or refused by the restricted loader.
        OptionError: An option out of range.
    """

    name = "yolo-world"
    family = "YOLOWorld"
    encoder_source = (
        "https://openaipublic.azureedge.net/clip/models/"
        "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt"
    )

    def __init__(
        self,
        *,
        weights: Path | str = "yolov8s-worldv2.pt",
        threshold: float = 0.05,
        nms: float = 0.6,
        image_size: int = 640,
        device: str | None = None,
        batch: int = 16,
        text_encoder: Path | None = None,
    ) -> None:
        super().__init__(
            weights=weights,
            threshold=threshold,
            nms=nms,
            image_size=image_size,
            device=device,
            batch=batch,
            text_encoder=text_encoder,
        )

    def encoder_file(self, network: Any) -> str:
        """CLIP's smallest."""
        return "ViT-B-32.pt"

    def load_encoder(self, clip: Any, path: Path) -> Any:
        """CLIP's text encoder."""
        return clip.load(str(path), device="cpu")[0].encode_text

    def set_classes(self, network: Any, texts: list[str], embeddings: Any) -> None:
        """Give a network fresh from its file other classes."""
        network.txt_feats = embeddings.to(next(network.parameters()).device)
        network.model[-1].nc = len(texts)
        network.names = dict(enumerate(texts))
