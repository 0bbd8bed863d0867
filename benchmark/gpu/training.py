"""A DPO step of a transformer of Wan2.1-T2V-1.3B's size: the published step beside that of `align`."""

from __future__ import annotations

import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from meter import Row, Setting
from models import WAN_TARGETS, make_wan_transformer

WORDS = 512


def measure_steps(setting: Setting) -> Iterator[Row]:
    """One pair a step, bfloat16, activations computed again, on the same card one after the other."""
    shape = (16, 3, 8, 8) if setting.small else (16, 21, 60, 104)
    for name, make in (("published: deep copy, four forwards", make_published), ("align", make_align)):
        with tempfile.TemporaryDirectory() as folder, setting.peak() as peak:
            step = make(setting, shape, Path(folder))
            seconds = []
            for number in range(2 if setting.small else 4):
                setting.wait()
                began = time.perf_counter()
                step(number)
                setting.wait()
                seconds.append(time.perf_counter() - began)
            yield Row("train", f"DPO step, {name}", f"{statistics.median(seconds[1:]):.2f} s", peak())


def make_published(setting: Setting, shape: tuple[int, ...], folder: Path) -> Callable[[int], None]:
    """The published step (SpatialAlign, arXiv 2602.22745), with a copy of the model as its reference."""
    import torch
    from peft import LoraConfig
    from torch.nn import functional as F

    model = make_wan_transformer(setting.device, small=setting.small).requires_grad_(False)
    frozen = copy.deepcopy(model)
    model.add_adapter(LoraConfig(r=16, lora_alpha=16, target_modules=list(WAN_TARGETS)))
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.data = parameter.data.float()
    model.enable_gradient_checkpointing()
    model.train()
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    clips = [torch.randn(1, *shape, device=setting.device) for _ in range(2)]
    text = torch.randn(1, WORDS, 4096, device=setting.device, dtype=torch.bfloat16)

    def step(_: int) -> None:
        sigma = torch.rand(1, device=setting.device)
        gains, drifts = [], []
        for clip in clips:
            noise = torch.randn_like(clip)
            noisy, target = ((1 - sigma) * clip + sigma * noise).bfloat16(), noise - clip
            with torch.autocast(setting.device, torch.bfloat16):
                output = model(noisy, sigma * 1000, text, return_dict=False)[0].float()
                with torch.no_grad():
                    expected = frozen(noisy, sigma * 1000, text, return_dict=False)[0].float()
            gains.append(F.mse_loss(expected, target) - F.mse_loss(output, target))
            drifts.append(F.mse_loss(output, expected))
        margin = (gains[0] - gains[1]).clamp(-5, 5)
        (-F.logsigmoid(margin) + 0.25 * (drifts[0] + drifts[1])).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def make_align(setting: Setting, shape: tuple[int, ...], folder: Path) -> Callable[[int], Any]:
    """The step of `align`, with the published settings."""
    import torch

    from dsrbench.alignment.families.wan import WanFamily
    from dsrbench.alignment.settings import PRESETS, TrainingSettings
    from dsrbench.alignment.trainer import Trainer
    from dsrbench.dataset import Choice, Pair

    class RandomWan(WanFamily):
        """The family of Wan around a transformer that was never saved."""

        def __init__(self) -> None:
            self._index, self._dtype, self.device = {}, torch.bfloat16, setting.device
            transformer = make_wan_transformer(setting.device, small=setting.small)
            self.__dict__.update(_scheduler={}, transformer=transformer, targets=WAN_TARGETS)

    pair = Pair("p", "text", Choice("w.mp4", "w", 0, 1.0), Choice("l.mp4", "l", 1, 0.0))
    latents = {name: torch.randn(shape) for name in ("w", "l")}
    texts = {"text": {"features": torch.randn(WORDS, 4096).bfloat16()}}
    settings = TrainingSettings().change({**PRESETS["spatialalign"], "batch_size": 1, "warmup_steps": 0})
    return Trainer(RandomWan(), [pair], latents, texts, settings, folder).make_step
