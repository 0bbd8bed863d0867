"""Scores of "in front of" and "behind" from boxes and depth (an extension).

The horizontal distance of the centres is measured against the mean width, the distance in depth against the mean spread
of depth over both entities; with `n_x` and `n_z` these two, the score of "in front of" is
`min(1, |n_z|) * n_z / sqrt(n_x^2 + n_z^2)`, that of "behind" its negative.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsrbench.types import Floats

SPREAD, ERROR = slice(2, 4), 4
"""Columns of depth statistics: spreads of subject and object, standard error of the difference of their medians."""

SURE = 1.2816
"""Standard errors at which the sign of a difference is certain at 90 % (one-sided, normal distribution)."""


def front_scores(subject: Floats, object: Floats, depth: Floats) -> Floats:
    """Score "in front of" in every frame.

    Args:
        subject: Boxes float64 `[..., 4]`; NaN means absent.
        object: Boxes of the same shape.
        depth: Depth statistics `[..., 5]`, as in `VideoTracks.depth`.

    Returns:
        Scores in [-1, 1], `[...]`; NaN where a box or its depth is absent, and where widths or spreads are zero.

    >>> front_scores(np.array([[0.0, 0, 2, 2]]), np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 0.5, 0.5, 0]]))
    array([1.])
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (subject[..., 0] + subject[..., 2] - object[..., 0] - object[..., 2]) / 2
        width = (subject[..., 2] - subject[..., 0] + object[..., 2] - object[..., 0]) / 2
        n_x = centre / width
        n_z = (depth[..., 0] - depth[..., 1]) / depth[..., SPREAD].mean(axis=-1)
        length = np.hypot(n_x, n_z)
        cosine = np.where(length > 0, n_z / length, 0.0)
        scores = np.minimum(1, np.abs(n_z)) * cosine
    return np.asarray(np.where(np.isfinite(length), scores, np.nan))


def is_uncertain(depth: Floats) -> NDArray[np.bool_]:
    """Tell in which frames the sign of the difference in depth is not certain at 90 %, `[...]`."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(depth[..., 0] - depth[..., 1]) <= SURE * depth[..., ERROR])


def shift_depth(depth: Floats | NDArray[np.float32], errors: float | Floats) -> Floats:
    """Return depth statistics whose difference is shifted by a number of its standard errors.

    Args:
        depth: Depth statistics `[..., 5]`.
        errors: Number of standard errors, broadcast against `[...]`.
    """
    shifted = np.array(depth, np.float64)
    shifted[..., 0] += errors * shifted[..., ERROR]
    return shifted
