"""One training step of `align` beside a literal transcription of the published one.

The transcription keeps a deep copy of the model as the reference and makes four forward passes: model and reference on
the winner, model and reference on the loser (SpatialAlign, arXiv 2602.22745, section 5 of its definition here: beta 1,
lambda 0.5, independent noises, a shared time). `align` has one copy of the weights, whose adapters it switches off, and
puts winner and loser through together. Both train the same randomly initialised transformer of Wan's class, large
enough that its weights dominate, with so few tokens that a step is short; each runs in a process of its own. With
--again both compute activations again in the backward pass, on clips of 2,304 tokens, where activations dominate.

    python benchmark/speed/align_step.py [--again --layers 3 --steps 4]
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SHAPES = {False: (16, 2, 4, 4), True: (16, 9, 32, 32)}
"""Latents of a clip: channels, frames, height, width; 8 tokens, and 2,304 where activations are computed again."""

WORDS = 32
"""Tokens of the text; a real one has 512, most of them zeros."""

RANK = ALPHA = 16
TARGETS = ("text_embedder.linear_1", "text_embedder.linear_2", "attn2.to_k", "attn2.to_v")


def make_transformer(layers: int):
    """A Wan transformer of width 1536, as the 1.3B model's, with fewer layers."""
    import torch
    from diffusers import WanTransformer3DModel

    torch.manual_seed(0)
    return WanTransformer3DModel(
        num_attention_heads=12, attention_head_dim=128, ffn_dim=8960, num_layers=layers, text_dim=4096
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


def run_published(layers: int, steps: int, again: bool) -> list[float]:
    """CPU seconds of each step of the transcription."""
    import torch
    from peft import LoraConfig

    model = make_transformer(layers).requires_grad_(False)
    frozen = copy.deepcopy(model)
    model.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(TARGETS)))
    parameters = [p for p in model.parameters() if p.requires_grad]
    if again:
        model.enable_gradient_checkpointing()
        model.train()
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    clips, text = [torch.randn(1, *SHAPES[again]) for _ in range(2)], torch.randn(1, WORDS, 4096)
    seconds = []
    for _ in range(steps):
        began = time.process_time()
        noises = [torch.randn_like(clip) for clip in clips]
        published_loss(model, frozen, clips, noises, torch.rand(1), text).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.process_time() - began)
    return seconds


def run_align(layers: int, steps: int, again: bool) -> list[float]:
    """CPU seconds of each step of `dsrbench.alignment`'s trainer."""
    import torch

    from dsrbench.alignment.families import wan
    from dsrbench.alignment.settings import PRESETS, TrainingSettings
    from dsrbench.alignment.trainer import Trainer
    from dsrbench.dataset import Choice, Pair

    wan.WORDS = WORDS

    class RandomWan(wan.WanFamily):
        """The family of Wan around a transformer that was never saved."""

        def __init__(self) -> None:
            self._index, self._dtype, self.device = {}, torch.float32, "cpu"
            self.__dict__.update(_scheduler={}, transformer=make_transformer(layers), targets=TARGETS)

    pair = Pair("p", "text", Choice("w.mp4", "w", 0, 1.0), Choice("l.mp4", "l", 1, 0.0))
    latents = {name: torch.randn(SHAPES[again]) for name in ("w", "l")}
    changes = {"batch_size": 1, "precision": "no", "gradient_checkpointing": again, "warmup_steps": 0}
    settings = TrainingSettings().change({**PRESETS["spatialalign"], **changes})
    with tempfile.TemporaryDirectory() as folder:
        texts = {"text": {"features": torch.randn(WORDS, 4096)}}
        trainer = Trainer(RandomWan(), [pair], latents, texts, settings, Path(folder))
        seconds = []
        for step in range(steps):
            began = time.process_time()
            trainer.make_step(step)
            seconds.append(time.process_time() - began)
    return seconds


def run_nothing(layers: int, steps: int, again: bool) -> list[float]:
    """What both import, and no model."""
    from diffusers import WanTransformer3DModel  # noqa: F401
    from peft import LoraConfig  # noqa: F401

    from dsrbench.alignment.families import wan  # noqa: F401
    from dsrbench.alignment.logs import make_accelerator

    make_accelerator("no")
    return [0.0]


RUNS = {"published": run_published, "align": run_align, "nothing": run_nothing}


def measure(name: str, layers: int, steps: int, again: bool) -> tuple[float, float]:
    """Peak memory of a process, MiB, and the median seconds of its steps but for the first two."""
    command = [sys.executable, __file__, "--run", name, "--layers", str(layers), "--steps", str(steps)]
    command += ["--again"] if again else []
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    return said["peak"], float(np.median(said["seconds"][2:] or said["seconds"]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--again", action="store_true", help="compute activations again in the backward pass")
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        seconds = RUNS[asked.run](asked.layers, asked.steps, asked.again)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"peak": peak, "seconds": seconds}))
        return
    import torch

    with torch.device("meta"):
        weights = sum(p.numel() for p in make_transformer(asked.layers).parameters()) * 4 / 2**20
    nothing, _ = measure("nothing", asked.layers, asked.steps, asked.again)
    figures = {name: measure(name, asked.layers, asked.steps, asked.again) for name in ("published", "align")}
    print(f"weights: {weights:,.0f} MiB in float32; imports alone: {nothing:,.0f} MiB\n")
    print("| step | peak memory | ratio | beyond the imports | ratio | CPU seconds a step, median | ratio |")
    print("|---|---|---|---|---|---|---|")
    base, base_seconds = figures["published"]
    for name, (peak, seconds) in figures.items():
        title = "deep-copied reference, four forwards" if name == "published" else "`align`"
        row = (f"{peak:,.0f} MiB", peak / base, f"{peak - nothing:,.0f} MiB", (peak - nothing) / (base - nothing))
        print(
            f"| {title} | {row[0]} | {row[1]:.2f} | {row[2]} | {row[3]:.2f} | {seconds:.2f} | "
            f"{seconds / base_seconds:.2f} |"
        )


if __name__ == "__main__":
    main()
