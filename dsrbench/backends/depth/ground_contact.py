"""`ground-contact`: depth from where entities touch the ground, without a network.

On one ground plane that is seen from above, what stands lower in the picture is nearer: the inverse depth of an entity
grows linearly with the row of its lowest edge. Boxes do not tell whether an entity stands on the ground, so the
estimator abstains where one is on top of the other, where a lowest edge is cut off by the frame, and where it lies
above a horizon that any ground must be under.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import BoxDepthEstimator
from dsrbench.errors import OptionError
from dsrbench.types import Floats


@dataclasses.dataclass(kw_only=True, eq=False)
class GroundContact(BoxDepthEstimator):
    """Nearness of an entity by the row of its lowest edge, as a share of the frame's height.

    Args:
        thickness: Rows of ground that an entity covers, as a share of its height; the unit of its depth.
        error: Standard error of a lowest edge, as a share of the entity's height.
        rows: Standard error of a lowest edge beside that, in rows of pixels; a box has whole pixels at best.
        horizon: Row, as a share of the frame's height, above which nothing stands on the ground.
        border: Rows at the lower border in which an edge may be cut off, as a share of the frame's height.

    Raises:
        OptionError: A share or the rows out of range.
    """

    thickness: float = 0.15
    error: float = 0.05
    rows: float = 1.0
    horizon: float = 0.3
    border: float = 0.01

    def __post_init__(self) -> None:
        shares = (self.thickness, self.error, self.horizon, self.border)
        if not all(0 <= share <= 1 for share in shares) or self.thickness == 0:
            raise OptionError(f"expected shares in 0..1, thickness above 0; got {shares}")
        if not 0 <= self.rows < math.inf:
            raise OptionError(f"expected rows of at least 0, got {self.rows}")

    def estimate_boxes(self, subject: Floats, object: Floats, *, size: tuple[int, int]) -> Floats:
        """Estimate depth statistics `[..., 5]` from boxes `[..., 4]`; NaN where the boxes do not tell."""
        height = float(size[1])
        both = np.stack([subject, object], axis=-2)
        feet, sides = both[..., 3] / height, (both[..., 3] - both[..., 1]) / height
        statistics = np.empty((*subject.shape[:-1], 5))
        statistics[..., :2], statistics[..., 2:4] = feet, self.thickness * sides
        share, rows = self.error * np.hypot(sides[..., 0], sides[..., 1]), self.rows * math.sqrt(2) / height
        statistics[..., 4] = np.hypot(share, rows)
        with np.errstate(invalid="ignore"):
            stands = ((feet > self.horizon) & (feet < 1 - self.border) & (sides > 0)).all(axis=-1)
            stands &= ~_is_on(subject, object) & ~_is_on(object, subject)
        statistics[~stands] = np.nan
        return statistics


def _is_on(upper: Floats, lower: Floats) -> NDArray[np.bool_]:
    """Tell where one box may stand on top of another: above its middle, and over its width."""
    foot, middle = upper[..., 3], (lower[..., 1] + lower[..., 3]) / 2
    centre = (upper[..., 0] + upper[..., 2]) / 2
    return np.asarray((foot < middle) & (centre > lower[..., 0]) & (centre < lower[..., 2]))
