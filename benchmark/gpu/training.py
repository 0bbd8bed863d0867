"""A DPO step at the real sizes: the published step beside that of `align`, with all ways to keep activations."""

from __future__ import annotations

import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from families import Model, make_cogvideox, make_ltx, make_wan
from meter import Row, Setting

PUBLISHED = "published: deep copy, four forwards"
KEPT = {"keep_attention": True}
OFFLOADED = {"activation_offloading": True}

WAYS: dict[str, dict[str, Any]] = {
    "align": {},
    "align, keep_attention": KEPT,
    "align, activation_offloading": OFFLOADED,
    "align, keep_attention, activation_offloading": {**KEPT, **OFFLOADED},
    "align, compile": {"compile": True},
    "align, keep_attention, activation_offloading, compile": {**KEPT, **OFFLOADED, "compile": True},
    "align, the same with cuDNN": {**KEPT, **OFFLOADED, "compile": True, "attention": "_native_cudnn"},
}
"""Settings of `align` by what a row says; all compute activations again."""


def measure_steps(setting: Setting) -> Iterator[Row]:
    """Steps of Wan2.1-T2V-1.3B."""
    return measure_model("train", "Wan 1.3B", make_wan, setting)


def measure_steps_of_cogvideox(setting: Setting) -> Iterator[Row]:
    """Steps of CogVideoX-2B."""
    return measure_model("train-cogvideox", "CogVideoX-2B", make_cogvideox, setting)


def measure_steps_of_ltx(setting: Setting) -> Iterator[Row]:
    """Steps of LTX-Video 2B."""
    return measure_model("train-ltx", "LTX 2B", make_ltx, setting)


def measure_model(part: str, name: str, make: Callable[..., Model], setting: Setting) -> Iterator[Row]:
    """One pair a step, bfloat16, activations computed again, on the same card one after the other."""
    base: tuple[float, float] | None = None
    for way, changes in {PUBLISHED: None, **WAYS}.items():
        if not can_measure(part, changes or {}, setting):
            continue
        what = f"DPO step of {name}, {way}"
        try:
            seconds, memory = measure_way(make, changes, setting)
        except Exception as error:  # the other rows go on
            yield Row(part, what, f"FAILED: {error!r}"[:200])
            continue
        base = base or (seconds, memory)
        ratios = f"{seconds / base[0]:.2f} of the first row"
        if setting.device == "cuda":
            ratios += f", {memory / base[1]:.2f} of its memory"
        yield Row(part, what, f"{seconds:.2f} s ({ratios})", memory)


def can_measure(part: str, changes: Mapping[str, Any], setting: Setting) -> bool:
    """Tell whether a way is measured: cuDNN needs a card, and a rehearsal compiles one model alone."""
    if "attention" in changes and setting.device != "cuda":
        return False
    return not (setting.small and "compile" in changes and part != "train")


def measure_way(make: Callable[..., Model], changes: dict[str, Any] | None, setting: Setting) -> tuple[float, float]:
    """Median seconds of a step but for the first, and peak memory, GiB.

    Args:
        make: Makes the model.
        changes: Settings of `align`; None for the published step.
        setting: Where and at which size.
    """
    import torch

    torch._dynamo.reset()
    with tempfile.TemporaryDirectory() as folder, setting.peak() as peak:
        model = make(setting.device, small=setting.small)
        step = make_published(model, setting) if changes is None else make_align(model, changes, Path(folder))
        seconds = []
        for number in range(2 if setting.small else 4):
            setting.wait()
            began = time.perf_counter()
            step(number)
            setting.wait()
            seconds.append(time.perf_counter() - began)
        return statistics.median(seconds[1:]), peak()


def make_published(model: Model, setting: Setting) -> Callable[[int], None]:
    """The published step (SpatialAlign, arXiv 2602.22745), with a copy of the model as its reference."""
    import torch
    from peft import LoraConfig
    from torch.nn import functional as F

    family, device = model.family, setting.device
    trained = family.transformer.requires_grad_(False)
    frozen = copy.deepcopy(trained)
    trained.add_adapter(LoraConfig(r=16, lora_alpha=16, target_modules=list(family.targets)))
    parameters = [parameter for parameter in trained.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.data = parameter.data.float()
    trained.enable_gradient_checkpointing()
    trained.train()
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    clips = [torch.randn(1, *model.shape, device=device) for _ in range(2)]
    texts = [{"features": torch.randn(model.words, 4096, device=device, dtype=torch.bfloat16)}]

    def step(number: int) -> None:
        times = family.draw_times(1, torch.Generator().manual_seed(number), model.shape).to(device)
        gains, drifts = [], []
        for clip in clips:
            noise = torch.randn_like(clip)
            noisy, target = family.add_noise(clip, noise, times), family.target(clip, noise, times)
            with torch.autocast(device, torch.bfloat16):
                output = family.predict(trained, noisy, times, texts).float()
                with torch.no_grad():
                    expected = family.predict(frozen, noisy, times, texts).float()
            gains.append(F.mse_loss(expected, target) - F.mse_loss(output, target))
            drifts.append(F.mse_loss(output, expected))
        margin = (gains[0] - gains[1]).clamp(-5, 5)
        (-F.logsigmoid(margin) + 0.25 * (drifts[0] + drifts[1])).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def make_align(model: Model, changes: dict[str, Any], folder: Path) -> Callable[[int], Any]:
    """The step of `align`, with the published settings and others."""
    import torch

    from dsrbench.alignment.presets import PRESETS
    from dsrbench.alignment.settings import TrainingSettings
    from dsrbench.alignment.trainer import Trainer
    from dsrbench.dataset import Choice, Pair

    pair = Pair("p", "text", Choice("w.mp4", "w", 0, 1.0), Choice("l.mp4", "l", 1, 0.0))
    latents = {name: torch.randn(model.shape) for name in ("w", "l")}
    texts = {"text": {"features": torch.randn(model.words, 4096).bfloat16()}}
    settings = TrainingSettings().change({**PRESETS["spatialalign"], "batch_size": 1, "warmup_steps": 0, **changes})
    return Trainer(model.family, [pair], latents, texts, settings, folder).make_step
