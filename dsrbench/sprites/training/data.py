"""Training clips: prompts of the train triples in all places and gaits, obeyed in the shares of the mix."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dsrbench.prompts import compose_text
from dsrbench.sprites.split import Triple, split_depth_triples, split_triples
from dsrbench.sprites.world import SCENES, Gait, Rendered, draw_depth_spec, draw_spec, render_actors
from dsrbench.types import Prompt, Relation

PLAIN_VERB = 0.1
"""Share of prompts with the verb "moves", which leaves the gait open."""

NO_SCENE = 0.05
"""Share of prompts without a scene."""

FOREGROUND = 3.0
"""Weight of a pixel inside a box when frames are compared, relative to a pixel outside."""


@functools.lru_cache(maxsize=1)
def train_triples() -> tuple[Triple, ...]:
    """Return the 244 triples of the training split."""
    return tuple(split_triples()["train"])


def draw_prompt(rng: np.random.Generator) -> Prompt:
    """Draw a prompt of a train triple, with a random place and verb."""
    return _draw_prompt(train_triples(), rng)


def _draw_prompt(triples: Sequence[Triple], rng: np.random.Generator) -> Prompt:
    subject, object_, relations = triples[int(rng.integers(len(triples)))]
    scene = "" if rng.random() < NO_SCENE else str(rng.choice(list(SCENES)))
    verb = None if rng.random() < PLAIN_VERB else str(rng.choice([gait.value for gait in Gait]))
    text = compose_text(subject=subject, object=object_, relations=relations, scene=scene, verb=verb)
    return Prompt("train", text, subject, object_, Relation.chain(relations), scene, "train")


def draw_clip(rng: np.random.Generator) -> tuple[str, Rendered]:
    """Draw a text and a clip that may or may not follow it."""
    prompt = draw_prompt(rng)
    return prompt.text, render_actors(draw_spec(prompt, rng), rng)


@functools.lru_cache(maxsize=1)
def depth_triples() -> tuple[Triple, ...]:
    """Return the triples with depth of the training split."""
    return tuple(split_depth_triples()["train"])


def draw_depth_clip(rng: np.random.Generator) -> tuple[str, Rendered]:
    """Draw a text of a train triple with depth, and a clip that may or may not follow it."""
    prompt = _draw_prompt(depth_triples(), rng)
    return prompt.text, render_actors(draw_depth_spec(prompt, rng), rng)


def draw_clip_with_nouns(rng: np.random.Generator) -> tuple[list[str], Rendered]:
    """Draw a clip and the noun of each of its actors."""
    spec = draw_spec(draw_prompt(rng), rng)
    return [actor.noun for actor in spec.actors], render_actors(spec, rng)


def draw_frames(count: int, rng: np.random.Generator, *, of_each: int = 8) -> tuple[Tensor, Tensor]:
    """Draw single frames with the weight of each pixel.

    Returns:
        Frames `[count, 3, H, W]` in -1..1, and weights `[count, 1, H, W]`.
    """
    frames: list[NDArray[np.uint8]] = []
    weights: list[NDArray[np.float32]] = []
    while len(frames) < count:
        rendered = draw_clip(rng)[1]
        for t in rng.permutation(len(rendered.frames))[: min(of_each, count - len(frames))]:
            frames.append(rendered.frames[t])
            weights.append(_weigh(rendered, int(t)))
    return to_tensor(np.stack(frames)), torch.from_numpy(np.stack(weights))[:, None]


def to_tensor(frames: NDArray[np.uint8]) -> Tensor:
    """Convert frames uint8 `[..., H, W, 3]` to float `[..., 3, H, W]` in -1..1."""
    return torch.from_numpy(frames).movedim(-1, -3).float() / 127.5 - 1


def _weigh(rendered: Rendered, t: int) -> NDArray[np.float32]:
    weights = np.ones(rendered.frames.shape[1:3], np.float32)
    for box in rendered.boxes[:, t]:
        if not np.isnan(box).any():
            x0, y0, x1, y1 = box.astype(int)
            weights[y0:y1, x0:x1] = FOREGROUND
    return weights
