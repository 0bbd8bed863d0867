"""Train the embedded model from nothing, in stages that can be interrupted and go on where they stopped.

Run `python -m dsrbench.sprites.train FOLDER [--minutes 45] [--threads 2]` until it says that all stages are done.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch

from dsrbench.sprites.training.autoencoder import train_autoencoder
from dsrbench.sprites.training.detector import train_detector
from dsrbench.sprites.training.latents import encode_clips
from dsrbench.sprites.training.loop import Clock
from dsrbench.sprites.training.settings import Settings
from dsrbench.sprites.training.transformer import train_transformer

STAGES: dict[str, Callable[[Path, Settings, Clock], bool]] = {
    "autoencoder": train_autoencoder,
    "latents": encode_clips,
    "transformer": train_transformer,
    "detector": train_detector,
}


def train(
    folder: str | Path,
    *,
    settings: Settings | None = None,
    minutes: float | None = 45,
    report: Callable[[str], None] = print,
) -> bool:
    """Train, or go on training, into a folder.

    Args:
        folder: Checkpoints and the finished model (`folder/model`) are written here; losses into `log.jsonl`.
        settings: By default those of the embedded model.
        minutes: Time after which to stop with a checkpoint; None for no limit.
        report: Given a line a stage.

    Returns:
        Whether all stages are done.

    Raises:
        StoreError: The folder holds a training with other settings.
    """
    folder, clock = Path(folder), Clock(minutes)
    folder.mkdir(parents=True, exist_ok=True)
    for name, run in STAGES.items():
        done = run(folder, settings or Settings(), clock)
        report(f"{name}: {'done' if done else 'out of time; run the same command again to go on'}")
        if not done:
            return False
    return True


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train the embedded sprites model from nothing.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(arguments.folder, minutes=arguments.minutes)


if __name__ == "__main__":
    main()
