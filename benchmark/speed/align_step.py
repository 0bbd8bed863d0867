"""One training step of `align` beside a literal transcription of the published one.

The transcription keeps a deep copy of the model as the reference and makes four forward passes: model and reference on
the winner, model and reference on the loser (SpatialAlign, arXiv 2602.22745, section 5 of its definition here: beta 1,
lambda 0.5, independent noises, a shared time). `align` has one copy of the weights, whose adapters it switches off, and
puts winner and loser through together. Both train the same randomly initialised transformer of Wan's class, large
enough that its weights dominate, with so few tokens that a step is short; each runs in a process of its own. With
--again both compute activations again in the backward pass, on clips of 2,304 tokens, where activations dominate;
--also adds a row of `align` with more settings. The third command has 21.3 tokens for each channel, as 81 frames of
832x480 have in the 1.3B model, so that attention is the same share of the arithmetic (69 % of a forward pass).

    python benchmark/speed/align_step.py
    python benchmark/speed/align_step.py --again --layers 3 --steps 3
    python benchmark/speed/align_step.py --again --layers 2 --steps 4 --heads 3 --size 52,70 --also keep_attention
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


@dataclasses.dataclass(frozen=True)
class Size:
    """What is measured.

    Attributes:
        layers: Layers of the transformer.
        steps: Steps of the optimizer.
        heads: Heads of the transformer, of 128 channels each; the 1.3B model has 12.
        shape: Latents of a clip: channels, frames, height, width; a token has 2x2 of them.
        again: Whether activations are computed again in the backward pass.
        more: Settings of `align` that are true besides.
    """

    layers: int
    steps: int
    heads: int
    shape: tuple[int, int, int, int]
    again: bool
    more: tuple[str, ...] = ()


WORDS = 32
"""Tokens of the text; a real one has 512, most of them zeros."""

RANK = ALPHA = 16
TARGETS = ("text_embedder.linear_1", "text_embedder.linear_2", "attn2.to_k", "attn2.to_v")


def make_transformer(size: Size):
    """A Wan transformer with the proportions of the 1.3B model's, with fewer layers and possibly heads."""
    import torch
    from diffusers import WanTransformer3DModel

    torch.manual_seed(0)
    return WanTransformer3DModel(
        num_attention_heads=size.heads,
        attention_head_dim=128,
        ffn_dim=8960 * size.heads // 12,
        num_layers=size.layers,
        text_dim=4096,
    ).eval()


def published_loss(model, frozen, clips, noises, sigma, text):
    """The published loss of a (winner, loser) pair: four forward passes, one after the other.

    Args:
        model: The transformer with its adapter.
        frozen: Its copy without one.
        clips: Latents of winner and loser, `[1, C, T, h, w]` each.
        noises: One for each.
        sigma: The noise level of both, `[1]`.
        text: Features, `[1, L, D]`.
    """
    import torch
    from torch.nn import functional as F

    gains, drifts = [], []
    for clip, noise in zip(clips, noises, strict=True):
        noisy, target = (1 - sigma) * clip + sigma * noise, noise - clip
        output = model(noisy, sigma * 1000, text, return_dict=False)[0]
        with torch.no_grad():
            expected = frozen(noisy, sigma * 1000, text, return_dict=False)[0]
        gains.append(F.mse_loss(expected, target) - F.mse_loss(output, target))
        drifts.append(F.mse_loss(output, expected))
    margin = (1.0 * (gains[0] - gains[1])).clamp(-5, 5)
    return -F.logsigmoid(margin) + 0.5 * (drifts[0] + drifts[1]) / 2


def run_published(size: Size) -> list[float]:
    """CPU seconds of each step of the transcription."""
    import torch
    from peft import LoraConfig

    model = make_transformer(size).requires_grad_(False)
    frozen = copy.deepcopy(model)
    model.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(TARGETS)))
    parameters = [p for p in model.parameters() if p.requires_grad]
    if size.again:
        model.enable_gradient_checkpointing()
        model.train()
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    clips, text = [torch.randn(1, *size.shape) for _ in range(2)], torch.randn(1, WORDS, 4096)
    seconds = []
    for _ in range(size.steps):
        began = time.process_time()
        noises = [torch.randn_like(clip) for clip in clips]
        published_loss(model, frozen, clips, noises, torch.rand(1), text).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.process_time() - began)
    return seconds


