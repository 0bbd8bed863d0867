"""A GPU that is none: tensors that say they are elsewhere, compute on the CPU, and refuse what a real GPU refuses.

    with PretendGpu():
        model.to("pretend")(frames.to("pretend")).cpu().numpy()

A tensor on the device `pretend` holds one on the CPU. It refuses to become a numpy array before `.cpu()`, and to meet a
tensor of the CPU in one operation, as CUDA does: but for numbers without dimensions, indices, and copies. Registering
the device changes the process for good, and torch's threads for it end the process with an abort: use it in a child
that ends with `os._exit`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils._pytree import arg_tree_leaves, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "pretend"


class _Module(_DummyBackendModule):
    """What `torch.cuda` is to CUDA; its random numbers are those of the CPU."""

    def get_rng_state(self, device: Any = None) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, device: Any = None) -> None:
        torch.set_rng_state(state)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float32, torch.bfloat16, torch.float16]


_setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
aten = torch.ops.aten

MIXED = {
    aten.copy_.default,
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
}
"""Operations in which CUDA takes tensors of the CPU as well: copies, and indices."""


def is_pretend(device: Any) -> bool:
    """Whether a device, or what names one, is the pretended one."""
    return isinstance(device, str | torch.device) and torch.device(device).type == NAME


def leave(value: Any) -> Any:
    """What a pretended tensor holds; anything else as it is."""
    return value.held if isinstance(value, PretendTensor) else value


def enter(value: Any) -> Any:
    """A tensor of the CPU as one of the pretended device; anything else as it is."""
    return PretendTensor(value) if isinstance(value, torch.Tensor) and not isinstance(value, PretendTensor) else value


class PretendTensor(torch.Tensor):
    """A tensor on the pretended device."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> PretendTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
        )
        made.held = held.detach()
        return made

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy. Use Tensor.cpu() first")

    __array__ = numpy

    def tolist(self) -> Any:
        return self.held.tolist()

    def __repr__(self, **_: Any) -> str:
        return f"PretendTensor({self.held})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        device = kwargs.get("device")
        others = [t for t in arg_tree_leaves(*args, **kwargs) if isinstance(t, torch.Tensor) and not isinstance(t, cls)]
        if func not in MIXED and func is not aten._to_copy.default and any(t.dim() for t in others):
            raise RuntimeError(f"Expected all tensors to be on the same device, but found {NAME}:0 and cpu in {func}")
        if device is not None:
            kwargs["device"] = torch.device("cpu")
        result = func(*tree_map(leave, args), **tree_map(leave, kwargs))
        if device is not None and not is_pretend(device):
            return result
        return return_and_correct_aliasing(func, args, kwargs, tree_map(enter, result))


def _empty(size: Any, *, dtype: Any = None, memory_format: Any = None, **_: Any) -> torch.Tensor:
    return PretendTensor(torch.empty(size, dtype=dtype, memory_format=memory_format or torch.contiguous_format))


def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, **_: Any) -> torch.Tensor:
    return PretendTensor(torch.empty_strided(size, stride, dtype=dtype))


def _copy_from(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    leave(target).copy_(leave(source))
    return target


LIBRARY = torch.library.Library("aten", "IMPL")
"""What operations written in C++ ask of a device: memory, and copies."""

LIBRARY.impl("empty.memory_format", _empty, "PrivateUse1")
LIBRARY.impl("empty_strided", _empty_strided, "PrivateUse1")
LIBRARY.impl("_copy_from", _copy_from, "PrivateUse1")

AUTOCAST = torch.library.Library("_", "IMPL")
"""Autocast changes no precision here."""

AUTOCAST.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")


class PretendGpu(TorchFunctionMode):
    """Within, `device="pretend"` makes tensors of that device, and `.to("pretend")` moves them there."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.to:
            return move(*args, **kwargs)
        if is_pretend(kwargs.get("device")) and not any(isinstance(t, PretendTensor) for t in arg_tree_leaves(*args)):
            return tree_map(enter, func(*args, **{**kwargs, "device": torch.device("cpu")}))
        return func(*args, **kwargs)


def move(tensor: torch.Tensor, *args: Any, copy: bool = False, **kwargs: Any) -> torch.Tensor:
    """What `tensor.to(...)` gives."""
    device, dtype, *_ = torch._C._nn._parse_to(*args, **kwargs)
    if dtype is not None:
        tensor = tensor.type(dtype)
    if device is None or is_pretend(device) == isinstance(tensor, PretendTensor):
        return tensor.clone() if copy else tensor
    return enter(tensor) if is_pretend(device) else tensor.held.clone()
