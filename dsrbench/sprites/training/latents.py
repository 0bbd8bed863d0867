"""Second stage: render and encode the training clips, in files of a few hundred; existing files are not changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dsrbench.sprites.model.autoencoder import DOWN, SpritesAutoencoder
from dsrbench.sprites.training.data import draw_clip, draw_depth_clip, to_tensor
from dsrbench.sprites.training.loop import Clock, OnStep
from dsrbench.sprites.training.settings import Settings
from dsrbench.sprites.world import FRAMES, HEIGHT, WIDTH, Rendered


@dataclasses.dataclass(frozen=True)
class ClipSet:
    """Training clips of one kind.

    Attributes:
        name: Name of their folder of latents.
        stage: Number of the stage that makes them, which seeds its random draws.
        draw: Function that draws a text and a clip.
        setting: Name of the setting with the number of clips.
        model: Folder with the autoencoder, in the training's folder; empty for that folder itself.
    """

    name: str
    stage: int
    draw: Callable[[np.random.Generator], tuple[str, Rendered]]
    setting: str
    model: str = ""

    def paths(self, folder: Path, settings: Settings) -> list[Path]:
        """Return the files of latents in the folder of a training."""
        return [folder / self.name / f"{block:04d}.npz" for block in range(self.count_blocks(settings))]

    def count_blocks(self, settings: Settings) -> int:
        """Return the number of files of latents."""
        return -(-int(getattr(settings, self.setting)) // settings.block)

    def make_rng(self, settings: Settings, block: int) -> np.random.Generator:
        """Return the random generator of the clips of one file."""
        return np.random.default_rng([settings.seed, self.stage, block])


PLAIN = ClipSet("latents", 2, draw_clip, "clips")
"""Clips of prompts without depth."""

WITH_DEPTH = ClipSet("depth-latents", 7, draw_depth_clip, "adapter_clips", "model")
"""Clips of prompts with depth, encoded by the finished model's autoencoder."""


def encode_clips(
    folder: Path, settings: Settings, clock: Clock, *, on_step: OnStep | None = None, clips: ClipSet = PLAIN
) -> bool:
    """Render and encode the training clips into a folder of latents in `folder`.

    Returns:
        Whether all files are written.
    """
    paths = clips.paths(folder, settings)
    todo = [path for path in paths if not path.exists()]
    if not todo:
        return True
    (folder / clips.name).mkdir(exist_ok=True)
    model = SpritesAutoencoder.from_pretrained(folder / clips.model / "autoencoder").float()
    for number, path in enumerate(todo, len(paths) - len(todo) + 1):
        if clock.is_over():
            return False
        rng = clips.make_rng(settings, int(path.stem))
        pairs = [clips.draw(rng) for _ in range(settings.block)]
        frames = to_tensor(np.stack([rendered.frames for _, rendered in pairs])).transpose(1, 2)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            latents = torch.cat([model.encode(some) for some in frames.split(16)])
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, latents=latents.half().numpy(), texts=np.array([text for text, _ in pairs]))
        part.replace(path)
        if on_step is not None:
            on_step(number, len(paths), None)
    return True


def draw_foreground(settings: Settings, clips: ClipSet = PLAIN) -> NDArray[np.bool_]:
    """Draw the clips again and return which cells of their latents show a sprite, bool `[N, T, h, w]`."""
    count = clips.count_blocks(settings) * settings.block
    shown = np.zeros((count, FRAMES, HEIGHT // DOWN, WIDTH // DOWN), bool)
    for number in range(len(shown)):
        if number % settings.block == 0:
            rng = clips.make_rng(settings, number // settings.block)
        boxes = clips.draw(rng)[1].boxes
        for t in range(FRAMES):
            for x0, y0, x1, y1 in boxes[:, t][~np.isnan(boxes[:, t]).any(axis=1)] / DOWN:
                shown[number, t, int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
    return shown


def read_clips(folder: Path, settings: Settings, clips: ClipSet = PLAIN) -> tuple[NDArray[np.float16], list[str]]:
    """Read the latents float16 `[N, C, T, h, w]` of all training clips, and their texts."""
    latents, texts = [], []
    for path in clips.paths(folder, settings):
        with np.load(path, allow_pickle=False) as file:
            latents.append(file["latents"])
            texts += file["texts"].tolist()
    return np.concatenate(latents), texts
