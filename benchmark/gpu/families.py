"""Models that `align` trains, at the real sizes with random weights, or tiny ones for a rehearsal."""

from __future__ import annotations

import dataclasses
from typing import Any

from models import make_wan_transformer

from dsrbench.backends.generators.recipe import read_recipe


@dataclasses.dataclass(frozen=True)
class Model:
    """A model to train.

    Attributes:
        family: The family of `dsrbench.alignment` around a transformer that was never saved.
        shape: Shape of the latents of a clip of the model's own size.
        words: Tokens of a text, of 4,096 features.
    """

    family: Any
    shape: tuple[int, ...]
    words: int


def make_wan(device: str, *, small: bool) -> Model:
    """Make Wan2.1-T2V-1.3B; clips of 81 frames of 832x480 are 32,760 tokens."""
    from dsrbench.alignment.families.wan import WanFamily

    family = surround(WanFamily, "wan2.1-1.3b", make_wan_transformer(device, small=small), device)
    return Model(family, (16, 3, 8, 8) if small else (16, 21, 60, 104), 512)


def make_cogvideox(device: str, *, small: bool) -> Model:
    """Make CogVideoX-2B; clips of 49 frames of 720x480 are 17,550 tokens, and 226 of text go with them."""
    import torch
    from diffusers import CogVideoXTransformer3DModel

    from dsrbench.alignment.families.cogvideox import CogVideoXFamily

    sizes = {"num_attention_heads": 2, "num_layers": 2, "sample_width": 8, "sample_height": 8, "sample_frames": 9}
    torch.manual_seed(0)
    with torch.device(device):
        transformer = CogVideoXTransformer3DModel(**(sizes if small else {})).to(torch.bfloat16).eval()
    schedule = {"prediction_type": "v_prediction", "beta_schedule": "scaled_linear", "rescale_betas_zero_snr": True}
    family = surround(CogVideoXFamily, "cogvideox-2b", transformer, device, _scheduler=schedule)
    return Model(family, (3, 16, 8, 8) if small else (13, 16, 60, 90), 226)


def make_ltx(device: str, *, small: bool) -> Model:
    """Make LTX-Video 2B; clips of 161 frames of 704x480 are 6,930 tokens."""
    import torch
    from diffusers import LTXVideoTransformer3DModel

    from dsrbench.alignment.families.ltx import LTXFamily

    sizes = {"num_attention_heads": 2, "attention_head_dim": 32, "cross_attention_dim": 64, "num_layers": 2}
    torch.manual_seed(0)
    with torch.device(device):
        transformer = LTXVideoTransformer3DModel(**(sizes if small else {})).to(torch.bfloat16).eval()
    family = surround(LTXFamily, "ltx", transformer, device, _scale_of_places=(8 / 25, 32, 32))
    return Model(family, (128, 3, 4, 4) if small else (128, 21, 15, 22), 128)


def surround(kind: type[Any], name: str, transformer: Any, device: str, **more: Any) -> Any:
    """Make a family around a transformer.

    Args:
        kind: Class of the family.
        name: Recipe of the model.
        transformer: In bfloat16.
        device: As torch names it.
        more: What the family would read from the folder of the model.
    """
    import torch

    family = kind.__new__(kind)
    recipe = read_recipe(name)
    family.__dict__.update(_index={}, _dtype=torch.bfloat16, device=device, recipe=recipe, _scheduler={})
    family.__dict__.update(transformer=transformer, targets=recipe.lora_targets, **more)
    return family
