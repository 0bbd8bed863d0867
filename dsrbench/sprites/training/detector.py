"""Fourth stage: train the detector on frames as rendered, degraded, and passed through the autoencoder."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from dsrbench.geometry import iou_matrix
from dsrbench.sprites.embedded import SUMS
from dsrbench.sprites.model.autoencoder import SpritesAutoencoder
from dsrbench.sprites.model.detector import STRIDE, SpritesDetectorNet
from dsrbench.sprites.training.checkpoint import Progress, save_halved
from dsrbench.sprites.training.data import draw_clip_with_nouns, to_tensor
from dsrbench.sprites.training.loop import Clock, OnStep, make_average, make_generators, run_steps
from dsrbench.sprites.training.settings import Settings
from dsrbench.sprites.world import ANIMALS, HEIGHT, OBJECTS, WIDTH

STAGE = 4
"""Number of the stage, which seeds its random draws."""
NAMES = ("seed", "detector_steps", "detector_frames", "detector_rate", "ema", "detector", "autoencoder")
"""Names of the settings that this stage depends on, in addition to the trained autoencoder."""

UNFORMED, GHOSTS = 0.15, 0.15
"""Shares of frames in which the pieces of a sprite are shuffled, and in which two moments of a clip overlap.

Half-trained models make such frames. A detector trained without them takes a smear of colours for an animal.
"""

WARPED, BEND = 0.4, 1.5
"""Share of frames that are bent, and maximum standard deviation of the displacement, pixels.

