"""The LoRA that is trained: put on a transformer, switched off for the reference, saved as diffusers saves it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dsrbench.errors import InputError, near_matches

ADAPTER = "default"


def add_lora(transformer: Any, *, rank: int, alpha: int, targets: Sequence[str], seed: int) -> dict[str, nn.Parameter]:
    """Freeze a transformer and put a LoRA on it, in float32.

    Args:
        transformer: With diffusers' adapter methods.
        rank: Of the two matrices.
        alpha: The change is multiplied by alpha / rank.
        targets: Names of linear layers, or the ends of their dotted paths.
        seed: Of the first matrices; the second ones begin at zero.

    Returns:
        The trainable parameters by name.

    Raises:
        InputError: A target that matches no layer; near matches are named.
    """
    from peft import LoraConfig

    layers = [name for name, module in transformer.named_modules() if isinstance(module, nn.Linear)]
    for target in targets:
        if not any(name == target or name.endswith(f".{target}") for name in layers):
            ends = {name.rpartition(".")[2] if not name[-1].isdigit() else name for name in layers}
            raise InputError(f"no linear layer of the model is named {target!r}{near_matches(target, ends)}")
    transformer.requires_grad_(False)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        transformer.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets)))
    parameters = {name: p for name, p in transformer.named_parameters() if p.requires_grad}
    for parameter in parameters.values():
        parameter.data = parameter.data.float()
    return parameters


@contextlib.contextmanager
def reference(transformer: Any) -> Iterator[None]:
    """Within, the transformer is the frozen model: its adapters are off, and nothing is recorded for gradients."""
    transformer.disable_adapters()
    try:
        with torch.no_grad():
            yield
    finally:
        transformer.enable_adapters()


@contextlib.contextmanager
def swapped(parameters: Mapping[str, nn.Parameter], values: Mapping[str, Tensor]) -> Iterator[None]:
    """Within, the parameters have other values, for instance averaged ones."""
    kept = {name: parameter.data for name, parameter in parameters.items()}
    try:
        for name, parameter in parameters.items():
            parameter.data = values[name].to(parameter.dtype)
        yield
    finally:
        for name, parameter in parameters.items():
            parameter.data = kept[name]


def save_lora(transformer: Any, folder: Path) -> None:
    """Write the LoRA with its alpha, `pytorch_lora_weights.safetensors`, loadable by plain diffusers."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as part:
        transformer.save_lora_adapter(part, adapter_name=ADAPTER)
        folder.mkdir(exist_ok=True)
        for file in Path(part).iterdir():
            file.replace(folder / file.name)
