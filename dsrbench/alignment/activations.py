"""Keep outputs of attention for the backward pass, and let what is kept wait in the memory of the machine.

diffusers gives every block to a function that keeps the block's input and computes the block again in the backward
pass. The function of this module can keep the outputs of attention as well, so that only the rest of a block is
computed again, and can let all that it keeps wait in the memory of the machine in place of that of the GPU.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

logger = logging.getLogger("dsrbench")

ATTENTIONS = frozenset(
    f"aten::{name}"
    for name in (
        "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_efficient_attention",
        "_scaled_dot_product_cudnn_attention",
        "_scaled_dot_product_fused_attention_overrideable",
    )
)
"""Operations by which torch computes attention; its `math` variant is not among them, since it is several."""

MIN_ELEMENTS = 1024
"""Tensors of fewer elements, such as seeds, stay where they are."""

Keep = Callable[[Tensor], Any]
"""Takes a tensor and returns what is held in its place."""

Fetch = Callable[[Any], Any]
"""Takes what is held in place of a tensor and returns the tensor, or anything else as it is."""


class BlockCheckpoint:
    """A function for `enable_gradient_checkpointing` of diffusers, which calls a block and decides what is kept.

    A block that is compiled is compiled together with its checkpoint where outputs of attention are kept: compiled code
    writes into tensors that it no longer needs, and one that was kept outside would hold other values.

    Args:
        keep_attention: Whether outputs of attention are kept; only of attention whose keys are at least as many as its
            queries. That over a few words of a text costs little and has outputs as large as that over the video.
        offload: Whether what is kept waits in the memory of the machine. On a CPU it is there already.
    """

    def __init__(self, *, keep_attention: bool, offload: bool) -> None:
        self._keeps_attention = keep_attention
        self._memory = HostMemory() if offload else None
        self._has_warned = False

    def __call__(self, block: nn.Module, *arguments: Any) -> Any:
        """Return the block's output for the arguments, the first of which is the output of the block before.

        The other arguments stay where they are: most are shared by all blocks.
        """
        if self._memory is None:
            return self._call(block, arguments, _keep_as_it_is, _keep_as_it_is)
        others = tree_leaves((arguments[1:], list(block.parameters()), list(block.buffers())))
        shared = {tensor.data_ptr() for tensor in others if isinstance(tensor, Tensor)}
        keep = functools.partial(_keep_unless, shared, self._memory.store)
        with saved_tensors_hooks(keep, self._memory.fetch):
            return self._call(block, arguments, keep, self._memory.fetch)

    @functools.cached_property
    def _compiled(self) -> Callable[..., Any]:
        compiled: Callable[..., Any] = torch.compile(_checkpoint_compiled, fullgraph=True)
        return compiled

    def _call(self, block: nn.Module, arguments: Sequence[Any], keep: Keep, fetch: Fetch) -> Any:
        if not self._keeps_attention:
            return checkpoint(block, *arguments, use_reentrant=False)
        if block._compiled_call_impl is not None:
            return self._compiled(block, *arguments)
        outputs = AttentionOutputs(keep, fetch)
        output = checkpoint(block, *arguments, use_reentrant=False, context_fn=outputs.make_contexts)
        if not len(outputs) and not self._has_warned:
            logger.warning("torch computes attention by no single operation here; keep_attention keeps nothing")
            self._has_warned = True
        return output


class AroundAttention(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within, a function answers for every call of attention whose outputs are kept.

    Args:
        answer: Takes a function that computes the outputs; returns the outputs.
    """

    def __init__(self, answer: Callable[[Callable[[], Any]], Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._answer = answer

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call an operation of torch, or let the function answer."""
        call = functools.partial(func, *args, **(kwargs or {}))
        return self._answer(call) if _is_kept(func, args) else call()


class AttentionOutputs:
    """Outputs of attention of one call of a block, in order.

    Args:
        keep: Gives what is held in place of a tensor.
        fetch: Gives the tensor back.
    """

    def __init__(self, keep: Keep, fetch: Fetch) -> None:
        self._keep, self._fetch = keep, fetch
        self._held: collections.deque[Any] = collections.deque()

    def __len__(self) -> int:
        return len(self._held)

    def make_contexts(self) -> tuple[AroundAttention, AroundAttention]:
        """Return the context of the first computation of the block, and that of the second."""
        return AroundAttention(self._compute), AroundAttention(self._take)

    def _compute(self, compute: Callable[[], Any]) -> Any:
        outputs = compute()  # what is kept is detached: it must not hold the graph that holds it
        self._held.append([self._keep(x.detach()) if isinstance(x, Tensor) else x for x in outputs])
        return outputs

    def _take(self, _: Callable[[], Any]) -> Any:
        return tuple(self._fetch(held) for held in self._held.popleft())


@dataclasses.dataclass(frozen=True)
class Stored:
    """A tensor that waits in the memory of the machine.

    Attributes:
        copy: The copy there.
        device: The device it came from.
    """

    copy: Tensor
    device: torch.device


class HostMemory:
    """Tensors that wait in the memory of the machine.

    Copies from and to a CUDA device are made by a stream of their own, while the device computes.
    """

    def __init__(self) -> None:
        self._streams: dict[torch.device, Any] = {}

    def store(self, tensor: Tensor) -> Stored:
        """Copy a tensor to the memory of the machine; one that is there already is not copied."""
        if tensor.device.type != "cuda":
            return Stored(tensor.cpu(), tensor.device)
        with self._beside(tensor.device) as (side, computing):
            side.wait_stream(computing)  # the tensor has its values then
            copy = torch.empty_like(tensor, device="cpu", pin_memory=True)
            copy.copy_(tensor, non_blocking=True)
            tensor.record_stream(side)  # its memory is used for nothing else until it is copied
        return Stored(copy, tensor.device)

    def fetch(self, held: Any) -> Any:
        """Return a stored tensor on its device; anything else is returned as it is."""
        if not isinstance(held, Stored):
            return held
        if held.device.type != "cuda":
            return held.copy.to(held.device)
        with self._beside(held.device) as (side, computing):
            tensor = held.copy.to(held.device, non_blocking=True)
        computing.wait_stream(side)
        tensor.record_stream(computing)  # it belongs to the other stream, and is used in this one
        return tensor

    @contextlib.contextmanager
    def _beside(self, device: torch.device) -> Iterator[tuple[Any, Any]]:
        """Within, the stream for copies is the current one; yields it and the one that was."""
        computing = torch.cuda.current_stream(device)
        if device not in self._streams:
            self._streams[device] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        side = self._streams[device]
        with torch.cuda.stream(side):
            yield side, computing


def _checkpoint_compiled(block: nn.Module, *arguments: Any) -> Any:
    """Call a block of which torch's compiler keeps the input and the outputs of attention; it is compiled whole."""
    contexts = functools.partial(create_selective_checkpoint_contexts, _choose_policy)
    return checkpoint(block.forward, *arguments, use_reentrant=False, context_fn=contexts)


def _choose_policy(_: Any, func: Any, *args: Any, **__: Any) -> CheckpointPolicy:
    return CheckpointPolicy.MUST_SAVE if _is_kept(func, args) else CheckpointPolicy.PREFER_RECOMPUTE


def _is_kept(func: Any, args: Sequence[Any]) -> bool:
    """Tell whether an operation is attention, of queries and keys `[..., L, D]`, whose outputs are kept."""
    return func.name().split(".")[0] in ATTENTIONS and bool(args[0].shape[-2] <= args[1].shape[-2])


def _keep_as_it_is(value: Any) -> Any:
    return value


def _keep_unless(shared: set[int], store: Keep, tensor: Tensor) -> Any:
    """Store a tensor unless it is small, or its memory begins where that of a shared one does."""
    return tensor if tensor.numel() < MIN_ELEMENTS or tensor.data_ptr() in shared else store(tensor)
