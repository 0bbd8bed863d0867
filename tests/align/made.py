"""A tiny model of the sprites family whose gates are open, clips of it, pairs of these, and their encoded form."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from sprites.tiny import SETTINGS, TEXTS

from dsrbench.dataset import Choice, Pair
from dsrbench.sprites.embedded import write_sums
from dsrbench.sprites.model.autoencoder import SpritesAutoencoder
from dsrbench.sprites.model.pipeline import SpritesPipeline
from dsrbench.sprites.training.transformer import make_networks
from dsrbench.video import sha256_file, write_mp4


def write_model(folder, *, seed=2):
    text_encoder, transformer = make_networks(SETTINGS)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        autoencoder = SpritesAutoencoder(**SETTINGS.autoencoder)
        for parameter in transformer.parameters():  # before training its gates are closed, and nothing matters
            torch.nn.init.normal_(parameter, std=0.1)
    SpritesPipeline(autoencoder, text_encoder, transformer, FlowMatchEulerDiscreteScheduler()).save_pretrained(folder)
    write_sums(folder)
    return folder


def write_pairs(folder, count=3):
    """Pairs of clips that exist, one pair a text: bright noise wins, dark noise loses."""
    rng = np.random.default_rng(0)
    choices = []
    for n in range(2 * count):
        name = f"{n}.mp4"
        write_mp4(
            folder / name, rng.integers(0, 100, (16, 32, 48, 3), dtype=np.uint8) + np.uint8(150 * (1 - n % 2)), fps=8
        )
        choices.append(Choice(name, sha256_file(folder / name), n, 1.0 - n % 2))
    return [Pair(f"p{n}", TEXTS[n % len(TEXTS)], *choices[2 * n : 2 * n + 2]) for n in range(count)]
