"""The LoRA that is trained: put on a transformer, switched off for the reference, saved as diffusers saves it."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from dsrbench.errors import InputError, WeightsError, near_matches
from dsrbench.store import LocalDisk, pack_tensors, sort_notes

ADAPTER = "default"
FILE = "pytorch_lora_weights.safetensors"
PREFIX = "transformer."


def add_lora(transformer: Any, *, rank: int, alpha: int, targets: Sequence[str], seed: int) -> dict[str, nn.Parameter]:
    """Freeze a transformer and put a LoRA on it, in float32.

    Args:
        transformer: With diffusers' adapter methods.
        rank: Rank of the two matrices.
        alpha: The change is multiplied by alpha / rank.
        targets: Names of linear layers, or the ends of their dotted paths.
        seed: Random seed of the first matrices; the second ones begin at zero.

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
    originals = {name: parameter.data for name, parameter in parameters.items()}
    try:
        for name, parameter in parameters.items():
            parameter.data = values[name].to(parameter.device, parameter.dtype)
        yield
    finally:
        for name, parameter in parameters.items():
            parameter.data = originals[name]


def load_lora(parameters: Mapping[str, nn.Parameter], folder: Path) -> None:
    """Give the parameters the values of an adapter that `save_lora` wrote.

    Raises:
        WeightsError: Not such a file, or one of another model or rank.
    """
    path = folder / FILE
    try:
        saved = {name.removeprefix(PREFIX): value for name, value in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: the adapter cannot be read ({error})") from None
    targets = {name.replace(f".{ADAPTER}.", "."): parameter for name, parameter in parameters.items()}
    unlike = [n for n in {*targets, *saved} if n not in targets or n not in saved or targets[n].shape != saved[n].shape]
    if unlike:
        raise WeightsError(
            f"{path}: an adapter of another model, rank or other layers: {len(unlike)} of {len(targets)} matrices "
            f"differ, such as {min(unlike)}"
        )
    for name, parameter in targets.items():
        parameter.data.copy_(saved[name])


def average_adapters(old: Path | None, new: Path, *, old_share: float, out: Path) -> None:
    """Write the average of two adapters that `save_lora` wrote, one begun from the other.

    Args:
        old: Folder of the older one; None for no adapter, which is one whose second matrices are zero.
        new: Folder of the newer one.
        old_share: Weight of the older one, in 0..1.
        out: Folder of the average.
    """
    with safe_open(new / FILE, "pt") as file:
        notes = file.metadata()
        average = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    before = load_file(old / FILE) if old is not None else {}
    for name, value in average.items():
        start = before[name] if before else torch.zeros_like(value) if ".lora_B." in name else value
        average[name] = torch.lerp(value, start, old_share)
    LocalDisk(out).write_atomic(FILE, pack_tensors(average, notes))


def norm_of_change(parameters: Mapping[str, nn.Parameter], *, scale: float) -> float:
    """Frobenius norm of all an adapter adds to the weights, scale x B A of every layer; 0 at its beginning.

    >>> a, b = torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0], [0.0]])
    >>> norm_of_change({"x.lora_A.default.weight": a, "x.lora_B.default.weight": b}, scale=2.0)
    10.0
    """
    total = 0.0
    for name, parameter in parameters.items():
        if ".lora_A." in name:
            a, b = parameter.detach(), parameters[name.replace(".lora_A.", ".lora_B.")].detach()
            total += float(((b.T @ b) * (a @ a.T)).sum())  # the squared norm of B A, without making it
    return scale * math.sqrt(max(total, 0.0))


def norm_of_base(transformer: nn.Module, parameters: Mapping[str, nn.Parameter]) -> float:
    """Frobenius norm of the weights an adapter changes."""
    layers = [name.partition(".lora_A.")[0] for name in parameters if ".lora_A." in name]
    weights = (transformer.get_parameter(f"{layer}.base_layer.weight") for layer in layers)
    return math.sqrt(sum(float(weight.detach().float().square().sum()) for weight in weights))


def save_lora(transformer: Any, folder: Path) -> None:
    """Write the LoRA with its alpha as pipelines of diffusers do, so that their `load_lora_weights` reads it.

    Equal weights give equal bytes, although peft keeps the names of the layers in a set without a fixed order.
    """
    from diffusers.loaders.lora_base import LoraBaseMixin
    from peft.utils import get_peft_model_state_dict

    weights = get_peft_model_state_dict(transformer, adapter_name=ADAPTER)
    facts = transformer.peft_config[ADAPTER].to_dict()
    facts = {name: sorted(value) if isinstance(value, set) else value for name, value in facts.items()}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as part:
        LoraBaseMixin.write_lora_layers(
            state_dict={f"{PREFIX}{name}": value.detach().cpu() for name, value in weights.items()},
            save_directory=part,
            is_main_process=True,
            weight_name=FILE,
            save_function=None,
            safe_serialization=True,
            lora_adapter_metadata={f"{PREFIX}{name}": value for name, value in facts.items()},
        )
        LocalDisk(folder).write_atomic(FILE, sort_notes((Path(part) / FILE).read_bytes()))
