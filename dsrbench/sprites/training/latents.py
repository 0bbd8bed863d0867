"""Second stage: render and encode the training clips, in files of a few hundred; existing files are not changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dsrbench.sprites.model.autoencoder import DOWN, SpritesAutoencoder
from dsrbench.sprites.training.data import draw_clip, to_tensor
from dsrbench.sprites.training.loop import Clock, OnStep
from dsrbench.sprites.training.settings import Settings
from dsrbench.sprites.world import FRAMES, HEIGHT, WIDTH

STAGE = 2
"""Number of the stage, which seeds its random draws."""


def encode_clips(folder: Path, settings: Settings, clock: Clock, *, on_step: OnStep | None = None) -> bool:
    """Render and encode the training clips into `folder/latents`.

    Returns:
        Whether all files are written.
    """
    paths = _paths(folder, settings)
    todo = [path for path in paths if not path.exists()]
    if not todo:
        return True
    (folder / "latents").mkdir(exist_ok=True)
    model = SpritesAutoencoder.from_pretrained(folder / "autoencoder")
    for number, path in enumerate(todo, len(paths) - len(todo) + 1):
        if clock.is_over():
            return False
        rng = np.random.default_rng([settings.seed, STAGE, int(path.stem)])
        clips = [draw_clip(rng) for _ in range(settings.block)]
        frames = to_tensor(np.stack([rendered.frames for _, rendered in clips])).transpose(1, 2)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            latents = torch.cat([model.encode(some) for some in frames.split(16)])
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, latents=latents.half().numpy(), texts=np.array([text for text, _ in clips]))
        part.replace(path)
        if on_step is not None:
            on_step(number, len(paths), None)
    return True


def draw_foreground(settings: Settings) -> NDArray[np.bool_]:
    """Draw the clips again and return which cells of their latents show a sprite, bool `[N, T, h, w]`."""
    shown = np.zeros(
        (-(-settings.clips // settings.block) * settings.block, FRAMES, HEIGHT // DOWN, WIDTH // DOWN), bool
    )
    for number in range(len(shown)):
        if number % settings.block == 0:
            rng = np.random.default_rng([settings.seed, STAGE, number // settings.block])
        boxes = draw_clip(rng)[1].boxes
        for t in range(FRAMES):
            for x0, y0, x1, y1 in boxes[:, t][~np.isnan(boxes[:, t]).any(axis=1)] / DOWN:
                shown[number, t, int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
    return shown


def read_clips(folder: Path, settings: Settings) -> tuple[NDArray[np.float16], list[str]]:
    """Read the latents float16 `[N, C, T, h, w]` of all training clips, and their texts."""
    latents, texts = [], []
    for path in _paths(folder, settings):
        with np.load(path, allow_pickle=False) as file:
            latents.append(file["latents"])
            texts += file["texts"].tolist()
    return np.concatenate(latents), texts


def _paths(folder: Path, settings: Settings) -> list[Path]:
    blocks = -(-settings.clips // settings.block)
    return [folder / "latents" / f"{block:04d}.npz" for block in range(blocks)]
