"""From masks to boxes, on the device of the masks."""

from __future__ import annotations

from typing import Any


def bound_masks(masks: Any, *, inclusive: bool = False) -> Any:
    """Return the tight boxes of masks.

    Args:
        masks: Tensor of torch, bool `[N, H, W]`, on any device.
        inclusive: Give the last pixels as right and bottom edges (the published protocol), not the pixels after them.

    Returns:
        The boxes, float32 `[N, 4]` in pixels on the same device; NaN for an empty mask.

    >>> import torch
    >>> masks = torch.zeros(2, 5, 8, dtype=torch.bool)
    >>> masks[1, 1:3, 2:6] = True
    >>> bound_masks(masks)
    tensor([[nan, nan, nan, nan],
            [2., 1., 6., 3.]])
    >>> bound_masks(masks, inclusive=True)[1]
    tensor([2., 1., 5., 2.])
    """
    import torch

    edges = []
    for occupied in (masks.any(dim=1), masks.any(dim=2)):
        size = occupied.shape[1]
        first = occupied.int().argmax(dim=1)
        last = size - 1 - occupied.int().flip(1).argmax(dim=1)
        edges.append((first, last if inclusive else last + 1))
    (left, right), (top, bottom) = edges
    boxes = torch.stack([left, top, right, bottom], dim=1).float()
    return boxes.masked_fill(~masks.flatten(1).any(dim=1, keepdim=True), torch.nan)


def pack_masks(masks: Any) -> Any:
    """Return masks as bits, as `numpy.packbits` gives them for the pixels of each mask row by row.

    Args:
        masks: Tensor of torch, bool `[N, H, W]`, on any device.

    Returns:
        Bits, uint8 `[N, ceil(H * W / 8)]` on the same device.

    >>> import torch
    >>> pack_masks(torch.tensor([[[True, False, False], [False, False, True]]]))
    tensor([[132]], dtype=torch.uint8)
    """
    import torch

    count = masks[0].numel()
    pixels = torch.nn.functional.pad(masks.flatten(1).to(torch.uint8), (0, -count % 8))
    places = torch.tensor([128, 64, 32, 16, 8, 4, 2, 1], dtype=torch.uint8, device=masks.device)
    return (pixels.view(len(masks), -1, 8) * places).sum(dim=2, dtype=torch.uint8)
