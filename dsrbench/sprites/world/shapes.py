"""Flat shapes as signed distance functions, painted over each other with anti-aliasing by numpy.

A distance is negative inside. A shape with an outline is painted twice: enlarged by the outline's width in a darker
colour, then in its own size and colour.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float32]
Colour = tuple[int, int, int]
Distance = Callable[[Grid, Grid], Grid]

OUTLINE = 0.9
"""Width of an outline in drawing units, 24 of which are a sprite's nominal size."""

DARKER = 0.34
"""Brightness of an outline relative to the colour that it surrounds."""


@dataclasses.dataclass(frozen=True)
class Shape:
    """One area of a single colour.

    Attributes:
        distance: Function from x and y of points to their signed distance, drawing units.
        colour: RGB, 0..255.
        outlined: Whether an outline is painted around it.
    """

    distance: Distance
    colour: Colour
    outlined: bool = False


def ellipse(x: float, y: float, rx: float, ry: float | None = None) -> Distance:
    """Return an ellipse around (x, y); the distance is exact for circles, approximate near the edge of others."""
    ry = rx if ry is None else ry

    def distance(px: Grid, py: Grid) -> Grid:
        u, v = (px - x) / rx, (py - y) / ry
        k = np.hypot(u, v)
        slope = np.hypot(u / rx, v / ry) + 1e-6
        return np.asarray(k * (k - 1) / slope if rx != ry else (k - 1) * rx, np.float32)

    return distance


def stroke(points: Sequence[tuple[float, float]], radius: float) -> Distance:
    """Return a line through points, round at its ends, `2 * radius` thick."""

    def distance(px: Grid, py: Grid) -> Grid:
        nearest = np.full(px.shape, np.inf, np.float32)
        for a, b in itertools.pairwise(points):
            nearest = np.minimum(nearest, _segment(px, py, a, b))
        return np.asarray(nearest - radius, np.float32)

    return distance


def polygon(*points: tuple[float, float], rounded: float = 0.0) -> Distance:
    """Return a filled polygon, its corners rounded outwards by `rounded`."""
    edges = list(zip(points, (*points[1:], points[0]), strict=True))

    def distance(px: Grid, py: Grid) -> Grid:
        nearest = np.full(px.shape, np.inf, np.float32)
        inside = np.zeros(px.shape, bool)
        for a, b in edges:
            nearest = np.minimum(nearest, _segment(px, py, a, b))
            crosses = (a[1] > py) != (b[1] > py)
            if a[1] != b[1]:
                inside ^= crosses & (px < a[0] + (py - a[1]) * (b[0] - a[0]) / (b[1] - a[1]))
        return np.asarray(np.where(inside, -nearest, nearest) - rounded, np.float32)

    return distance


def rectangle(x0: float, y0: float, x1: float, y1: float, rounded: float = 0.0) -> Distance:
    """Return an upright rectangle with these sides, its corners rounded inwards by `rounded`."""
    r = rounded
    return polygon((x0 + r, y0 + r), (x1 - r, y0 + r), (x1 - r, y1 - r), (x0 + r, y1 - r), rounded=r)


def cut(shape: Distance, other: Distance) -> Distance:
    """Return the intersection of two shapes."""
    return lambda px, py: np.maximum(shape(px, py), other(px, py))


def paint(shapes: Sequence[Shape], *, width: int, height: int, scale: float) -> NDArray[np.float32]:
    """Paint shapes in order onto a transparent background.

    Args:
        shapes: Shapes from bottom to top.
        width: Number of samples across.
        height: Number of samples down.
        scale: Number of samples per drawing unit.

    Returns:
        RGB in 0..255 times cover, and cover in 0..1, float32 `[height, width, 4]`. Each sample is inside or outside;
        the edges become smooth when blocks of samples are averaged.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x + 0.5) / scale, (y + 0.5) / scale
    canvas = np.zeros((height, width, 4), np.float32)
    layers: list[tuple[NDArray[np.bool_], tuple[float, ...]]] = []
    distances = [shape.distance(x, y) for shape in shapes]
    for shape, distance in zip(shapes, distances, strict=True):
        if shape.outlined:
            layers.append((distance < OUTLINE, tuple(DARKER * c for c in shape.colour)))
        layers.append((distance < 0, shape.colour))
    for inside, colour in layers:
        canvas[inside] = (*colour, 1.0)
    return canvas


def _segment(px: Grid, py: Grid, a: tuple[float, float], b: tuple[float, float]) -> Grid:
    """Return the distance to a line segment."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = np.clip(((px - a[0]) * dx + (py - a[1]) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
    return np.asarray(np.hypot(px - a[0] - along * dx, py - a[1] - along * dy), np.float32)
