"""The sprites model as a pipeline of diffusers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler
from diffusers.utils import BaseOutput
from numpy.typing import NDArray
from torch import Tensor

from dsrbench.errors import InputError
from dsrbench.sprites.model.autoencoder import DOWN, SpritesAutoencoder
from dsrbench.sprites.model.text import SpritesTextEncoder
from dsrbench.sprites.model.transformer import SpritesTransformer


@dataclasses.dataclass
class SpritesPipelineOutput(BaseOutput):
    """Output of the pipeline.

    Attributes:
        frames: Clips, uint8 `[B, T, H, W, 3]`, or latents `[B, C, T, h, w]` if `output_type` is `latent`.
    """

    frames: NDArray[np.uint8] | Tensor


class SpritesPipeline(DiffusionPipeline):
    """Pipeline that makes clips of the sprites world from canonical sentences.

    Args:
        autoencoder: Decoder of latents to frames.
        text_encoder: Encoder of sentences to features.
        transformer: Denoiser of the latents.
        scheduler: A flow-matching scheduler.
    """

    model_cpu_offload_seq = "text_encoder->transformer->autoencoder"

    def __init__(
        self,
        autoencoder: SpritesAutoencoder,
        text_encoder: SpritesTextEncoder,
        transformer: SpritesTransformer,
        scheduler: FlowMatchEulerDiscreteScheduler,
    ) -> None:
        super().__init__()
        self.register_modules(
            autoencoder=autoencoder, text_encoder=text_encoder, transformer=transformer, scheduler=scheduler
        )

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        num_inference_steps: int = 12,
        guidance_scale: float = 3.5,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        latents: Tensor | None = None,
        num_frames: int | None = None,
        height: int | None = None,
        width: int | None = None,
        output_type: str = "np",
        return_dict: bool = True,
    ) -> SpritesPipelineOutput | tuple[Any]:
        """Make a clip of each prompt.

        Args:
            prompt: One sentence or several.
            num_inference_steps: Number of Euler steps.
            guidance_scale: Scale of classifier-free guidance; 1 turns it off.
            generator: One generator for all prompts, or one per prompt, which makes a clip's noise independent of its
                batch.
            latents: Noise to start from, `[B, C, T, h, w]`; by default drawn from `generator`.
            num_frames: Number of frames; only the model's own number is accepted.
            height: Height of a frame, pixels; only the model's own is accepted.
            width: Width of a frame, pixels; only the model's own is accepted.
            output_type: `np` for frames, `latent` for latents.
            return_dict: Whether to return an object rather than a tuple.

        Raises:
            PromptError: The model does not know a word.
            InputError: The size is not the model's, there are too few steps, or the generators do not fit the prompts.
        """
        texts = [prompt] if isinstance(prompt, str) else list(prompt)
        self._check(num_frames, height, width, num_inference_steps, output_type)
        text, mask = self.encode_prompts(texts, guided=guidance_scale != 1)
        x = self.prepare_latents(len(texts), generator) if latents is None else latents
        self.scheduler.set_timesteps(num_inference_steps, device=x.device)
        for timestep in self.scheduler.timesteps:
            doubled = torch.cat([x] * (len(text) // len(x)))
            velocity = self.transformer(doubled, timestep.expand(len(doubled)), text, mask)
            if len(doubled) > len(x):
                unconditional, conditional = velocity.chunk(2)
                velocity = unconditional + guidance_scale * (conditional - unconditional)
            x = self.scheduler.step(velocity, timestep, x, return_dict=False)[0]
        frames = x if output_type == "latent" else self._to_frames(x)
        self.maybe_free_model_hooks()
        return SpritesPipelineOutput(frames=frames) if return_dict else (frames,)

    def encode_prompts(self, texts: Sequence[str], *, guided: bool) -> tuple[Tensor, Tensor]:
        """Return features and masks of texts, preceded by those of as many empty texts if `guided`."""
        tokens = self.text_encoder.tokenize([*([""] * len(texts) if guided else []), *texts])
        features, mask = self.text_encoder(tokens.to(self.text_encoder.device))
        return features, mask

    def prepare_latents(self, count: int, generator: torch.Generator | Sequence[torch.Generator] | None) -> Tensor:
        """Draw noise for `count` clips, each from its own generator if there is one per clip."""
        config = self.transformer.config
        shape = (config.latent_channels, *config.latent_size)
        if generator is None or isinstance(generator, torch.Generator):
            noise = torch.randn((count, *shape), generator=generator)
        elif len(generator) == count:
            noise = torch.stack([torch.randn(shape, generator=one) for one in generator])
        else:
            raise InputError(f"expected one generator, or one for each of {count} prompts, got {len(generator)}")
        return noise.to(self.transformer.device, self.transformer.dtype)

    def _to_frames(self, latents: Tensor) -> NDArray[np.uint8]:
        video = self.autoencoder.decode(latents).clamp(-1, 1)
        pixels = ((video + 1) * 127.5).round().to(torch.uint8)
        return np.ascontiguousarray(pixels.permute(0, 2, 3, 4, 1).cpu().numpy())

    def _check(self, frames: int | None, height: int | None, width: int | None, steps: int, output_type: str) -> None:
        t, h, w = self.transformer.config.latent_size
        sizes = (("num_frames", frames, t), ("height", height, h * DOWN), ("width", width, w * DOWN))
        for name, requested, own in sizes:
            if requested is not None and requested != own:
                raise InputError(f"the sprites model makes clips of {name} = {own} only, got {requested}")
        if steps < 1:
            raise InputError(f"num_inference_steps must be at least 1, got {steps}")
        if output_type not in ("np", "latent"):
            raise InputError(f"output_type must be 'np' or 'latent', got {output_type!r}")
