"""LTX-Video: flow matching on tokens, with noise levels shifted by how many there are."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dsrbench.alignment.families.pipeline import TIMESTEPS, PipelineFamily
from dsrbench.alignment.families.protocol import Text
from dsrbench.errors import InputError

WORDS = 128
"""Tokens the pipeline pads texts to; a mask says which count."""


class LTXFamily(PipelineFamily):
    """An `LTXPipeline`; its clips have the frame rate of the recipe."""

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> list[Text]:
        """Features `[L, D]` of the tokens of each text that count."""
        encoder = self._encoder
        encoded: list[Text] = []
        for text in texts:
            features, mask, *_ = encoder.encode_prompt(text, None, False, max_sequence_length=WORDS)
            encoded.append({"features": features[0][mask[0].bool()].cpu().contiguous()})
        return encoded

    def scale(self, latents: Tensor) -> Tensor:
        """Return each channel with the mean and the spread that come with the VAE taken out."""
        mean, spread = (v.view(1, -1, 1, 1, 1).to(latents) for v in (self.vae.latents_mean, self.vae.latents_std))
        scaled: Tensor = (latents - mean) * self.vae.config.scaling_factor / spread
        return scaled

    def shift(self, uniform: Tensor, shape: Sequence[int]) -> Tensor:
        """Noise levels from numbers in 0..1: more noise for more tokens, as when videos are made."""
        config = self._scheduler
        if not config.get("use_dynamic_shifting"):
            return super().shift(uniform, shape)
        few, many = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
        low, high = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
        mu = low + (math.prod(shape[1:]) - few) * (high - low) / (many - few)
        return math.exp(mu) * uniform / (1 + (math.exp(mu) - 1) * uniform)

    def predict(self, model: nn.Module, noisy: Tensor, times: Tensor, texts: Sequence[Text]) -> Tensor:
        """Return the velocity of latents `[B, C, T, h, w]`."""
        features = self._pad(texts, "features", WORDS).to(self._dtype)
        mask = torch.zeros(features.shape[:2], dtype=torch.int64, device=features.device)
        for row, text in zip(mask, texts, strict=True):
            row[: len(text["features"])] = 1
        count, height, width = noisy.shape[2:]
        velocity: Tensor = model(
            noisy.flatten(2).transpose(1, 2).to(self._dtype),
            features,
            times * TIMESTEPS,
            mask,
            num_frames=count,
            height=height,
            width=width,
            rope_interpolation_scale=self._scale_of_places,
            return_dict=False,
        )[0]
        return velocity.transpose(1, 2).reshape(noisy.shape)

    @functools.cached_property
    def _scale_of_places(self) -> tuple[float, float, float]:
        """Seconds a latent frame, pixels a latent row and column."""
        import diffusers

        sizes = self.transformer.config
        if (sizes.patch_size, sizes.patch_size_t) != (1, 1):
            raise InputError(f"{self._folder}: expected tokens of one latent each, got patches")
        with torch.device("meta"):
            vae = getattr(diffusers, self._index["vae"][1]).from_config(self._read("vae/config.json"))
        return vae.temporal_compression_ratio / self.recipe.fps, *[vae.spatial_compression_ratio] * 2
