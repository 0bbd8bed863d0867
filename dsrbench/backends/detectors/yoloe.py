"""`yoloe`: YOLOE (arXiv 2503.07465) through ultralytics; AGPL-3.0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dsrbench.backends.detectors.yolo_vocabulary import VocabularyYolo


class Yoloe(VocabularyYolo):
    """YOLOE (AGPL-3.0): the nouns its weights were saved with, or, with the package `clip`, any two.

    Args:
        weights: A `.pt` file, or the name of one in the weights folder. A `.yaml` gives random weights, for tests.
        threshold: Lowest score kept, in 0..1.
        nms: Overlap (IoU) above which the lower-scored of two boxes of one label goes.
        image_size: Longer side, in pixels, that frames are resized to.
        device: As torch names it (`cpu`, `cuda:0`); by default CUDA where torch sees one, else the CPU.
        batch: Frames a forward pass; halved where they do not fit into memory.
        text_encoder: The weights of the text encoder, for nouns that are not in the vocabulary of `weights`; by
            default `mobileclip_blt.ts` in the weights folder.

    Raises:
        MissingExtraError: ultralytics is not installed.
        BackendError: It was imported before, without its restricted loader.
        WeightsError: Weights absent, of another model, or refused by the restricted loader.
        OptionError: An option out of range.
    """

    name = "yoloe"
    family = "YOLOE"
    encoder_source = "https://github.com/ultralytics/assets/releases"

    def __init__(
        self,
        *,
        weights: Path | str = "yoloe-11s-seg.pt",
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
        """MobileCLIP's largest, or MobileCLIP 2 for the models that say so."""
        newer = str(getattr(network, "text_model", "")).startswith("mobileclip2")
        return "mobileclip2_b.ts" if newer else "mobileclip_blt.ts"

    def load_encoder(self, clip: Any, path: Path) -> Any:
        """MobileCLIP's text encoder, a TorchScript archive."""
        import torch

        load: Any = torch.jit.load
        return load(str(path), map_location="cpu")

    def set_classes(self, network: Any, texts: list[str], embeddings: Any) -> None:
        """Give a network fresh from its file other classes."""
        head = network.model[-1]
        network.set_classes(texts, head.get_tpe(embeddings.to(next(network.parameters()).device)))
