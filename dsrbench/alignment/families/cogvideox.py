"""CogVideoX: v-prediction in discrete steps; text and video share one attention, so the adapter goes on all of it."""

from __future__ import annotations

import functools
import types
from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from dsrbench.alignment.families.pipeline import PipelineFamily
from dsrbench.alignment.families.protocol import Text
from dsrbench.errors import InputError


class CogVideoXFamily(PipelineFamily):
    """A `CogVideoXPipeline`: 2B, 5B or 1.5."""

    @functools.cached_property
    def _noise(self) -> Any:
        """The noise schedule; its prediction must be one this family knows."""
        from diffusers import CogVideoXDDIMScheduler

        kind = self._scheduler.get("prediction_type", "epsilon")
        if kind not in ("v_prediction", "epsilon"):
            raise InputError(f"{self._folder}: expected a model that predicts v or the noise, got {kind!r}")
        return CogVideoXDDIMScheduler.from_config(self._scheduler)

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> list[Text]:
        """Features `[L, D]` of each text, of as many tokens as the transformer was made for."""
        length = self._read("transformer/config.json").get("max_text_seq_length", 226)
        encoder = self._encoder
        return [
            {"features": encoder.encode_prompt(text, None, False, max_sequence_length=length)[0][0].cpu().contiguous()}
            for text in texts
        ]

    def scale(self, latents: Tensor) -> Tensor:
        """Frames first, times the VAE's factor; 1.5 takes whole pairs of frames, for which the first is repeated."""
        latents = latents.permute(0, 2, 1, 3, 4) * self.vae.config.scaling_factor
        size = self._read("transformer/config.json").get("patch_size_t") or 1
        lacking = -latents.shape[1] % size
        return torch.cat([latents[:, :1].expand(-1, lacking, -1, -1, -1), latents], dim=1)

    def draw_times(self, count: int, generator: Generator, shape: Sequence[int]) -> Tensor:
        """Steps of the noise schedule, int64, each as likely."""
        return torch.randint(0, self._noise.config.num_train_timesteps, (count,), generator=generator)

    def add_noise(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Return the schedule's mixture of latents and noise."""
        noisy: Tensor = self._noise.add_noise(latents, noise, times)
        return noisy

    def target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """v, or the noise where the model predicts that."""
        if self._noise.config.prediction_type == "epsilon":
            return noise
        velocity: Tensor = self._noise.get_velocity(latents, noise, times)
        return velocity

    def predict(self, model: nn.Module, noisy: Tensor, times: Tensor, texts: Sequence[Text]) -> Tensor:
        """Return the output for latents `[B, T, C, h, w]`."""
        features = torch.stack([text["features"] for text in texts]).to(self._dtype)
        places = self._find_places(noisy)
        output: Tensor = model(noisy.to(self._dtype), features, times, image_rotary_emb=places, return_dict=False)[0]
        return output

    def _find_places(self, noisy: Tensor) -> tuple[Tensor, Tensor] | None:
        """Rotary embeddings of the latents' places, as the pipeline makes them; 2B has none."""
        from diffusers import CogVideoXPipeline

        if not self.transformer.config.use_rotary_positional_embeddings:
            return None
        stand_in = types.SimpleNamespace(transformer=self.transformer, vae_scale_factor_spatial=1)
        height, width = noisy.shape[3:]
        make = CogVideoXPipeline._prepare_rotary_positional_embeddings
        places: tuple[Tensor, Tensor] = make(stand_in, height, width, noisy.shape[1], noisy.device)
        return places
