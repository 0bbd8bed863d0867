"""From masks to boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsrbench.types import Floats


def bound_mask(mask: NDArray[np.bool_], *, inclusive: bool = False) -> Floats:
    """Return the tight box of a mask.

    Args:
        mask: `[H, W]`.
        inclusive: Give the last pixels as right and bottom edges (the published protocol), not the pixels after them.

    Returns:
        The box `[4]` in pixels; NaN for an empty mask.

    >>> mask = np.zeros((5, 8), bool)
    >>> bound_mask(mask)
    array([nan, nan, nan, nan])
    >>> mask[1:3, 2:6] = True
    >>> bound_mask(mask), bound_mask(mask, inclusive=True)
    (array([2., 1., 6., 3.]), array([2., 1., 5., 2.]))
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return np.full(4, np.nan)
    after = 0 if inclusive else 1
    return np.array([columns[0], rows[0], columns[-1] + after, rows[-1] + after], np.float64)
