"""Files of a training, always replaced as a whole: checkpoints of a stage, and folders of finished weights."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import ModelMixin
from safetensors import safe_open
from torch import Tensor, nn

from dsrbench.errors import StoreError
from dsrbench.sprites.embedded import Kind
from dsrbench.sprites.training.card import finish_folder
from dsrbench.sprites.training.settings import Settings
from dsrbench.store import LocalDisk, pack_tensors


class Progress:
    """State of a stage that continues from one run to the next.

    Args:
        path: Path of the checkpoint.
        modules: Trained modules by name.
        optimizers: Optimisers of the modules, always in the same order.
        settings: Settings that must not change between runs.
        averaged: Modules that hold running averages, by name.
    """

    def __init__(
        self,
        path: Path,
        *,
        modules: Mapping[str, nn.Module],
        optimizers: Sequence[torch.optim.Optimizer],
        settings: Mapping[str, Any],
        averaged: Mapping[str, nn.Module] | None = None,
    ) -> None:
        self.path = path
        self.optimizers = list(optimizers)
        self.settings = json.dumps(settings, sort_keys=True)
        self._modules = {**modules, **{f"average {name}": module for name, module in (averaged or {}).items()}}

    def save(self, step: int) -> None:
        """Write a checkpoint, then put it in the place of the last one."""
        tensors: dict[str, Tensor] = {}
        for name, module in self._modules.items():
            tensors.update({f"{name}/{key}": value.contiguous() for key, value in module.state_dict().items()})
        for number, optimizer in enumerate(self.optimizers):
            for index, state in optimizer.state_dict()["state"].items():
                for key, value in state.items():
                    tensors[f"optimizer {number}/{index}/{key}"] = torch.as_tensor(value).contiguous()
        notes = {"step": str(step), "settings": self.settings}
        LocalDisk(self.path.parent).write_atomic(self.path.name, pack_tensors(tensors, notes))

    def load(self) -> int:
        """Restore the last checkpoint.

        Returns:
            Number of steps done; 0 without a checkpoint.

        Raises:
            StoreError: The checkpoint was made with other settings.
        """
        if not self.path.exists():
            return 0
        with safe_open(self.path, "pt") as file:
            metadata = file.metadata()
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
        if metadata["settings"] != self.settings:
            raise StoreError(
                f"{self.path}: this training was begun with other settings: {metadata['settings']}; "
                f"now {self.settings}. Use another folder, or the same settings"
            )
        for name, module in self._modules.items():
            module.load_state_dict(_under(tensors, name))
        for number, optimizer in enumerate(self.optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(tensors, f"optimizer {number}").items():
                index, _, entry = key.partition("/")
                state.setdefault(int(index), {})[entry] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        return int(metadata["step"])


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces `folder` when the block ends without an error."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def halve(network: nn.Module) -> nn.Module:
    """Convert weights and buffers to half precision, in place, and return the network."""
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data = tensor.data.half()
    return network


def save_halved(folder: Path, kind: Kind, network: ModelMixin, settings: Settings) -> None:
    """Write a network in half precision into the folder of its kind, with its card and sums."""
    halve(network)
    with whole_folder(folder / kind) as temporary:
        network.save_pretrained(temporary)
        finish_folder(temporary, kind, settings, log=folder / "log.jsonl")


def _under(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key[len(name) + 1 :]: value for key, value in tensors.items() if key.startswith(f"{name}/")}
