"""Low-rank changes of a network's linear layers: added for training, saved by themselves, merged when loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from dsrbench.errors import WeightsError


class LowRankChange(nn.Module):
    """Parametrization of a weight matrix `[out, in]`: the matrix plus `up @ down`, which begins as zero.

    Args:
        out_features: Number of rows of the matrix.
        in_features: Number of columns of the matrix.
        rank: Number of rows of `down` and of columns of `up`.
    """

    def __init__(self, out_features: int, in_features: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, in_features) / in_features**0.5)
        self.up = nn.Parameter(torch.zeros(out_features, rank))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the changed matrix."""
        return weight + self.up @ self.down


def list_layers(network: nn.Module) -> dict[str, nn.Linear]:
    """Return the linear layers of a network by name."""
    return {name: module for name, module in network.named_modules() if isinstance(module, nn.Linear)}


def add_changes(network: nn.Module, rank: int) -> None:
    """Freeze a network, and add a trainable low-rank change to each of its linear layers, in place."""
    network.requires_grad_(False)
    for layer in list_layers(network).values():
        parametrize.register_parametrization(
            layer, "weight", LowRankChange(layer.out_features, layer.in_features, rank)
        )


def read_changes(network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of the changes of a network from `add_changes`, `LAYER.up` and `LAYER.down`."""
    tensors: dict[str, Tensor] = {}
    for name, layer in list_layers(network).items():
        change = cast(LowRankChange, layer.parametrizations["weight"][0])  # type: ignore[index]
        tensors |= {f"{name}.up": change.up.detach(), f"{name}.down": change.down.detach()}
    return tensors


@torch.no_grad()
def merge_changes(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Add low-rank changes to the weights of a network's linear layers, in place.

    Args:
        network: Network without changes.
        tensors: Tensors from `read_changes`, in any precision.

    Raises:
        WeightsError: The changes are not of this network.
    """
    layers = list_layers(network)
    expected = {f"{name}.{part}" for name in layers for part in ("up", "down")}
    if set(tensors) != expected:
        unknown = sorted(set(tensors) ^ expected)[0]
        raise WeightsError(f"the low-rank changes do not fit the network: {unknown} is in only one of the two")
    for name, layer in layers.items():
        change = tensors[f"{name}.up"].float() @ tensors[f"{name}.down"].float()
        if change.shape != layer.weight.shape:
            expected_shape = list(layer.weight.shape)
            raise WeightsError(f"the change of {name} has the shape {list(change.shape)}, expected {expected_shape}")
        layer.weight += change.to(layer.weight.dtype)
