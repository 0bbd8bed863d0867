"""Depth network of the sprites world: a small network that says how near every pixel is."""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from dsrbench.sprites.model.autoencoder import ResidualBlock

STRIDE = 2
"""Width and height of a cell of the features, pixels."""


class SpritesDepthNet(ModelMixin, ConfigMixin):
    """Network for the inverse depth of every pixel, larger is nearer.

    A channel with the row of each cell is added to the frame: in this world the ground's depth follows from its row.

    Args:
        channels: Number of features of a cell.
        blocks: Number of residual blocks.
    """

    @register_to_config
    def __init__(self, channels: int = 48, blocks: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3 * STRIDE**2 + 1, channels, 3, padding=1),
            *(ResidualBlock(channels) for _ in range(blocks)),
            nn.GroupNorm(8, channels),
            nn.SiLU(),
            nn.Conv2d(channels, STRIDE**2, 1),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Estimate the inverse depth of frames `[N, 3, H, W]` in -1..1, as `[N, H, W]`."""
        cells = nn.functional.pixel_unshuffle(frames, STRIDE)
        rows = torch.linspace(-1, 1, cells.shape[2], device=frames.device, dtype=frames.dtype)
        row_channel = rows[None, None, :, None].expand(len(cells), 1, -1, cells.shape[3])
        depth = nn.functional.pixel_shuffle(self.body(torch.cat([cells, row_channel], dim=1)), STRIDE)
        return depth[:, 0]
