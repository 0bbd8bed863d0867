"""Last stages: train the model further on clips with depth, as low-rank changes of the finished transformer.

The finished model stays as it is. The text encoder is small: it is trained as a whole, with the words that it lacks.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Literal, cast

import torch
from torch import nn

from dsrbench.sprites.embedded import SUMS, read_sums
from dsrbench.sprites.model.loading import save_changes
from dsrbench.sprites.model.low_rank import add_changes
from dsrbench.sprites.model.text import SpritesTextEncoder
from dsrbench.sprites.model.transformer import SpritesTransformer
from dsrbench.sprites.model.vocabulary import list_depth_words
from dsrbench.sprites.training.card import finish_folder
from dsrbench.sprites.training.checkpoint import Progress, whole_folder
from dsrbench.sprites.training.latents import WITH_DEPTH, draw_foreground, encode_clips, read_clips
from dsrbench.sprites.training.loop import Clock, OnStep, make_average, run_steps
from dsrbench.sprites.training.settings import Settings
from dsrbench.sprites.training.transformer import make_loss

STAGE = 8
"""Number of the stage, which seeds its random draws."""

NAME: Literal["depth-model"] = "depth-model"
"""Name of the folder of the finished adapter."""


def encode_depth_clips(folder: Path, settings: Settings, clock: Clock, *, on_step: OnStep | None = None) -> bool:
    """Render clips with depth and encode them into `folder/depth-latents`.

    Returns:
        Whether all files are written.
    """
    return encode_clips(folder, settings, clock, on_step=on_step, clips=WITH_DEPTH)


def train_adapter(folder: Path, settings: Settings, clock: Clock, *, on_step: OnStep | None = None) -> bool:
    """Train the changes over `folder/model` and write them into `folder/depth-model`; finished ones are not changed.

    Returns:
        Whether the stage is finished.
    """
    if (folder / NAME / SUMS).exists():
        return True
    networks, averaged, progress = make_adapter(folder, settings)
    latents, texts = read_clips(folder, settings, WITH_DEPTH)
    shown = draw_foreground(settings, WITH_DEPTH)
    compute_loss = make_loss(networks, latents, texts, shown, settings, stage=STAGE, batch=settings.adapter_batch)

    after_step = make_average(averaged, networks, settings.ema)
    log, steps = folder / "log.jsonl", settings.adapter_steps
    if not run_steps(progress, steps, compute_loss, clock=clock, log=log, after_step=after_step, on_step=on_step):
        return False
    export_adapter(folder, averaged, settings)
    return True


def make_adapter(folder: Path, settings: Settings) -> tuple[nn.ModuleDict, nn.ModuleDict, Progress]:
    """Make the networks of `folder/model` with changes to train, a copy for their running averages, and the state."""
    text_encoder = SpritesTextEncoder.from_pretrained(folder / "model" / "text_encoder").float()
    transformer = SpritesTransformer.from_pretrained(folder / "model" / "transformer").float()
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        add_changes(transformer, settings.adapter_rank)
    larger = text_encoder.with_words(list_depth_words(), seed=settings.seed)
    networks = nn.ModuleDict({"text_encoder": larger, "transformer": transformer})
    averaged = copy.deepcopy(networks)
    changes = [p for p in transformer.parameters() if p.requires_grad]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(changes, lr=settings.adapter_rate, betas=(0.9, 0.98), weight_decay=1e-3),
        torch.optim.AdamW(larger.parameters(), lr=settings.adapter_text_rate, betas=(0.9, 0.98), weight_decay=1e-3),
    ]
    used = ("seed", "block", "text_drop", "ema")
    progress = Progress(
        folder / "adapter.safetensors",
        modules={"networks": networks},
        averaged={"networks": averaged},
        optimizers=optimizers,
        settings={
            name: value
            for name, value in dataclasses.asdict(settings).items()
            if name in used or name.startswith("adapter")
        },
    )
    return networks, averaged, progress


def export_adapter(folder: Path, averaged: nn.ModuleDict, settings: Settings) -> None:
    """Write the averaged changes and the text encoder, in half precision, with their card and sums."""
    text_encoder = cast(SpritesTextEncoder, copy.deepcopy(averaged["text_encoder"]).half())
    with whole_folder(folder / NAME) as temporary:
        save_changes(temporary, text_encoder, averaged["transformer"], base=read_sums(folder / "model"))
        finish_folder(temporary, NAME, settings, log=folder / "log.jsonl")
