"""Quality figures that need weights: DINOv2 similarity of the subject's crops, CLIP-IQA of the frames."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dsrbench.backends.pretrained.batches import Batches
from dsrbench.backends.pretrained.models import Choice, Kinds, Pretrained, load_pretrained
from dsrbench.backends.pretrained.snapshots import find_snapshot
from dsrbench.errors import MissingExtraError, WeightsError
from dsrbench.hub import HubModel
from dsrbench.quality.clip import Measure
from dsrbench.quality.identity import identity_consistency
from dsrbench.types import Floats

DINOV2 = HubModel("facebook/dinov2-base", "Apache-2.0")
CLIP = HubModel("openai/clip-vit-large-patch14", "MIT")

WORDS = {
    "clip_natural": ("Natural photo.", "Synthetic photo."),
    "clip_quality": ("Good photo.", "Bad photo."),
}
"""The good and the bad text of each figure (CLIP-IQA, arXiv 2207.12396)."""


def find_networks(dinov2: str | None = None, clip: str | None = None) -> tuple[list[Measure], list[str]]:
    """Return the networks whose weights are present; nothing is downloaded.

    Args:
        dinov2: Folder of DINOv2, or its id in the Hub's cache; None for the default one if present; `none` for none.
        clip: Folder or id of the CLIP of CLIP-IQA, in the same way.

    Returns:
        The networks, and a line about each default one that is missing.

    Raises:
        WeightsError: A named model is missing.
        MissingExtraError: A model is named, and transformers is not installed.
    """
    networks: list[Measure] = []
    notes = []
    choices: tuple[tuple[type[Dinov2 | ClipIqa], str | None], ...] = ((Dinov2, dinov2), (ClipIqa, clip))
    for network, model in choices:
        try:
            if model != "none":
                networks.append(network(model or network.default.id))
        except (WeightsError, MissingExtraError) as error:
            if model is not None:
                raise
            extra = " (needs the extra hf)" if isinstance(error, MissingExtraError) else ""
            id = network.default.id
            notes.append(f"no figures of {id}: not in the cache; fetch it with: hf download {id}{extra}")
    return networks, notes


class Network:
    """A model of transformers, looked up at once and loaded for the first clip.

    Args:
        model: Folder of the model, or its id in the Hub's cache.
        device: Device of torch; None for CUDA where there is one, else the CPU.

    Raises:
        MissingExtraError: transformers is not installed.
        WeightsError: The model is missing; on loading also where it is damaged or of another kind.
    """

    default: ClassVar[HubModel]
    kinds: ClassVar[Kinds]

    def __init__(self, model: str, *, device: str | None = None) -> None:
        if importlib.util.find_spec("transformers") is None:
            raise MissingExtraError(f"quality figures of {model}", "transformers", "hf")
        self._name = type(self).__name__.lower()
        find_snapshot(model, backend=self._name, default=self.default)
        self._choice = Choice(model, None, device, "float32")
        self._batches = Batches(16, backend=self._name)

    @functools.cached_property
    def _loaded(self) -> Pretrained:
        return load_pretrained(self._choice, backend=self._name, default=self.default, kinds=self.kinds)


class Dinov2(Network):
    """Identity of the subject by DINOv2's class token (arXiv 2304.07193).

    Crops are made square, so that the processor's centre crop cuts nothing of the subject away.
    """

    default = DINOV2
    kinds: ClassVar[Kinds] = {"dinov2": ("Dinov2Model", "AutoImageProcessor")}

    def __call__(self, frames: NDArray[np.uint8], crops: Sequence[NDArray[np.uint8]]) -> Mapping[str, float]:
        """Return `identity_dinov2`, the `identity_consistency` of the crops, in [-1, 1]."""
        side = int(self._loaded.net.config.image_size)
        square = [np.asarray(Image.fromarray(crop).resize((side, side), Image.Resampling.BICUBIC)) for crop in crops]
        features = self._batches.run(np.array(square), self._forward) if square else []
        return {"identity_dinov2": identity_consistency(np.array(features))}

    def _forward(self, crops: NDArray[np.uint8]) -> list[Floats]:
        import torch

        loaded = self._loaded
        with torch.inference_mode():
            inputs = loaded.processor(images=list(crops), return_tensors="pt").to(loaded.device)
            return list(loaded.net(**inputs).last_hidden_state[:, 0].double().cpu().numpy())


class ClipIqa(Network):
    """CLIP-IQA (arXiv 2207.12396): the probability of the good text of a pair, mean over the frames.

    The authors' figures are of CLIP's RN50; those of another CLIP are comparable among themselves.
    """

    default = CLIP
    kinds: ClassVar[Kinds] = {"clip": ("CLIPModel", "CLIPProcessor")}

    def __call__(self, frames: NDArray[np.uint8], crops: Sequence[NDArray[np.uint8]]) -> Mapping[str, float]:
        """Return `clip_natural` and `clip_quality`, in [0, 1]."""
        shares = np.array(self._batches.run(frames, self._forward))
        return {name: float(share) for name, share in zip(WORDS, shares.mean(axis=0), strict=True)}

    def _forward(self, frames: NDArray[np.uint8]) -> list[Floats]:
        """Return for each frame the probability of the first text of each pair, float64 `[pairs]`."""
        import torch

        loaded = self._loaded
        texts = [text for pair in WORDS.values() for text in pair]
        with torch.inference_mode():
            inputs = loaded.processor(text=texts, images=list(frames), return_tensors="pt", padding=True)
            logits = loaded.net(**inputs.to(loaded.device)).logits_per_image
            return list(logits.unflatten(1, (len(WORDS), 2)).softmax(dim=2)[:, :, 0].double().cpu().numpy())
