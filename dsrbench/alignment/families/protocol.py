"""The interface that training needs of a model, whatever its architecture and its noise schedule."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from dsrbench.backends.pretrained.devices import check_device
from dsrbench.errors import InputError, WeightsError

Text = Mapping[str, Tensor]
"""Features of one text by name, without a batch dimension."""

FAMILIES = {
    "CogVideoXPipeline": "dsrbench.alignment.families.cogvideox:CogVideoXFamily",
    "LTXPipeline": "dsrbench.alignment.families.ltx:LTXFamily",
    "SpritesPipeline": "dsrbench.alignment.families.sprites:SpritesFamily",
    "WanPipeline": "dsrbench.alignment.families.wan:WanFamily",
}
"""Class of a saved pipeline to the family that trains it, as "module:Class"."""


class Family(Protocol):
    """A model ready to be trained: its transformer, and what surrounds it.

    Attributes:
        transformer: Network that takes the LoRA: a ModelMixin of diffusers with its adapter methods.
        targets: Names of the layers the LoRA is put on unless others are asked for.
        defaults: Settings that suit this model better than the general ones.
        device: Device of the model, as torch names it.
    """

    @property
    def transformer(self) -> Any:
        """The transformer, loaded when it is first asked for."""
        ...

    targets: tuple[str, ...]
    defaults: Mapping[str, Any]
    device: str

    def __init__(self, folder: Path, *, device: str, dtype: str) -> None: ...

    def encode_text(self, texts: Sequence[str]) -> list[Text]:
        """Features of each text."""
        ...

    def encode_video(self, frames: NDArray[np.uint8]) -> Tensor:
        """Latents of a clip, RGB uint8 `[T, H, W, 3]`, without a batch dimension."""
        ...

    def draw_times(self, count: int, generator: Generator, shape: Sequence[int]) -> Tensor:
        """Noise levels to train latents of a shape at, `[count]`, in whatever unit the family's other methods take."""
        ...

    def add_noise(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Noisy latents `[B, ...]`."""
        ...

    def target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Return the target of `predict`, `[B, ...]`."""
        ...

    def predict(self, model: nn.Module, noisy: Tensor, times: Tensor, texts: Sequence[Text]) -> Tensor:
        """Return the output of `model`, which is the transformer or a wrapper of it, `[B, ...]`."""
        ...


def find_family_class(folder: Path) -> type[Family]:
    """Return the class that trains the model in a folder, with its `defaults`; the model is not loaded.

    Raises:
        WeightsError: No such folder.
        InputError: A pipeline that no family knows; they are listed. Or one with two transformers.
    """
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        kind = index["_class_name"]
    except (OSError, ValueError, KeyError, TypeError):
        raise WeightsError(f"{folder}: expected a folder with the model_index.json of a diffusers pipeline") from None
    if kind not in FAMILIES:
        raise InputError(f"{folder}: no recipe to train a {kind}; known: {', '.join(list_families())}")
    if any(index.get("transformer_2") or ()):
        raise InputError(
            f"{folder}: a {kind} with two transformers, each for some of the noise levels (Wan 2.2 A14B), cannot be "
            f"trained: a LoRA goes on one. Take one of one transformer, such as wan2.1-1.3b or wan2.2-5b"
        )
    module, _, name = FAMILIES[kind].partition(":")
    return cast(type[Family], getattr(importlib.import_module(module), name))


def find_family(folder: Path, *, device: str | None = None, dtype: str = "float32") -> Family:
    """Load the model in a folder as what training needs.

    Args:
        folder: Saved by a diffusers pipeline.
        device: Device as torch names it; by default CUDA where torch sees one, else the CPU.
        dtype: Precision of the frozen weights.

    Raises:
        WeightsError: No such folder.
        InputError: A pipeline that no family knows; they are listed.
        OptionError: A device that torch cannot use.
    """
    from diffusers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    return find_family_class(folder)(folder, device=check_device(device), dtype=dtype)


def list_families() -> list[str]:
    """Classes of pipelines that can be trained, sorted."""
    return sorted(FAMILIES)
