"""Run a model on frames or questions in batches, which are halved when they do not fit into memory."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import BackendError, DSRBenchError, OptionError, first_line

T = TypeVar("T")
S = TypeVar("S", NDArray[np.uint8], Sequence[Any])
logger = logging.getLogger("dsrbench")


class Batches:
    """Runner of a function on batches of frames; if a batch does not fit into memory, it and all later ones are halved.

    Attributes:
        size: Current number of frames of a batch.

    Args:
        size: Initial number of frames of a batch.
        backend: Name of the backend, for messages.
        unit: Word for a member of a batch, for messages.

    Raises:
        OptionError: The size is less than one frame.
    """

    def __init__(self, size: int, *, backend: str, unit: str = "frame") -> None:
        if size < 1:
            raise OptionError(f"batch must be at least 1 {unit}, got {size}")
        self.size = size
        self._backend, self._unit = backend, unit

    def run(self, members: S, forward: Callable[[S], list[T]]) -> list[T]:
        """Call `forward` on batches of frames uint8 `[T, H, W, 3]`, or of a list, and return one result per member.

        Raises:
            BackendError: A single member does not fit into memory.
        """
        done: list[T] = []
        while len(done) < len(members):
            part, failure = members[len(done) : len(done) + self.size], ""
            try:
                done += forward(part)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                failure = first_line(error)
            if failure:  # outside `except`, the error no longer holds the memory of the batch
                self._halve(part, failure)
        return done

    def _halve(self, part: Sequence[Any] | NDArray[np.uint8], reason: str) -> None:
        shape = getattr(part, "shape", None)  # of frames, an array or a tensor
        size = f" of {shape[2]}x{shape[1]}" if shape is not None else ""
        if len(part) == 1:
            raise BackendError(
                f"{self._backend}: not even one {self._unit}{size} fits into memory ({reason}); take a smaller "
                f"model, the option dtype=bfloat16 or device=cpu"
            )
        self.size = len(part) // 2
        logger.warning(
            "%s: out of memory with %d %ss%s, going on with %d at a time",
            self._backend,
            len(part),
            self._unit,
            size,
            self.size,
        )
        free_memory()


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error says that memory ran out, on a GPU or in the machine."""
    import torch

    message = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in message or "not enough memory" in message)
    )


@contextlib.contextmanager
def explaining_memory(explain: Callable[[str], DSRBenchError]) -> Iterator[None]:
    """Replace an out-of-memory error inside the block by what `explain` returns for its first line."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise explain(first_line(error)) from None


def free_memory() -> None:
    """Release the GPU memory that torch caches."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