def run_align(size: Size) -> list[float]:
    """CPU seconds of each step of `dsrbench.alignment`'s trainer."""
    import torch

    from dsrbench.alignment.families import wan
    from dsrbench.alignment.presets import PRESETS
    from dsrbench.alignment.settings import TrainingSettings
    from dsrbench.alignment.trainer import Trainer
    from dsrbench.dataset import Choice, Pair

    wan.WORDS = WORDS

    class RandomWan(wan.WanFamily):
        """The family of Wan around a transformer that was never saved."""

        def __init__(self) -> None:
            self._index, self._dtype, self.device = {}, torch.float32, "cpu"
            self.__dict__.update(_scheduler={}, transformer=make_transformer(size), targets=TARGETS)

    pair = Pair("p", "text", Choice("w.mp4", "w", 0, 1.0), Choice("l.mp4", "l", 1, 0.0))
    latents = {name: torch.randn(size.shape) for name in ("w", "l")}
    changes = {"batch_size": 1, "precision": "no", "gradient_checkpointing": size.again, "warmup_steps": 0}
    changes |= dict.fromkeys(size.more, True)
    settings = TrainingSettings().change({**PRESETS["spatialalign"], **changes})
    with tempfile.TemporaryDirectory() as folder:
        texts = {"text": {"features": torch.randn(WORDS, 4096)}}
        trainer = Trainer(RandomWan(), [pair], latents, texts, settings, Path(folder))
        seconds = []
        for step in range(size.steps):
            began = time.process_time()
            trainer.make_step(step)
            seconds.append(time.process_time() - began)
    return seconds


def run_nothing(size: Size) -> list[float]:
    """What both import, and no model."""
    from diffusers import WanTransformer3DModel  # noqa: F401
    from peft import LoraConfig  # noqa: F401

    from dsrbench.alignment.families import wan  # noqa: F401
    from dsrbench.alignment.logs import make_accelerator

    make_accelerator("no")
    return [0.0]


RUNS = {"published": run_published, "align": run_align, "nothing": run_nothing}


def measure(name: str, size: Size) -> tuple[float, float]:
    """Peak memory of a process, MiB, and the median seconds of its steps but for the first two."""
    command = [sys.executable, __file__, "--run", name, "--layers", str(size.layers), "--steps", str(size.steps)]
    command += ["--heads", str(size.heads), "--size", ",".join(map(str, size.shape[2:]))]
    command += ["--also", ",".join(size.more)] if size.more else []
    command += ["--again"] if size.again else []
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    return said["peak"], float(np.median(said["seconds"][2:] or said["seconds"]))


def read_arguments() -> tuple[str | None, list[Size]]:
    """What one process of the measurement runs, if this is one, and what is measured: plain, then with settings."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--heads", type=int, default=12, help="heads of 128 channels; the 1.3B model has 12")
    parser.add_argument("--size", help="latents of a clip, height,width; by default 4,4, or 32,32 with --again")
    parser.add_argument("--again", action="store_true", help="compute activations again in the backward pass")
    parser.add_argument("--also", action="append", default=[], help="settings of one more row, with commas")
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    high, wide = map(int, (given.size or ("32,32" if given.again else "4,4")).split(","))
    shape = (16, 9 if given.again else 2, high, wide)
    plain = Size(given.layers, given.steps, given.heads, shape, given.again)
    return given.run, [plain, *(dataclasses.replace(plain, more=tuple(also.split(","))) for also in given.also)]


def main() -> None:
    """Print the table."""
    name, (plain, *others) = read_arguments()
    if name:
        seconds = RUNS[name](others[0] if others else plain)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"peak": peak, "seconds": seconds}))
        return
    import torch

    with torch.device("meta"):
        weights = sum(p.numel() for p in make_transformer(plain).parameters()) * 4 / 2**20
    nothing, _ = measure("nothing", plain)
    figures = {"deep-copied reference, four forwards": measure("published", plain), "`align`": measure("align", plain)}
    figures |= {f"`align`, {', '.join(size.more)}": measure("align", size) for size in others}
    print(f"weights: {weights:,.0f} MiB in float32; imports alone: {nothing:,.0f} MiB\n")
    print("| step | peak memory | ratio | beyond the imports | ratio | CPU seconds a step, median | ratio |")
    print("|---|---|---|---|---|---|---|")
    base, base_seconds = next(iter(figures.values()))
    for title, (peak, seconds) in figures.items():
        row = (f"{peak:,.0f} MiB", peak / base, f"{peak - nothing:,.0f} MiB", (peak - nothing) / (base - nothing))
        print(
            f"| {title} | {row[0]} | {row[1]:.2f} | {row[2]} | {row[3]:.2f} | {seconds:.2f} | "
            f"{seconds / base_seconds:.2f} |"
        )


if __name__ == "__main__":
    main()
