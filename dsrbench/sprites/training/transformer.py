"""Third stage: train text encoder and video transformer by flow matching on encoded clips; then refine both."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from numpy.typing import NDArray
from torch import Tensor, nn

from dsrbench.sprites.embedded import SUMS
from dsrbench.sprites.model.autoencoder import SpritesAutoencoder
from dsrbench.sprites.model.pipeline import SpritesPipeline
from dsrbench.sprites.model.text import SpritesTextEncoder
from dsrbench.sprites.model.transformer import MIN_SIGMA, SpritesTransformer
from dsrbench.sprites.training.card import finish_folder
from dsrbench.sprites.training.checkpoint import Progress, halve, whole_folder
from dsrbench.sprites.training.data import FOREGROUND
from dsrbench.sprites.training.latents import draw_foreground, read_clips
from dsrbench.sprites.training.loop import Clock, OnStep, make_average, make_generators, run_steps
from dsrbench.sprites.training.settings import Settings

STAGE, REFINEMENT = 3, 5
"""Numbers of the training and of the refinement, which seed their random draws."""
NEAR = 0.75
"""Noise level below which the places of the sprites are decided; there the refinement weights the sprites more."""

SIGMA_MEAN, SIGMA_SPREAD = 0.5, 1.2
"""Mean and deviation of the normal distribution whose logistic function gives the noise levels."""


def make_networks(settings: Settings) -> tuple[SpritesTextEncoder, SpritesTransformer]:
    """Make the two networks with their initial weights."""
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        return SpritesTextEncoder(**settings.text_encoder), SpritesTransformer(**settings.transformer)


def make_optimizers(networks: nn.Module, settings: Settings) -> list[torch.optim.Optimizer]:
    """Make the optimisers: Muon for the matrices inside blocks, AdamW for all other weights."""
    matrices = [
        p
        for name, p in networks.named_parameters()
        if p.ndim == 2 and ("blocks." in name or "feed." in name) and name.endswith("weight")
    ]
    matrix_ids = {id(p) for p in matrices}
    others = [p for p in networks.parameters() if id(p) not in matrix_ids]
    return [
        torch.optim.Muon(
            matrices, lr=settings.muon_rate, weight_decay=0.01, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=settings.adam_rate, betas=(0.9, 0.98), weight_decay=1e-3),
    ]


def train_transformer(folder: Path, settings: Settings, clock: Clock, *, on_step: OnStep | None = None) -> bool:
    """Train both networks and write the whole pipeline into `folder/model`; a finished one is not changed.

    Returns:
        Whether the stage is finished.
    """
    networks, averaged = make_modules(settings)
    progress = _make_progress(folder, settings, networks, averaged)
    if progress.load() == settings.steps:
        return True
    compute_loss = _make_loss(folder, settings, networks, stage=STAGE)
    return _run(folder, settings, progress, (networks, averaged), compute_loss, settings.steps, clock, on_step)


def refine_transformer(folder: Path, settings: Settings, clock: Clock, *, on_step: OnStep | None = None) -> bool:
    """Train the averaged networks further with more weight on the sprites; write the pipeline into `folder/model`.

    A finished pipeline is not changed.

    Returns:
        Whether the stage is finished.
    """
    if (folder / "model" / SUMS).exists():
        return True
    networks, averaged = make_modules(settings)
    _make_progress(folder, settings, networks, averaged).load()
    networks.load_state_dict(averaged.state_dict())
    progress = _make_refinement(folder, settings, networks, averaged)
    compute_loss = _make_loss(folder, settings, networks, stage=REFINEMENT)
    parts = (networks, averaged)
    if not _run(folder, settings, progress, parts, compute_loss, settings.refine_steps, clock, on_step):
        return False
    export(folder, averaged, settings)
    return True


def make_modules(settings: Settings) -> tuple[nn.ModuleDict, nn.ModuleDict]:
    """Make the networks to train, and a copy for their running averages."""
    networks = nn.ModuleDict(dict(zip(("text_encoder", "transformer"), make_networks(settings), strict=True)))
    return networks, copy.deepcopy(networks)


def _make_loss(folder: Path, settings: Settings, networks: nn.ModuleDict, *, stage: int) -> Callable[[int], Tensor]:
    latents, texts = read_clips(folder, settings)
    shown = draw_foreground(settings) if stage == REFINEMENT else None
    return make_loss(networks, latents, texts, shown, settings, stage=stage, batch=settings.batch)


def make_loss(
    networks: nn.ModuleDict,
    latents: NDArray[np.float16],
    texts: Sequence[str],
    shown: NDArray[np.bool_] | None,
    settings: Settings,
    *,
    stage: int,
    batch: int,
) -> Callable[[int], Tensor]:
    """Return the function for the loss of a step, whose random draws depend on the stage and the step alone.

    Args:
        networks: `text_encoder` and `transformer`.
        latents: Latents of the training clips, `[N, C, T, h, w]`.
        texts: Text of each clip.
        shown: Cells that show a sprite, `[N, T, h, w]`, to weight them more at low noise; None to weight all equally.
        settings: Settings of the training.
        stage: Number of the stage.
        batch: Number of clips of a step.
    """
    text_encoder = cast(SpritesTextEncoder, networks["text_encoder"])
    transformer = cast(SpritesTransformer, networks["transformer"])
    tokens, no_words = text_encoder.tokenize(texts), text_encoder.tokenize([""])

    def compute_loss(step: int) -> Tensor:
        rng, generator = make_generators(settings.seed, stage, step)
        chosen = rng.integers(0, len(latents), batch)
        clean = torch.from_numpy(latents[chosen]).float()
        dropped = torch.from_numpy(rng.random(batch) < settings.text_drop)
        texts_seen = torch.where(dropped[:, None], no_words, tokens[torch.from_numpy(chosen)])
        sigma = torch.sigmoid(SIGMA_MEAN + SIGMA_SPREAD * torch.randn(batch, generator=generator))
        noise = torch.randn(clean.shape, generator=generator)
        weights = None
        if shown is not None:
            near = (sigma < NEAR)[:, None, None, None]
            weights = 1 + (FOREGROUND - 1) * (torch.from_numpy(shown[chosen]) & near)[:, None].float()
        return flow_loss(text_encoder, transformer, clean, noise, sigma, texts_seen, weights)

    return compute_loss


def _run(
    folder: Path,
    settings: Settings,
    progress: Progress,
    modules: tuple[nn.Module, nn.Module],
    compute_loss: Callable[[int], Tensor],
    steps: int,
    clock: Clock,
    on_step: OnStep | None,
) -> bool:
    networks, averaged = modules
    after_step = make_average(averaged, networks, settings.ema)
    log = folder / "log.jsonl"
    return run_steps(progress, steps, compute_loss, clock=clock, log=log, after_step=after_step, on_step=on_step)


def flow_loss(
    text_encoder: SpritesTextEncoder,
    transformer: SpritesTransformer,
    clean: Tensor,
    noise: Tensor,
    sigma: Tensor,
    tokens: Tensor,
    weights: Tensor | None = None,
) -> Tensor:
    """Return the squared error of the velocity: that of the clean estimate over sigma squared, clamped from below.

    `weights` `[B, 1, T, h, w]` are the relative weights of the cells of a clip.
    """
    wide = sigma[:, None, None, None, None]
    noisy = (1 - wide) * clean + wide * noise
    with torch.autocast("cpu", torch.bfloat16):
        text, mask = text_encoder(tokens)
        estimate = transformer.estimate_clean(noisy, sigma, text, mask)
    squares = (estimate.float() - clean).square()
    if weights is not None:
        squares = squares * (weights / weights.mean(dim=(1, 2, 3, 4), keepdim=True))
    error = squares.mean(dim=(1, 2, 3, 4))
    return (error / sigma.clamp(min=MIN_SIGMA).square()).mean()


def export(folder: Path, averaged: nn.ModuleDict, settings: Settings, *, name: str = "model") -> None:
    """Write the pipeline with averaged weights, in half precision, with its model card and sums."""
    autoencoder = SpritesAutoencoder.from_pretrained(folder / "autoencoder")
    autoencoder.register_to_config(_name_or_path="")  # otherwise the configuration would contain a local path
    halves = [halve(copy.deepcopy(m)) for m in (autoencoder, averaged["text_encoder"], averaged["transformer"])]
    pipeline = SpritesPipeline(
        autoencoder=cast(SpritesAutoencoder, halves[0]),
        text_encoder=cast(SpritesTextEncoder, halves[1]),
        transformer=cast(SpritesTransformer, halves[2]),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )
    with whole_folder(folder / name) as temporary:
        pipeline.save_pretrained(temporary)
        finish_folder(temporary, "model", settings, log=folder / "log.jsonl")


def export_checkpoint(folder: Path, settings: Settings, *, name: str) -> int:
    """Write the pipeline of an unfinished training, for inspection.

    Returns:
        Number of steps done.
    """
    networks, averaged = make_modules(settings)
    step = _make_progress(folder, settings, networks, averaged).load()
    if (folder / "refinement.safetensors").exists():
        step += _make_refinement(folder, settings, networks, averaged).load()
    export(folder, averaged, settings, name=name)
    return step


def _make_progress(folder: Path, settings: Settings, networks: nn.Module, averaged: nn.Module) -> Progress:
    used = {
        name: value
        for name, value in dataclasses.asdict(settings).items()
        if not name.startswith(("detector", "depth", "adapter", "refine"))
    }
    return Progress(
        folder / "transformer.safetensors",
        modules={"networks": networks},
        averaged={"networks": averaged},
        optimizers=make_optimizers(networks, settings),
        settings=used,
    )


def _make_refinement(folder: Path, settings: Settings, networks: nn.Module, averaged: nn.Module) -> Progress:
    used = {
        name: value
        for name, value in dataclasses.asdict(settings).items()
        if not name.startswith(("detector", "depth", "adapter"))
    }
    slower = dataclasses.replace(
        settings,
        muon_rate=settings.muon_rate * settings.refine_rate,
        adam_rate=settings.adam_rate * settings.refine_rate,
    )
    return Progress(
        folder / "refinement.safetensors",
        modules={"networks": networks},
        averaged={"networks": averaged},
        optimizers=make_optimizers(networks, slower),
        settings=used,
    )
