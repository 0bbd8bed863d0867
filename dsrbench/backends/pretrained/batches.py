"""Frames through a model, some at a time; fewer where they do not fit into memory."""

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
    """Gives a function frames in batches; a batch that does not fit is halved, and so are all that follow.

    Attributes:
        size: Frames a batch, now.

    Args:
        size: Frames a batch, to begin with.
        backend: Whose batches, for messages.

    Raises:
        OptionError: Less than one frame.
    """

    def __init__(self, size: int, *, backend: str) -> None:
        if size < 1:
            raise OptionError(f"batch must be at least 1 frame, got {size}")
        self.size = size
        self._backend = backend

    def run(self, frames: NDArray[np.uint8], forward: Callable[[NDArray[np.uint8]], list[T]]) -> list[T]:
        """What `forward` makes of each of the frames uint8 `[T, H, W, 3]`.

        Raises:
            BackendError: Not even one frame fits.
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
            if failure:  # here the error has let go of what the batch had in memory
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
    """Whether an error says that memory ran out, on a GPU or in the machine."""
    import torch

    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in said or "not enough memory" in said)
    )


@contextlib.contextmanager
def explaining_memory(explain: Callable[[str], DSRBenchError]) -> Iterator[None]:
    """Where memory runs out within, raise what `explain` makes of the first line that is said of it."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise explain(first_line(error)) from None


def free_memory() -> None:
    """Give back what torch keeps of the GPU's memory for later use."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