The model distorts moving animals; bent frames train the detector to recognise them.
"""

Targets = tuple[Tensor, Tensor, Tensor]
"""Heat, distances and weights of the distances, as `draw_labelled` returns them."""


def train_detector(folder: Path, settings: Settings, clock: Clock, *, on_step: OnStep | None = None) -> bool:
    """Train the detector into `folder/detector`; a finished one is not changed.

    Returns:
        Whether the stage is finished.
    """
    if (folder / "detector" / SUMS).exists():
        return True
    autoencoder = SpritesAutoencoder.from_pretrained(folder / "autoencoder")
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        net = SpritesDetectorNet(**settings.detector).to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=settings.detector_rate, weight_decay=1e-3)
    used = {name: value for name, value in dataclasses.asdict(settings).items() if name in NAMES}
    progress = Progress(
        folder / "detector.safetensors",
        modules={"net": net},
        averaged={"net": averaged},
        optimizers=[optimizer],
        settings=used,
    )

    def compute_loss(step: int) -> Tensor:
        rng, generator = make_generators(settings.seed, STAGE, step)
        frames, targets = draw_labelled(settings.detector_frames, rng)
        frames = degrade(frames, autoencoder, rng, generator)
        with torch.autocast("cpu", torch.bfloat16):
            heat, sides = net(frames.contiguous(memory_format=torch.channels_last))
        return detection_loss(heat.float(), sides.float(), targets)

    after_step = make_average(averaged, net, settings.ema)
    log, steps = folder / "log.jsonl", settings.detector_steps
    if not run_steps(progress, steps, compute_loss, clock=clock, log=log, after_step=after_step, on_step=on_step):
        return False
    save_halved(folder, "detector", averaged, settings)
    return True


def draw_labelled(count: int, rng: np.random.Generator, *, of_each: int = 4) -> tuple[Tensor, Targets]:
    """Draw frames `[count, 3, H, W]` in -1..1, with the maps that the network should return for them.

    Returns:
        Frames, and heat `[count, nouns, h, w]`, distances `[count, 4, h, w]` and their weights `[count, 1, h, w]`.
    """
    frames: list[NDArray[np.uint8]] = []
    maps: list[tuple[NDArray[np.float32], ...]] = []
    while len(frames) < count:
        nouns, rendered = draw_clip_with_nouns(rng)
        for t in rng.permutation(len(rendered.frames))[: min(of_each, count - len(frames))]:
            frame, boxes = rendered.frames[t], rendered.boxes[:, t].copy()
            kind = rng.random()
            if kind < UNFORMED:
                frame = tear(frame, boxes, rng)
            elif kind < UNFORMED + GHOSTS:
                other = int(rng.integers(len(rendered.frames)))
                frame = overlay(frame, boxes, rendered.frames[other], rendered.boxes[:, other], rng)
            frames.append(frame)
            maps.append(draw_maps(nouns, boxes))
    heat, sides, counts = (torch.from_numpy(np.stack(part)) for part in zip(*maps, strict=True))
    return to_tensor(np.stack(frames)), (heat, sides, counts)


def tear(frame: NDArray[np.uint8], boxes: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Shuffle the pieces of a sprite that touches no other; its row of `boxes` `[N, 4]` becomes NaN."""
    meets = iou_matrix(boxes, boxes) > 0
    alone = [n for n in range(len(boxes)) if not np.isnan(boxes[n]).any() and meets[n].sum() == 1]
    if not alone:
        return frame
    n = alone[int(rng.integers(len(alone)))]
    x0, y0, x1, y1 = boxes[n].astype(int)
    side = min(int(rng.integers(3, 6)), y1 - y0, x1 - x0)
    rows, columns = (y1 - y0) // side, (x1 - x0) // side
    torn: NDArray[np.uint8] = frame.copy()
    area = torn[y0 : y0 + rows * side, x0 : x0 + columns * side]
    pieces = area.reshape(rows, side, columns, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    mixed = rng.permutation(pieces).reshape(rows, columns, side, side, 3).swapaxes(1, 2)
    area[...] = mixed.reshape(rows * side, columns * side, 3)
    boxes[n] = np.nan
    return torn


def overlay(
    frame: NDArray[np.uint8],
    boxes: NDArray[np.float64],
    other: NDArray[np.uint8],
    other_boxes: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Blend another moment of the clip over a frame; rows of `boxes` that are elsewhere in it become NaN."""
    share = rng.uniform(0.35, 0.65)
    same = np.array([iou_matrix(a[None], b[None])[0, 0] for a, b in zip(boxes, other_boxes, strict=True)])
    blurred = (same > 0.5) & (same < 0.8)
    if blurred.any():  # a sprite that moved a little is neither in place nor elsewhere
        return frame
    boxes[~(same >= 0.8)] = np.nan
    mixed: NDArray[np.uint8] = np.rint(frame * (1 - share) + other * share).astype(np.uint8)
    return mixed


def draw_maps(nouns: list[str], boxes: NDArray[np.float64]) -> tuple[NDArray[np.float32], ...]:
    """Draw heat, distances and their weights for one frame with boxes `[N, 4]`, NaN for an absent box."""
    nouns_of_maps = (*ANIMALS, *OBJECTS)
    height, width = HEIGHT // STRIDE, WIDTH // STRIDE
    heat = np.zeros((len(nouns_of_maps), height, width), np.float32)
    sides, counts = np.zeros((4, height, width), np.float32), np.zeros((1, height, width), np.float32)
    y, x = (np.mgrid[0:height, 0:width] + 0.5) * STRIDE
    for noun, (x0, y0, x1, y1) in zip(nouns, boxes, strict=True):
        if np.isnan(x0):
            continue
        cy = min(int((y0 + y1) / 2 / STRIDE), height - 1)
        cx = min(int((x0 + x1) / 2 / STRIDE), width - 1)
        away = (np.arange(height)[:, None] - cy) ** 2 + (np.arange(width) - cx) ** 2
        index = nouns_of_maps.index(noun)
        heat[index] = np.maximum(heat[index], np.exp(-away / 2))
        near = away <= 2
        sides[:, near] = np.stack([x - x0, y - y0, x1 - x, y1 - y])[:, near]
        counts[0, near] = 1
    return heat, sides, counts


def degrade(frames: Tensor, autoencoder: nn.Module, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
    """Bend some frames, pass some through the noisy autoencoder, blur, tint and dim some, add noise."""
    count = len(frames)

    def draw(spread: float) -> Tensor:
        return torch.from_numpy(rng.uniform(-spread, spread, (count, 3, 1, 1)).astype(np.float32))

    frames = warp(frames, rng)
    coded = torch.from_numpy(rng.random(count) < 0.5)
    if coded.any():
        with torch.no_grad():
            latents = autoencoder.encode_frames(frames[coded])  # type: ignore[operator]
            noise = torch.randn(latents.shape, generator=generator) * latents.std()
            strength = torch.from_numpy(rng.uniform(0, 0.35, (len(latents), 1, 1, 1)).astype(np.float32))
            frames = frames.clone()
            frames[coded] = autoencoder.decode_frames(latents + noise * strength)  # type: ignore[operator]
    blurred = rng.uniform(0, 1, (count, 1, 1, 1)) * (rng.random((count, 1, 1, 1)) < 0.4)
    share = torch.from_numpy(blurred.astype(np.float32))
    frames = frames + share * (F.avg_pool2d(frames, 3, stride=1, padding=1, count_include_pad=False) - frames)
    frames = frames * (1 + draw(0.12)) + draw(0.08)
    spread = torch.from_numpy(rng.uniform(0, 0.12, (count, 1, 1, 1)).astype(np.float32))
    return (frames + spread * torch.randn(frames.shape, generator=generator)).clamp(-1, 1)


def warp(frames: Tensor, rng: np.random.Generator) -> Tensor:
    """Bend some of the frames `[N, 3, H, W]` smoothly; their boxes stay valid."""
    count, (height, width) = len(frames), frames.shape[2:]
    bend = rng.uniform(0.3, BEND, count) * (rng.random(count) < WARPED)
    coarse = rng.normal(size=(count, 2, height // 6 + 2, width // 6 + 2)) * bend[:, None, None, None]
    shift = F.interpolate(torch.from_numpy(coarse.astype(np.float32)), size=(height, width), mode="bicubic")
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([(x + shift[:, 0]) / (width - 1), (y + shift[:, 1]) / (height - 1)], dim=-1) * 2 - 1
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=True)


def detection_loss(heat: Tensor, sides: Tensor, targets: Targets) -> Tensor:
    """Return focal loss of the heat (CornerNet, arXiv 1808.01244, eq. 1) and mean distance of the sides in pixels."""
    heat_targets, side_targets, counts = targets
    warmth, peaks = heat.sigmoid().clamp(1e-5, 1 - 1e-5), heat_targets >= 1
    hits = -(((1 - warmth) ** 2) * warmth.log())[peaks].sum()
    misses = -(((1 - heat_targets) ** 4) * (warmth**2) * (1 - warmth).log())[~peaks].sum()
    off = ((sides - side_targets).abs() * counts).sum() / (4 * counts.sum()).clamp(min=1)
    return (hits + misses) / peaks.sum().clamp(min=1) + 0.2 * off
