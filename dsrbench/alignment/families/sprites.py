"""The embedded model: flow matching on the latents of the sprites world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from dsrbench.alignment.families.protocol import Text
from dsrbench.errors import InputError
from dsrbench.sprites.embedded import find_weights_folder
from dsrbench.sprites.model.loading import load_pipeline
from dsrbench.sprites.model.transformer import TIMESTEPS
from dsrbench.sprites.world import FRAMES
from dsrbench.sprites.world.resize import to_world_size

SIGMA_MEAN, SIGMA_SPREAD = 3.5, 1.0
"""Noise levels are the logistic function of a normal with this mean and deviation.

Strong noise mostly, more of it than when the base was trained: what is left to tell there is where things are, and that
is what winner and loser differ in. Chosen on validation prompts.
"""


class SpritesFamily:
    """The sprites model.

    Args:
        folder: Saved by the training of the embedded model; changes for prompts with depth are merged into their base.
        device: Where to compute.
        dtype: Precision of the frozen weights.
    """

    targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out", "text_pool")
    defaults: Mapping[str, Any] = {
        "learning_rate": 4e-3,
        "beta": 30.0,
        "reg_weight": 15.0,
        "max_steps": 300,
        "save_steps": 100,
        "validation_seeds": 5,
    }

    def __init__(self, folder: Path, *, device: str = "cpu", dtype: str = "float32") -> None:
        find_weights_folder("model", folder)
        pipeline = load_pipeline(folder)
        pipeline.to(device)
        if dtype != "float32":
            pipeline.transformer.to(getattr(torch, dtype))
        self.transformer: Any = pipeline.transformer
        self._autoencoder, self._text_encoder, self.device = pipeline.autoencoder, pipeline.text_encoder, device

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> list[Text]:
        """Features and mask of each text."""
        tokens = self._text_encoder.tokenize(texts).to(self.device)
        features, mask = self._text_encoder(tokens)
        return [{"features": f.cpu(), "mask": m.cpu()} for f, m in zip(features, mask, strict=True)]

    @torch.no_grad()
    def encode_video(self, frames: NDArray[np.uint8]) -> Tensor:
        """Latents `[C, T, h, w]` of a clip of any size, brought to the world's.

        Raises:
            InputError: Another number of frames than the model makes.
        """
        if len(frames) != FRAMES:
            raise InputError(f"the sprites model makes clips of {FRAMES} frames, got one of {len(frames)}")
        pixels = torch.from_numpy(np.ascontiguousarray(to_world_size(frames))).permute(3, 0, 1, 2)
        latents: Tensor = self._autoencoder.encode(pixels[None].to(self.device).float() / 127.5 - 1)[0]
        return latents

    def draw_times(self, count: int, generator: Generator, shape: Sequence[int]) -> Tensor:
        """Noise levels sigma in 0..1, most of them near 1."""
        return torch.sigmoid(SIGMA_MEAN + SIGMA_SPREAD * torch.randn(count, generator=generator))

    def add_noise(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Mix latents and noise: (1 - sigma) x + sigma noise."""
        sigma = times[:, None, None, None, None]
        return (1 - sigma) * latents + sigma * noise

    def target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Return the velocity, noise - x."""
        return noise - latents

    def predict(self, model: nn.Module, noisy: Tensor, times: Tensor, texts: Sequence[Text]) -> Tensor:
        """Return the velocity the transformer gives."""
        features = torch.stack([text["features"] for text in texts])
        mask = torch.stack([text["mask"] for text in texts])
        velocity: Tensor = model(noisy, times * TIMESTEPS, features, mask)
        return velocity
