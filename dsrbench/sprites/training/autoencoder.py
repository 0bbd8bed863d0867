"""First stage: train the autoencoder, then measure mean and deviation of its latents."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from dsrbench.sprites.model.autoencoder import SpritesAutoencoder
from dsrbench.sprites.training.checkpoint import Progress, whole_folder
from dsrbench.sprites.training.data import draw_frames
from dsrbench.sprites.training.loop import Clock, OnStep, make_generators, run_steps
from dsrbench.sprites.training.settings import Settings

STAGE = 1
"""Number of the stage, which seeds its random draws."""
NAMES = ("seed", "autoencoder_steps", "frames", "autoencoder_rate", "latent_noise", "autoencoder")
"""Names of the settings that this stage depends on."""


def train_autoencoder(folder: Path, settings: Settings, clock: Clock, *, on_step: OnStep | None = None) -> bool:
    """Train the autoencoder into `folder/autoencoder`; a finished one is not changed.

    Returns:
        Whether the stage is finished.
    """
    if (folder / "autoencoder" / "config.json").exists():
        return True
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        model = SpritesAutoencoder(**settings.autoencoder).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.autoencoder_rate, betas=(0.9, 0.98), weight_decay=1e-3
    )
    used = {name: value for name, value in dataclasses.asdict(settings).items() if name in NAMES}
    progress = Progress(
        folder / "autoencoder.safetensors", modules={"model": model}, optimizers=[optimizer], settings=used
    )

    def compute_loss(step: int) -> Tensor:
        rng, generator = make_generators(settings.seed, STAGE, step)
        frames, weights = draw_frames(settings.frames, rng)
        frames = frames.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            latents = model.encode_frames(frames)
            spread = latents.detach().float().std()
            noise = torch.randn(latents.shape, generator=generator) * settings.latent_noise * spread
            restored = model.decode_frames(latents + noise).float()
        error = (restored - frames).abs() + 2 * (restored - frames).square()
        loss: Tensor = (error * weights).sum() / (3 * weights.sum()) + 1e-3 * latents.float().square().mean()
        return loss

    log, steps = folder / "log.jsonl", settings.autoencoder_steps
    if not run_steps(progress, steps, compute_loss, clock=clock, log=log, on_step=on_step):
        return False
    _measure_latents(model, settings)
    with whole_folder(folder / "autoencoder") as temporary:
        model.save_pretrained(temporary)
    return True


@torch.no_grad()
def _measure_latents(model: SpritesAutoencoder, settings: Settings) -> None:
    """Measure mean and deviation of the latents and store them in the configuration."""
    rng, _ = make_generators(settings.seed, STAGE, settings.autoencoder_steps)
    latents = model.encode_frames(draw_frames(8 * settings.frames, rng)[0])
    model.register_to_config(
        latents_mean=tuple(latents.mean(dim=(0, 2, 3)).tolist()), latents_std=tuple(latents.std(dim=(0, 2, 3)).tolist())
    )
