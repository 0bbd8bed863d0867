"""Train the embedded model from nothing, in stages that can be interrupted and go on where they stopped."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from dsrbench.sprites.training.autoencoder import train_autoencoder
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
}


def train(
    folder: str | Path,
    *,
    settings: Settings | None = None,
    minutes: float | None = 45,
    interrupted: Callable[[], bool] = lambda: False,
    report: Callable[[str], None] = print,
    on_step: Callable[[str, int, int, float | None], None] = lambda *_: None,
) -> bool:
    """Train, or go on training, into a folder.

    Args:
        folder: Checkpoints, the finished model (`folder/model`) and the finished detector (`folder/detector`) are
            written here; losses into `log.jsonl`.
        settings: By default those of the embedded model.
        minutes: Time after which to stop with a checkpoint; None for no limit.
        interrupted: Whether to stop with a checkpoint now, asked after every step.
        report: Given a line a stage.
        on_step: Told the stage, its steps done, its steps altogether, and a loss where there is one.

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
