"""`sprites`: a small learned detector of the embedded world's animals and objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.closed import check_share
from dsrbench.backends.detectors.sprites_template import WorldNouns
from dsrbench.errors import MissingExtraError, WeightsError
from dsrbench.geometry import clip_boxes
from dsrbench.sprites.embedded import find_weights_folder, read_sums
from dsrbench.sprites.world import HEIGHT, WIDTH
from dsrbench.sprites.world.resize import to_world_size
from dsrbench.types import Detections


class SpritesDetector(WorldNouns):
    """A centre heatmap network for the 16 nouns of the sprites world; may report an animal twice, or not at all.

    Args:
        threshold: Lowest score kept, in 0..1.
        folder: A folder saved by the training; by default the embedded one.

    Raises:
        MissingExtraError: torch or diffusers is not installed.
        WeightsError: Weights absent, altered, or of another model.
        OptionError: An option out of range.
    """

    name = "sprites"
    extra = "sprites"

    def __init__(self, *, threshold: float = 0.2, folder: Path | None = None) -> None:
        self._threshold = check_share("threshold", threshold)
        weights = find_weights_folder("detector", folder)
        try:
            import torch

            from dsrbench.sprites.model.detector import SpritesDetectorNet, find_peaks
        except ImportError as error:
            raise MissingExtraError("detector 'sprites'", error.name or "torch", "sprites") from None
        self._torch: Any = torch
        self._find_peaks = find_peaks
        try:
            self._net = SpritesDetectorNet.from_pretrained(weights, local_files_only=True)
        except Exception as error:  # what diffusers and safetensors raise for damaged files is not documented
            raise WeightsError(f"{weights}: the sprites detector cannot be loaded ({error})") from error
        self._nouns = list(self._net.config.nouns)
        self.fingerprint = {
            "weights": {name: sha256 for name, sha256 in read_sums(weights).items() if name.endswith(".safetensors")},
            "torch": str(torch.__version__),
        }

    def detect(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Boxes of the labels in RGB frames uint8 `[T, H, W, 3]`, which are first brought to the world's size.

        Raises:
            PromptError: A noun the sprites world does not have.
        """
        self.check_labels(labels)
        scale = np.array([frames.shape[2] / WIDTH, frames.shape[1] / HEIGHT] * 2)
        pixels = self._torch.from_numpy(np.ascontiguousarray(to_world_size(frames).transpose(0, 3, 1, 2)))
        with self._torch.inference_mode():
            heat, sides = self._net(pixels.float() / 127.5 - 1)
            heat_of_labels = heat[:, [self._nouns.index(label) for label in labels]]
            peaks = self._find_peaks(heat_of_labels, sides, self._threshold)
        results = []
        for boxes, scores, numbers in peaks:
            clipped = clip_boxes(boxes.double().numpy(), (WIDTH, HEIGHT)) * scale
            results.append(Detections(clipped, scores.double().numpy(), numbers.numpy()))
        return results
