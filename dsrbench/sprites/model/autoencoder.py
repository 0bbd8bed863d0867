"""Small convolutional autoencoder that encodes single frames to latents and decodes them."""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

DOWN = 4
"""Width and height of a latent, pixels."""


class ResidualBlock(nn.Module):
    """Two convolutions with a residual connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to features `[N, channels, h, w]`; the shape stays the same."""
        change: Tensor = self.conv2(F.silu(self.conv1(F.silu(self.norm(x)))))
        return x + change


class SpritesAutoencoder(ModelMixin, ConfigMixin):
    """Per-frame autoencoder with one latent per 4 x 4 pixels.

    Args:
        latent_channels: Number of channels of a latent.
        channels: Number of features at half and at a quarter of the resolution.
        blocks: Number of residual blocks at each resolution, in the encoder and in the decoder.
        latents_mean: Mean of each latent channel over the training clips; 0 if empty.
        latents_std: Standard deviation of each latent channel over the training clips; 1 if empty.
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
        """Encode frames `[N, 3, H, W]` in -1..1 to raw latents `[N, C, H/4, W/4]`."""
        latents: Tensor = self.encoder(frames)
        return latents

    def decode_frames(self, latents: Tensor) -> Tensor:
        """Decode raw latents `[N, C, h, w]` to frames `[N, 3, 4h, 4w]`, about -1..1."""
        frames: Tensor = self.decoder(latents)
        return frames

    def encode(self, video: Tensor) -> Tensor:
        """Encode video `[B, 3, T, H, W]` in -1..1 to latents `[B, C, T, H/4, W/4]` of about unit variance."""
        frames = video.transpose(1, 2)
        latents = self.encode_frames(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        mean, std = self._statistics(latents)
        video_latents: Tensor = ((latents - mean) / std).transpose(1, 2)
        return video_latents

    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents `[B, C, T, h, w]` of about unit variance to video `[B, 3, T, 4h, 4w]`, about -1..1."""
        by_frame = latents.transpose(1, 2)
        mean, std = self._statistics(by_frame)
        frames = self.decode_frames((by_frame * std + mean).flatten(0, 1))
        video: Tensor = frames.unflatten(0, by_frame.shape[:2]).transpose(1, 2)
        return video

    def forward(self, video: Tensor) -> Tensor:
        """Encode a video to latents and decode them."""
        return self.decode(self.encode(video))

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.config.latents_mean or [0.0] * self.config.latent_channels
        std = self.config.latents_std or [1.0] * self.config.latent_channels
        return tuple(torch.as_tensor(v, dtype=like.dtype, device=like.device)[:, None, None] for v in (mean, std))  # type: ignore[return-value]
