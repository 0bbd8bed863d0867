"""Detector of the sprites: a small network that marks the centre of every animal and object on a map of its noun."""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from dsrbench.sprites.model.autoencoder import ResidualBlock
from dsrbench.sprites.world import ANIMALS, OBJECTS

STRIDE = 2
"""Width and height of a cell of the maps, pixels."""

REACH = 16.0
"""Unit of the network's outputs for the sides of a box, pixels."""


class SpritesDetectorNet(ModelMixin, ConfigMixin):
    """Network for one centre heatmap per noun, and for the distances from every cell to the sides of its box.

    Args:
        channels: Number of features of a cell.
        blocks: Number of residual blocks.
        nouns: Nouns of the maps, in order; by default all nouns of the world.
    """

    @register_to_config
    def __init__(self, channels: int = 64, blocks: int = 4, nouns: tuple[str, ...] = ()) -> None:
        super().__init__()
        if not nouns:
            nouns = (*ANIMALS, *OBJECTS)
            self.register_to_config(nouns=nouns)
        self.body = nn.Sequential(
            nn.PixelUnshuffle(STRIDE),
            nn.Conv2d(3 * STRIDE**2, channels, 3, padding=1),
            *(ResidualBlock(channels) for _ in range(blocks)),
            nn.GroupNorm(8, channels),
            nn.SiLU(),
        )
        self.heat = nn.Conv2d(channels, len(nouns), 1)
        self.sides = nn.Conv2d(channels, 4, 1)
        self.heat.bias = nn.Parameter(torch.full((len(nouns),), -4.0))

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the maps of frames `[N, 3, H, W]` in -1..1.

        Returns:
            Heat in logits `[N, nouns, H/2, W/2]`, and distances from the cell's centre to the left, top, right and
            bottom of a box in pixels, `[N, 4, H/2, W/2]`.
        """
        features = self.body(frames)
        return self.heat(features), F.softplus(self.sides(features)) * REACH


def find_peaks(heat: Tensor, sides: Tensor, threshold: float) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return boxes at cells whose heat is the highest of their neighbourhood.

    Args:
        heat: Logits `[N, nouns, h, w]`.
        sides: Distances in pixels `[N, 4, h, w]`.
        threshold: Minimum heat of a box, in 0..1.

    Returns:
        For each frame, boxes `[M, 4]` in pixels, scores `[M]` and indices of nouns `[M]`.
    """
    warmth = heat.sigmoid()
    peaks = (F.max_pool2d(warmth, 5, stride=1, padding=2) == warmth) & (warmth >= threshold)
    detections = []
    for n in range(len(heat)):
        noun, y, x = peaks[n].nonzero(as_tuple=True)
        left, top, right, bottom = sides[n][:, y, x]
        cx, cy = (x + 0.5) * STRIDE, (y + 0.5) * STRIDE
        boxes = torch.stack([cx - left, cy - top, cx + right, cy + bottom], dim=-1)
        detections.append((boxes, warmth[n, noun, y, x], noun))
    return detections
