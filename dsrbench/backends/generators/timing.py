"""Time of a clip on this machine, from one and two blocks of a pipeline's transformer with random weights."""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from dsrbench.backends.generators.loading import Model, explaining, quiet
from dsrbench.backends.generators.settings import Settings
from dsrbench.backends.pretrained.acceleration import select_attention

TEXTS = {
    "WanPipeline": ("text_dim", 512),
    "CogVideoXPipeline": ("text_embed_dim", 226),
    "LTXPipeline": ("caption_channels", 128),
}
"""By pipeline class of diffusers: the key of its transformer's config with the width of a text, and its tokens."""

STEPS = 4
"""Denoising steps that are timed; the first warms up."""


def time_clip(model: Model, settings: Settings, device: str, *, attention: str | None = None) -> float | None:
    """Return the seconds that a clip takes, without reading weights.

    Every block of a transformer takes the same time, and so does every step. A pipeline with one block, and again with
    two, makes a few steps of a clip of the full size; the first also decodes it. Texts are not encoded.

    Args:
        model: The model, whose configs are read.
        settings: Settings of its clips.
        device: Device name of torch.
        attention: Attention kernel of the transformer; None for that of diffusers.

    Returns:
        Seconds; None for a pipeline class that is not in `TEXTS`.

    Raises:
        BackendError: A clip of this size does not fit into memory.
    """
    if model.recipe.pipeline not in TEXTS:
        return None
    with quiet(), explaining(f"{model.recipe.name} with one block on {device}"):
        pipe, n_layers = _build(model, settings, device, attention, n_layers=1)
        first, without_decoding = _time_steps(pipe, model, settings, device, output="latent")
        _, whole = _time_steps(pipe, model, settings, device, output="np")
        del pipe
        pipe, _ = _build(model, settings, device, attention, n_layers=2)
        second, _ = _time_steps(pipe, model, settings, device, output="latent")
    step = first + (n_layers - 1) * max(second - first, 0.0)
    return settings.steps * step + max(whole - without_decoding, 0.0)


def _build(model: Model, settings: Settings, device: str, attention: str | None, *, n_layers: int) -> tuple[Any, int]:
    """Build a pipeline without text encoders whose transformer has a few blocks; and the real number of blocks."""
    import diffusers
    import torch

    folder, dtypes = model.source.folder, settings.dtypes
    cls = getattr(diffusers, model.recipe.pipeline)
    parts: dict[str, Any] = dict.fromkeys(("text_encoder", "tokenizer"))
    n_real = 0
    for part in ("transformer", "vae"):
        config = json.loads((model.parts.get(part, folder / part) / "config.json").read_text(encoding="utf-8"))
        part_class = getattr(diffusers, config["_class_name"])
        if part == "transformer":
            n_real, config = config["num_layers"], {**config, "num_layers": n_layers}
        with torch.device(device):
            network = part_class.from_config(config)
        parts[part] = network.to(getattr(torch, dtypes.get(part, dtypes["default"]))).eval()
    scheduler = json.loads((folder / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    parts["scheduler"] = getattr(diffusers, scheduler["_class_name"]).from_config(scheduler)
    pipe = cls(**parts)
    pipe.set_progress_bar_config(disable=True)
    if attention is not None:
        select_attention(pipe.transformer, attention)
    return pipe, n_real


def _time_steps(pipe: Any, model: Model, settings: Settings, device: str, *, output: str) -> tuple[float, float]:
    """Return the median seconds of a step, and those of the whole call."""
    import torch

    def wait() -> float:
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    ends: list[float] = []
    began = wait()
    pipe(
        **_make_text(pipe, model),
        height=settings.height,
        width=settings.width,
        num_frames=settings.frames,
        num_inference_steps=STEPS,
        guidance_scale=settings.guidance,
        generator=torch.Generator("cpu").manual_seed(0),
        output_type=output,
        callback_on_step_end=_make_callback(lambda: ends.append(wait())),
    )
    seconds = wait() - began
    return statistics.median(end - start for start, end in itertools.pairwise(ends)), seconds


def _make_callback(record: Callable[[], None]) -> Callable[..., dict[str, Any]]:
    """Return a callback of diffusers that calls a function after every step and changes nothing."""

    def callback(_pipe: Any, _step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        record()
        return tensors

    return callback


def _make_text(pipe: Any, model: Model) -> dict[str, Any]:
    """Return features of a text and of a negative text, as arguments of the pipeline; their values do not matter."""
    import torch

    key, n_tokens = TEXTS[model.recipe.pipeline]
    transformer = pipe.transformer
    features = torch.zeros(1, n_tokens, transformer.config[key], dtype=transformer.dtype, device=transformer.device)
    text: dict[str, Any] = {"prompt_embeds": features, "negative_prompt_embeds": features}
    if model.recipe.pipeline == "LTXPipeline":
        mask = torch.ones(1, n_tokens, dtype=torch.bool, device=transformer.device)
        text |= {"prompt_attention_mask": mask, "negative_prompt_attention_mask": mask}
    return text
