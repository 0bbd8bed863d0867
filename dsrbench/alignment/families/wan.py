"""Wan 2.1 and the 5B model of Wan 2.2: flow matching; the adapter goes where the paper has it (arXiv 2602.22745)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dsrbench.alignment.families.pipeline import TIMESTEPS, PipelineFamily
from dsrbench.alignment.families.protocol import Text

WORDS = 512
"""Tokens the pipeline pads texts to, with zeros."""


class WanFamily(PipelineFamily):
    """A `WanPipeline` with one transformer."""

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> list[Text]:
        """Features `[L, D]` of each text without the zeros the pipeline pads them with."""
        encoder = self._encoder
        encoded: list[Text] = []
        for text in texts:
            features = encoder.encode_prompt(text, do_classifier_free_guidance=False, max_sequence_length=WORDS)[0][0]
            length = int(features.abs().sum(dim=1).nonzero().max()) + 1
            encoded.append({"features": features[:length].cpu().contiguous()})
        return encoded

    def scale(self, latents: Tensor) -> Tensor:
        """Return each channel with the mean and the spread the VAE's configuration gives taken out."""
        config = self.vae.config
        mean, spread = (
            torch.tensor(v, device=latents.device).view(1, -1, 1, 1, 1)
            for v in (config.latents_mean, config.latents_std)
        )
        return (latents - mean) / spread

    def predict(self, model: nn.Module, noisy: Tensor, times: Tensor, texts: Sequence[Text]) -> Tensor:
        """Return the velocity of latents `[B, C, T, h, w]`."""
        steps = times * TIMESTEPS
        if self._index.get("expand_timesteps"):  # a noise level a token, here the same for all
            _, high, wide = self.transformer.config.patch_size
            steps = steps[:, None].expand(-1, noisy.shape[2] * (noisy.shape[3] // high) * (noisy.shape[4] // wide))
        features = self._pad(texts, "features", WORDS).to(self._dtype)
        velocity: Tensor = model(noisy.to(self._dtype), steps, features, return_dict=False)[0]
        return velocity
