"""Filling of the frames in which an association tracker missed an entity."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from dsrbench.types import Floats, FrameState


def fill_gaps(boxes: Floats, *, gap: int) -> tuple[Floats, NDArray[np.uint8]]:
    """Interpolate short interior gaps linearly; nothing is extrapolated at either end.

    Args:
        boxes: One entity's boxes `[T, 4]`; NaN means absent.
        gap: Longest run of absent frames that is filled.

    Returns:
        The boxes with gaps filled, and a `FrameState` a frame, uint8 `[T]`.

    >>> nan = [np.nan] * 4
    >>> boxes, state = fill_gaps(np.array([nan, [0, 0, 1, 1], nan, [2, 0, 3, 1]]), gap=1)
    >>> boxes[2].tolist(), state.tolist()
    ([1.0, 0.0, 2.0, 1.0], [0, 1, 3, 1])
    """
    filled = boxes.copy()
    state = np.where(np.isnan(boxes[:, 0]), FrameState.ABSENT, FrameState.DETECTED).astype(np.uint8)
    seen = np.flatnonzero(state == FrameState.DETECTED)
    for before, after in itertools.pairwise(seen):
        absent = after - before - 1
        if 0 < absent <= gap:
            share = np.arange(1, absent + 1)[:, None] / (absent + 1)
            filled[before + 1 : after] = boxes[before] + share * (boxes[after] - boxes[before])
            state[before + 1 : after] = FrameState.FILLED
    return filled, state
