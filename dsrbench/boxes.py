"""Arrays of boxes: x0, y0, x1, y1 in pixels, half-open, with y pointing down."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import BoxError

Floats = NDArray[np.float64]


def check_boxes(boxes: Any, name: str = "boxes") -> Floats:
    """Check boxes of one entity, a row a frame.

    Args:
        boxes: `[T, 4]` in x0, y0, x1, y1 order; a row that is NaN throughout means absent.
        name: Name of the boxes in an error.

    Returns:
        The boxes as float64 `[T, 4]`.

    Raises:
        BoxError: Wrong shape, NaN in part of a box, infinity, or negative width or height.
    """
    try:
        array = np.asarray(boxes, np.float64)
    except (TypeError, ValueError) as error:
        raise BoxError(f"{name}: expected numbers [T, 4], got {type(boxes).__name__} ({error})") from None
    if array.ndim != 2 or array.shape[1] != 4:
        raise BoxError(f"{name}: expected boxes of shape [T, 4] (x0, y0, x1, y1), got {list(array.shape)}")
    # One cheap pass decides whether all is well; the slow look for the frame at fault is for the error alone.
    with np.errstate(invalid="ignore"):
        ordered = (array[:, 2] >= array[:, 0]) & (array[:, 3] >= array[:, 1])
    good = ordered & np.isfinite(array).all(axis=1)
    if not good.all():
        good |= np.isnan(array).all(axis=1)
    if not good.all():
        frame = int(np.argmin(good))
        row = array[frame]
        what = "NaN or infinity in a box" if not np.isfinite(row).all() else "negative width or height"
        raise BoxError(f"{name}: {what} at frame {frame}: {row.tolist()} (a box that is absent is NaN throughout)")
    return array
