"""Frames to latents and back: a small convolutional autoencoder that sees one frame at a time."""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

DOWN = 4
"""Pixels a latent spans along each side."""


class ResidualBlock(nn.Module):
    """Two convolutions around which the input is carried."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape, `[N, channels, h, w]`."""
        change: Tensor = self.conv2(F.silu(self.conv1(F.silu(self.norm(x)))))
        return x + change


class SpritesAutoencoder(ModelMixin, ConfigMixin):
    """Per-frame autoencoder, 4 x 4 pixels to one latent.

    Args:
        latent_channels: Numbers a latent has.
        channels: Features at half and at a quarter of the resolution.
        blocks: Residual blocks at each resolution, encoder and decoder.
        latents_mean: Mean of each latent channel over the training clips; empty: 0.
        latents_std: Their standard deviation; empty: 1.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 8,
        channels: tuple[int, int] = (64, 96),
        blocks: tuple[int, int] = (1, 2),
        latents_mean: tuple[float, ...] = (),
        latents_std: tuple[float, ...] = (),
    ) -> None:
        super().__init__()
        half, quarter = channels
        encoder, decoder = blocks
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, half, 3, padding=1),
            *(ResidualBlock(half) for _ in range(encoder)),
            nn.Conv2d(half, quarter, 3, stride=2, padding=1),
            *(ResidualBlock(quarter) for _ in range(encoder)),
            nn.Conv2d(quarter, latent_channels, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, quarter, 3, padding=1),
            *(ResidualBlock(quarter) for _ in range(decoder)),
            nn.Conv2d(quarter, 4 * half, 1),
            nn.PixelShuffle(2),
            *(ResidualBlock(half) for _ in range(decoder)),
            nn.Conv2d(half, 12, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def encode_frames(self, frames: Tensor) -> Tensor:
        """Frames `[N, 3, H, W]` in -1..1 to raw latents `[N, C, H/4, W/4]`."""
        latents: Tensor = self.encoder(frames)
        return latents

    def decode_frames(self, latents: Tensor) -> Tensor:
        """Raw latents `[N, C, h, w]` to frames `[N, 3, 4h, 4w]`, about -1..1."""
        frames: Tensor = self.decoder(latents)
        return frames

    def encode(self, video: Tensor) -> Tensor:
        """Video `[B, 3, T, H, W]` in -1..1 to latents `[B, C, T, H/4, W/4]` of about unit variance."""
        frames = video.transpose(1, 2)
        latents = self.encode_frames(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        mean, std = self._statistics(latents)
        video_latents: Tensor = ((latents - mean) / std).transpose(1, 2)
        return video_latents

    def decode(self, latents: Tensor) -> Tensor:
        """Latents `[B, C, T, h, w]` of about unit variance to video `[B, 3, T, 4h, 4w]`, about -1..1."""
        by_frame = latents.transpose(1, 2)
        mean, std = self._statistics(by_frame)
        frames = self.decode_frames((by_frame * std + mean).flatten(0, 1))
        video: Tensor = frames.unflatten(0, by_frame.shape[:2]).transpose(1, 2)
        return video

    def forward(self, video: Tensor) -> Tensor:
        """Encode and decode."""
        return self.decode(self.encode(video))

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.config.latents_mean or [0.0] * self.config.latent_channels
        std = self.config.latents_std or [1.0] * self.config.latent_channels
        return tuple(torch.as_tensor(v, dtype=like.dtype, device=like.device)[:, None, None] for v in (mean, std))  # type: ignore[return-value]
