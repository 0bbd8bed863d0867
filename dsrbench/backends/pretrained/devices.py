"""Device and precision of a model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from dsrbench.errors import OptionError, first_line

DTYPES = ("float32", "float16", "bfloat16")
"""Names of the precisions that a model may have."""


def check_device(device: str | None) -> str:
    """Return a device that torch can use; for None, CUDA if torch can use it, else the CPU.

    Raises:
        OptionError: Torch cannot use the device.
    """
    import torch

    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)  # a busy GPU may refuse it
    except Exception as error:  # RuntimeError, AssertionError or NotImplementedError, depending on what is missing
        reason = first_line(error)
        raise OptionError(f"device {device!r} cannot be used ({reason}); expected cpu or, with a GPU, cuda:0") from None
    return device


def check_dtype(dtype: str) -> Any:
    """Return the torch type of one of `DTYPES`.

    Raises:
        OptionError: The name is not one of `DTYPES`.
    """
    if dtype not in DTYPES:
        raise OptionError(f"dtype must be one of {', '.join(DTYPES)}; got {dtype!r}")
    import torch

    return getattr(torch, dtype)


def choose_precision(dtype: str | None, device: str, *, on_gpu: str) -> str:
    """Return the precision of a network that is trained in float32.

    Args:
        dtype: One of `DTYPES`; None for `on_gpu` on a GPU of CUDA that computes in it, else float32.
        device: Device name of torch, as `check_device` returns it.
        on_gpu: One of `DTYPES`, the default on a GPU.

    Raises:
        OptionError: The name is not one of `DTYPES`, or it is bfloat16 and the GPU does not compute in it.
    """
    import torch

    if dtype is not None:
        check_dtype(dtype)
    if torch.device(device).type != "cuda":
        return dtype or "float32"
    with torch.cuda.device(device):
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    if dtype == "bfloat16" and not has_bfloat16:
        card = torch.cuda.get_device_name(device)
        raise OptionError(f"dtype bfloat16: {card} does not compute in it; take dtype=float16 or dtype=float32")
    return dtype or (on_gpu if has_bfloat16 else "float32")


def reduce_weights(net: Any, dtype: str) -> None:
    """Convert the weights of a network's linear layers and convolutions, in place, to a reduced precision.

    These are the layers that torch's autocast computes in the reduced precision; with their weights in it already,
    autocast gives the same results without converting them at every call.
    """
    from torch import nn

    layers = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    for module in net.modules():
        if isinstance(module, layers):
            module.to(check_dtype(dtype))


@contextlib.contextmanager
def inference(device: str, dtype: str) -> Iterator[None]:
    """Compute without gradients and, in a reduced precision, by torch's autocast, inside the block.

    Autocast leaves what needs the range or the digits of float32 in it, such as the coordinates of boxes: a coordinate
    in bfloat16 would be off by up to two pixels in a frame of 832.
    """
    import torch

    kind, reduced = torch.device(device).type, dtype != "float32"
    with torch.inference_mode(), torch.autocast(kind, check_dtype(dtype)) if reduced else contextlib.nullcontext():
        yield


def describe_free_memory(device: str) -> str:
    """Return a clause with the free memory of a GPU of CUDA, for messages; empty for other devices."""
    import torch

    if torch.device(device).type != "cuda":
        return ""
    free, total = torch.cuda.mem_get_info(device)
    return f", of whose {total / 2**30:.0f} GiB {free / 2**30:.1f} are free"
