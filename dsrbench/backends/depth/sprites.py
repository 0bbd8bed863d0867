"""`sprites`: the small learned depth network of the embedded world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import DepthEstimator
from dsrbench.errors import MissingExtraError, WeightsError
from dsrbench.sprites.embedded import find_weights_folder, read_sums
from dsrbench.sprites.world.resize import to_world_size


class SpritesDepth(DepthEstimator):
    """Inverse depth of the sprites world, of clips of its size or enlarged ones.

    Args:
        folder: A folder saved by the training; by default the embedded one.

    Raises:
        MissingExtraError: torch or diffusers is not installed.
        WeightsError: Weights absent, altered, or of another model.
    """

    extra = "sprites"

    def __init__(self, *, folder: Path | None = None) -> None:
        weights = find_weights_folder("depth", folder)
        try:
            import torch

            from dsrbench.sprites.model.depth import SpritesDepthNet
        except ImportError as error:
            raise MissingExtraError("depth estimator 'sprites'", error.name or "torch", "sprites") from None
        self._torch: Any = torch
        try:
            self._net = SpritesDepthNet.from_pretrained(weights, local_files_only=True).float().eval()
        except Exception as error:  # what diffusers and safetensors raise for damaged files is not documented
            raise WeightsError(f"{weights}: the sprites depth network cannot be loaded ({error})") from error
        self.fingerprint = {
            "weights": {name: sha256 for name, sha256 in read_sums(weights).items() if name.endswith(".safetensors")},
            "torch": str(torch.__version__),
        }

    def estimate(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Estimate inverse depth in RGB frames uint8 `[T, H, W, 3]`, as maps of the world's size, larger is nearer.

        The mean of a frame's estimate and of its mirror image's, so that a mirrored clip has mirrored maps.
        """
        pixels = self._torch.from_numpy(np.ascontiguousarray(to_world_size(frames).transpose(0, 3, 1, 2)))
        with self._torch.inference_mode():
            inputs = pixels.float() / 127.5 - 1
            depth = (self._net(inputs) + self._net(inputs.flip(-1)).flip(-1)) / 2
        return np.asarray(depth.numpy(), np.float32)
