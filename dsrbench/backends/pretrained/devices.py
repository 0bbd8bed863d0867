"""Device and precision of a model."""

from __future__ import annotations

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
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
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
