"""Compile the blocks of a network and select the attention kernel of diffusers; both only make it faster."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from dsrbench.errors import OptionError, first_line, near_matches

T = TypeVar("T")
logger = logging.getLogger("dsrbench")


def list_attentions() -> list[str]:
    """Return the names of the attention kernels that diffusers knows, installed or not.

    Those whose code diffusers would fetch from the Hub and run (`flash_hub` and others) are not among them.
    """
    from diffusers.models.attention_dispatch import AttentionBackendName

    return [kernel.value for kernel in AttentionBackendName if not kernel.value.endswith("_hub")]


def check_attention(kernel: str) -> None:
    """Check that an attention kernel can be used on this machine; nothing is loaded.

    Args:
        kernel: One of `list_attentions`, such as `_native_cudnn` or `flash`.

    Raises:
        OptionError: There is no such kernel, or a package or version that it needs is absent.
    """
    from diffusers import attention_backend

    known = list_attentions()
    if kernel not in known:
        raise OptionError(f"attention must be one of {', '.join(known)}{near_matches(kernel, known)}; got {kernel!r}")
    try:
        with attention_backend(kernel):
            pass
    except Exception as error:  # what diffusers raises for a kernel that cannot be used is not documented
        raise OptionError(f"attention {kernel!r} cannot be used here ({first_line(error)})") from None


def select_attention(transformer: Any, kernel: str) -> None:
    """Make a transformer of diffusers use an attention kernel; other transformers keep theirs.

    Raises:
        OptionError: The kernel cannot be used, as for `check_attention`, or the transformer has no choice of them.
    """
    check_attention(kernel)
    if not hasattr(transformer, "set_attention_backend"):
        raise OptionError(f"a {type(transformer).__name__} has no choice of attention kernels; leave attention out")
    from diffusers import attention_backend

    with attention_backend(kernel):  # the next line sets the default of all transformers as well
        transformer.set_attention_backend(kernel)


class CompiledBlocks:
    """The repeated blocks of a network, compiled by torch at their first call.

    A block that cannot be compiled is no reason to stop: all of them then run as they are, and one line says so.

    Args:
        network: A module with lists of blocks, as the networks of diffusers and `transformers` have.

    Raises:
        OptionError: It has no list of blocks.
    """

    def __init__(self, network: Any) -> None:
        self._blocks = list(_find_blocks(network))
        if not self._blocks:
            raise OptionError(f"a {type(network).__name__} has no list of blocks to compile; leave compile out")
        for block in self._blocks:
            block.compile()

    def run(self, call: Callable[[], T]) -> T:
        """Return the result of a function that calls the network, again without compilation if that fails."""
        try:
            with _quiet_compiler():
                return call()
        except Exception as error:
            if not _is_of_compiler(error) or not self._blocks:
                raise
            reason = first_line(error)
        logger.warning("the blocks cannot be compiled (%s); going on without compilation", reason)
        self.undo()
        return call()

    def undo(self) -> None:
        """Let the blocks run as they are."""
        for block in self._blocks:
            block._compiled_call_impl = None
        self._blocks = []


def _find_blocks(network: Any) -> Iterator[Any]:
    """Yield the members of the outermost lists of modules that have a normalisation, as the blocks of transformers do.

    Small heads that come in lists, too, have none; to compile them takes longer than it saves.
    """
    from torch import nn

    for part in network.children():
        if not isinstance(part, nn.ModuleList):
            yield from _find_blocks(part)
        elif any("Norm" in type(module).__name__ for module in part.modules()):
            yield from part


def _is_of_compiler(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it was raised from, comes from torch's compiler."""
    while error is not None:
        if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            return True
        error = error.__cause__
    return False


@contextlib.contextmanager
def _quiet_compiler() -> Iterator[None]:
    """Silence what the compiler logs of its own; what matters is raised."""
    loggers = [logging.getLogger(name) for name in ("torch._dynamo", "torch._inductor", "torch._higher_order_ops")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
