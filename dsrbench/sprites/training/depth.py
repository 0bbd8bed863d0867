"""Sixth stage: train the depth network on frames as rendered, degraded, and passed through the autoencoder."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dsrbench.sprites.embedded import SUMS
from dsrbench.sprites.model.autoencoder import SpritesAutoencoder
from dsrbench.sprites.model.depth import SpritesDepthNet
from dsrbench.sprites.training.checkpoint import Progress, save_halved
from dsrbench.sprites.training.data import FOREGROUND, draw_clip, draw_depth_clip, to_tensor
from dsrbench.sprites.training.detector import degrade
from dsrbench.sprites.training.loop import Clock, OnStep, make_average, make_generators, run_steps
from dsrbench.sprites.training.settings import Settings
from dsrbench.sprites.world import HEIGHT, Rendered

STAGE = 6
"""Number of the stage, which seeds its random draws."""
NAMES = ("seed", "depth_steps", "depth_frames", "depth_rate", "ema", "depth", "autoencoder")
"""Names of the settings that this stage depends on, in addition to the trained autoencoder."""

PLAIN = 0.25
"""Share of clips of prompts without depth."""


def train_depth(folder: Path, settings: Settings, clock: Clock, *, on_step: OnStep | None = None) -> bool:
    """Train the depth network into `folder/depth`; a finished one is not changed.

    Returns:
        Whether the stage is finished.
    """
    if (folder / "depth" / SUMS).exists():
        return True
    autoencoder = SpritesAutoencoder.from_pretrained(folder / "autoencoder").float()
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        net = SpritesDepthNet(**settings.depth).to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=settings.depth_rate, weight_decay=1e-3)
    progress = Progress(
        folder / "depth.safetensors",
        modules={"net": net},
        averaged={"net": averaged},
        optimizers=[optimizer],
        settings={name: value for name, value in dataclasses.asdict(settings).items() if name in NAMES},
    )

    def compute_loss(step: int) -> Tensor:
        rng, generator = make_generators(settings.seed, STAGE, step)
        frames, depth, weights = draw_depth_frames(settings.depth_frames, rng)
        frames = degrade(frames, autoencoder, rng, generator)
        with torch.autocast("cpu", torch.bfloat16):
            estimate = net(frames.contiguous(memory_format=torch.channels_last))
        error: Tensor = ((estimate.float() - depth).abs() * weights).sum() / weights.sum()
        return error

    after_step = make_average(averaged, net, settings.ema)
    log, steps = folder / "log.jsonl", settings.depth_steps
    if not run_steps(progress, steps, compute_loss, clock=clock, log=log, after_step=after_step, on_step=on_step):
        return False
    save_halved(folder, "depth", averaged, settings)
    return True


def draw_depth_frames(count: int, rng: np.random.Generator, *, of_each: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """Draw single frames with the depth and the weight of each pixel.

    Returns:
        Frames `[count, 3, H, W]` in -1..1, inverse depth `[count, H, W]`, and weights `[count, H, W]`.
    """
    frames: list[NDArray[np.uint8]] = []
    depth: list[NDArray[np.float32]] = []
    weights: list[NDArray[np.float32]] = []
    while len(frames) < count:
        rendered = (draw_clip(rng) if rng.random() < PLAIN else draw_depth_clip(rng))[1]
        for t in rng.permutation(len(rendered.frames))[: min(of_each, count - len(frames))]:
            frames.append(rendered.frames[t])
            depth.append(rendered.depth[t])
            weights.append(_weigh(rendered, int(t)))
    maps = torch.from_numpy(np.stack(depth)), torch.from_numpy(np.stack(weights))
    return to_tensor(np.stack(frames)), *maps


def _weigh(rendered: Rendered, t: int) -> NDArray[np.float32]:
    """Return more weight for pixels whose depth is not that of the ground."""
    rows = (np.arange(HEIGHT) + 0.5)[:, None] / HEIGHT
    is_sprite = np.abs(rendered.depth[t] - np.maximum(rows, rendered.depth[t].min())) > 1e-6
    return np.where(is_sprite, FOREGROUND, 1.0).astype(np.float32)
