"""Clips of the size the sprites model makes, pairs of them, and clips with rewards."""

from __future__ import annotations

import numpy as np
from factories.sprites import TEXTS

from dsrbench.alignment.rewards import RewardedClip
from dsrbench.dataset import Choice, Pair
from dsrbench.video import sha256_file, write_mp4


def move(value, device):
    """Tensors, and features of texts, on a device."""
    if isinstance(value, dict):
        return {name: part.to(device) for name, part in value.items()}
    return [move(part, device) for part in value] if isinstance(value, list) else value.to(device)


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


def reward_clips(pairs):
    """The clips of pairs with rewards: a winner has 1, a loser 1/4."""
    return [
        RewardedClip(pair.prompt_id, pair.text, choice, reward)
        for pair in pairs
        for choice, reward in zip(pair.clips, (1.0, 0.25), strict=True)
    ]
