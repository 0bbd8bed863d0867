"""Train the embedded model from scratch, in stages that continue where they were interrupted."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from dsrbench.sprites.training.adapter import encode_depth_clips, train_adapter
from dsrbench.sprites.training.autoencoder import train_autoencoder
from dsrbench.sprites.training.depth import train_depth
from dsrbench.sprites.training.detector import train_detector
from dsrbench.sprites.training.latents import encode_clips
from dsrbench.sprites.training.loop import Clock
from dsrbench.sprites.training.settings import Settings
from dsrbench.sprites.training.transformer import refine_transformer, train_transformer

STAGES: dict[str, Callable[..., bool]] = {
    "autoencoder": train_autoencoder,
    "latents": encode_clips,
    "transformer": train_transformer,
    "refinement": refine_transformer,
    "detector": train_detector,
    "depth": train_depth,
    "depth-latents": encode_depth_clips,
    "adapter": train_adapter,
}
"""Function of each stage, by name, in order."""


def train(
    folder: str | Path,
    *,
    settings: Settings | None = None,
    minutes: float | None = 45,
    interrupted: Callable[[], bool] = lambda: False,
    report: Callable[[str], None] = print,
    on_step: Callable[[str, int, int, float | None], None] = lambda *_: None,
) -> bool:
    """Train the model, the detector and the depth network into a folder, or continue an interrupted training.

    Args:
        folder: Folder of the checkpoints, the finished model (`folder/model`), the finished detector
            (`folder/detector`), depth network (`folder/depth`) and changes of the model for prompts with depth
            (`folder/depth-model`), and the losses (`folder/log.jsonl`).
        settings: Settings of the training; by default those of the embedded model.
        minutes: Time after which the training stops with a checkpoint, minutes; None for no limit.
        interrupted: Function that tells whether to stop with a checkpoint, called after every step.
        report: Function that receives one line per stage.
        on_step: Callback with the stage, its steps done, its total steps, and the loss or None.

    Returns:
        Whether all stages are done.

    Raises:
        StoreError: The folder holds a training with other settings.
    """
    folder, clock = Path(folder), Clock(minutes, interrupted)
    folder.mkdir(parents=True, exist_ok=True)
    for name, run in STAGES.items():
        done = run(folder, settings or Settings(), clock, on_step=functools.partial(on_step, name))
        report(f"{name}: {'done' if done else 'stopped, with a checkpoint'}")
        if not done:
            return False
    return True
