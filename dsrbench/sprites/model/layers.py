"""Attention and feed-forward layers shared by the text encoder and the video transformer."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head attention with normalised queries and keys; its projections have the names that diffusers uses.

    Args:
        width: Number of features of the queries and of the result.
        heads: Number of heads, a divisor of `width`.
        context_width: Number of features of keys and values; by default `width`.
    """

    def __init__(self, width: int, heads: int, context_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width or width, width, bias=False)
        self.to_v = nn.Linear(context_width or width, width, bias=False)
        self.to_out = nn.Linear(width, width)
        self.norm_q = nn.LayerNorm(width // heads)
        self.norm_k = nn.LayerNorm(width // heads)

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Attend from `x` `[B, N, width]` to `context` `[B, M, ...]`, by default to itself.

        `mask` is bool `[B, M]`, true for tokens to attend to.
        """
        context = x if context is None else context
        q, k, v = (
            layer(source).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, source in ((self.to_q, x), (self.to_k, context), (self.to_v, context))
        )
        # For so few tokens, torch's fused attention was slower in bfloat16 on a CPU.
        q, k = (self.norm_q(q) * q.shape[-1] ** -0.5).to(v.dtype), self.norm_k(k).to(v.dtype)
        scores = q @ k.transpose(-1, -2)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], float("-inf"))
        mixed = scores.softmax(dim=-1).to(v.dtype) @ v
        out: Tensor = self.to_out(mixed.transpose(1, 2).flatten(2))
        return out


class FeedForward(nn.Module):
    """Two linear layers with a SiLU between them (GELU was slower in bfloat16 on a CPU)."""

    def __init__(self, width: int, ratio: float) -> None:
        super().__init__()
        self.enter = nn.Linear(width, int(width * ratio))
        self.leave = nn.Linear(int(width * ratio), width)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers to `[..., width]`; the shape stays the same."""
        out: Tensor = self.leave(F.silu(self.enter(x)))
        return out
