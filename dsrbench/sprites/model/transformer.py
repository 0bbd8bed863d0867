"""Video transformer: estimates the velocity of noisy latents from time and text, over tubelets of a clip's latents."""

from __future__ import annotations

import math

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.loaders import PeftAdapterMixin
from torch import Tensor, nn
from torch.nn import functional as F

from dsrbench.sprites.model.layers import Attention, FeedForward

TIMESTEPS = 1000
"""Factor from sigma to timesteps, as in the scheduler."""

MIN_SIGMA = 0.08
"""Minimum noise level that the velocity is divided by, which keeps the loss finite."""


class Block(nn.Module):
    """Self-attention, cross-attention and feed-forward layers; the first and last are modulated by time and text."""

    def __init__(self, width: int, heads: int, context_width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.attn1 = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, heads, context_width)
        self.norm3 = nn.LayerNorm(width, elementwise_affine=False)
        self.feed = FeedForward(width, 3)
        self.modulation = nn.Parameter(torch.randn(6, width) / width**0.5)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor, condition: Tensor) -> Tensor:
        """Apply the block to tokens `[B, N, width]`; `condition` is `[B, 6, width]`."""
        shift1, scale1, gate1, shift2, scale2, gate2 = (condition + self.modulation).unsqueeze(2).unbind(1)
        x = x + gate1 * self.attn1(self.norm1(x) * (1 + scale1) + shift1)
        x = x + self.attn2(self.norm2(x), context, mask)
        change: Tensor = gate2 * self.feed(self.norm3(x) * (1 + scale2) + shift2)
        return x + change


class SpritesTransformer(ModelMixin, ConfigMixin, PeftAdapterMixin):
    """Flow-matching video transformer: adaptive layer norm (one shared projection), cross-attention to words.

    It estimates the clean latents and returns the velocity that flow-matching schedulers expect, `(x_t - x_0) / sigma`.

    Args:
        latent_channels: Channels of the latents.
        latent_size: Frames, rows and columns of the latents.
        tubelet: Frames, rows and columns of the latents of one token.
        width: Number of features of a token.
        depth: Number of blocks.
        heads: Number of attention heads.
        text_width: Number of features of the text encoder.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 8,
        latent_size: tuple[int, int, int] = (16, 8, 12),
        tubelet: tuple[int, int, int] = (4, 2, 2),
        width: int = 192,
        depth: int = 6,
        heads: int = 6,
        text_width: int = 128,
    ) -> None:
        super().__init__()
        self.grid = tuple(size // step for size, step in zip(latent_size, tubelet, strict=True))
        self.enter = nn.Linear(latent_channels * math.prod(tubelet), width)
        self.position = nn.Parameter(torch.randn(math.prod(self.grid), width) * 0.02)
        self.time_enter = nn.Linear(128, width)
        self.time_leave = nn.Linear(width, width)
        self.text_pool = nn.Linear(text_width, width)
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(width, heads, text_width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.last_modulation = nn.Linear(width, 2 * width)
        self.leave = nn.Linear(width, latent_channels * math.prod(tubelet))
        for layer in (self.leave, self.last_modulation, self.modulation):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        encoder_attention_mask: Tensor,
    ) -> Tensor:
        """Compute the velocity of noisy latents.

        Args:
            hidden_states: Noisy latents `[B, C, T, h, w]`.
            timestep: Sigma times 1000, `[B]`.
            encoder_hidden_states: Features of the words, `[B, L, text_width]`.
            encoder_attention_mask: Mask of the words, bool `[B, L]`, true for a word.

        Returns:
            Velocity (noise minus clean latents), of the shape of `hidden_states`.
        """
        sigma = (timestep / TIMESTEPS).to(hidden_states.dtype)
        clean = self.estimate_clean(hidden_states, sigma, encoder_hidden_states, encoder_attention_mask)
        return (hidden_states - clean) / sigma.clamp(min=MIN_SIGMA)[:, None, None, None, None]

    def estimate_clean(self, noisy: Tensor, sigma: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """Estimate clean latents from noisy ones, `[B, C, T, h, w]`."""
        x = self.enter(self._to_tokens(noisy)) + self.position
        share = mask.unsqueeze(-1).to(text.dtype)
        pooled = (text * share).sum(1) / share.sum(1)
        time = self.time_leave(F.silu(self.time_enter(_sinusoids(sigma))))
        condition = F.silu(time + self.text_pool(pooled))
        modulation = self.modulation(condition).unflatten(-1, (6, -1))
        for block in self.blocks:
            x = block(x, text, mask, modulation)
        shift, scale = self.last_modulation(condition).unsqueeze(1).chunk(2, dim=-1)
        return self._to_latents(self.leave(self.norm(x) * (1 + scale) + shift).to(noisy.dtype))

    def _to_tokens(self, latents: Tensor) -> Tensor:
        b, c = latents.shape[:2]
        (t, h, w), (p, q, r) = self.grid, self.config.tubelet
        tubelets = latents.reshape(b, c, t, p, h, q, w, r)
        return tubelets.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(b, t * h * w, c * p * q * r)

    def _to_latents(self, tokens: Tensor) -> Tensor:
        b, c = tokens.shape[0], self.config.latent_channels
        (t, h, w), (p, q, r) = self.grid, self.config.tubelet
        tubelets = tokens.reshape(b, t, h, w, c, p, q, r)
        return tubelets.permute(0, 4, 1, 5, 2, 6, 3, 7).reshape(b, c, t * p, h * q, w * r)


def _sinusoids(sigma: Tensor) -> Tensor:
    """Return sines and cosines of noise levels `[B]`, `[B, 128]`."""
    rates = torch.exp(torch.linspace(0, math.log(1000.0), 64, device=sigma.device, dtype=sigma.dtype))
    angles = sigma[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
