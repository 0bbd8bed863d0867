"""Run a model on frames in batches, which are halved when they do not fit into memory."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import BackendError, DSRBenchError, OptionError, first_line

T = TypeVar("T")
logger = logging.getLogger("dsrbench")


class Batches:
    """Runner of a function on batches of frames; if a batch does not fit into memory, it and all later ones are halved.

    Attributes:
        size: Current number of frames of a batch.

    Args:
        size: Initial number of frames of a batch.
        backend: Name of the backend, for messages.

    Raises:
        OptionError: The size is less than one frame.
    """

    def __init__(self, size: int, *, backend: str) -> None:
        if size < 1:
            raise OptionError(f"batch must be at least 1 frame, got {size}")
        self.size = size
        self._backend = backend

    def run(self, frames: NDArray[np.uint8], forward: Callable[[NDArray[np.uint8]], list[T]]) -> list[T]:
        """Call `forward` on batches of frames uint8 `[T, H, W, 3]` and return one result per frame.

        Raises:
            BackendError: A single frame does not fit into memory.
        """
        done: list[T] = []
        while len(done) < len(frames):
            part, failure = frames[len(done) : len(done) + self.size], ""
            try:
                done += forward(part)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                failure = first_line(error)
            if failure:  # outside `except`, the error no longer holds the memory of the batch
                self._halve(part, failure)
        return done

    def _halve(self, part: NDArray[np.uint8], reason: str) -> None:
        height, width = part.shape[1:3]
        if len(part) == 1:
            raise BackendError(
                f"{self._backend}: not even one frame of {width}x{height} fits into memory ({reason}); take a smaller "
                f"model, the option dtype=bfloat16 or device=cpu"
            )
        self.size = len(part) // 2
        logger.warning(
            "%s: out of memory with %d frames of %dx%d, going on with %d at a time",
            self._backend,
            len(part),
            width,
            height,
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
