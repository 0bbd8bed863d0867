"""The state that a training hands from one process to the next: trained parameters, averages, optimizer; no pickle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from dsrbench.alignment.settings import rename_settings
from dsrbench.errors import RunMismatchError, StoreError
from dsrbench.store import LocalDisk, describe_changes, pack_tensors

NAME = "state.safetensors"


def checkpoint_folder(folder: Path, step: int) -> Path:
    """Where the adapter of a step is, in the folder of its training."""
    return folder / f"checkpoint-{step:06d}"


def rotate_checkpoints(folder: Path, *, keep: int, best: int | None = None) -> None:
    """Delete all checkpoints but the `keep` newest and the best one."""
    for path in sorted(folder.glob("checkpoint-*"))[:-keep]:
        if best is None or path != checkpoint_folder(folder, best):
            shutil.rmtree(path)


def save_state(
    folder: Path,
    *,
    step: int,
    settings: Mapping[str, Any],
    parameters: Mapping[str, nn.Parameter],
    averages: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write `state.safetensors`, whole or not at all.

    Raises:
        StoreError: It cannot be written.
    """
    tensors = {f"parameter/{name}": value.detach().cpu() for name, value in parameters.items()}
    tensors |= {f"average/{name}": value.cpu() for name, value in averages.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{key}": torch.as_tensor(value).cpu() for key, value in state.items()}
    metadata = {"step": str(step), "settings": json.dumps(settings, sort_keys=True)}
    LocalDisk(folder).write_atomic(NAME, pack_tensors(tensors, metadata))


def load_state(
    folder: Path,
    *,
    settings: Mapping[str, Any],
    parameters: Mapping[str, nn.Parameter],
    averages: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> int:
    """Restore in place what `save_state` wrote.

    Returns:
        Steps that were done; 0 where there is no state.

    Raises:
        RunMismatchError: It was trained with other settings; they are named.
        StoreError: Damaged.
    """
    path = folder / NAME
    if not path.exists():
        return 0
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{path}: damaged ({error}); delete the folder {folder} to train anew") from None
    changes = describe_changes(rename_settings(json.loads(metadata["settings"])), settings)
    if changes:
        raise RunMismatchError(
            f"{folder} holds a training with other settings ({'; '.join(changes[:4])}); give another --out folder, the "
            f"same settings, or delete it to train anew"
        )
    for name, parameter in parameters.items():
        parameter.data.copy_(tensors[f"parameter/{name}"])
    for name in averages:
        averages[name] = tensors[f"average/{name}"].to(parameters[name].device)
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/", 2)
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return int(metadata["step"])
