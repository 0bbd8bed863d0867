"""`sprites-template`: finds the sprites of the embedded world by laying their drawings over every place of a frame.

It has no weights and was trained on nothing, so that it can confirm what a learned detector reports.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from dsrbench.backends.base import Detector
from dsrbench.backends.detectors.closed import check_share
from dsrbench.geometry import clip_boxes, nms
from dsrbench.sprites.world import ANIMALS, HEIGHT, WIDTH
from dsrbench.sprites.world.bitmaps import PHASES, SIZES, bitmap, check_noun, tight_box
from dsrbench.sprites.world.resize import to_world_size
from dsrbench.types import Detections, Floats

SIDE = 16
"""Pixels of the square that every drawing fits into."""

BORDER = 5
"""Pixels by which a drawing may stick out of the frame."""

CAP = 80.0
"""Difference of a pixel (0..255) from which it counts as hidden or foreign; no pixel counts for more."""

HOPELESS = 0.8
"""Share of `CAP` by which a few drawings may differ at a place before it is given up."""

FFT = 64
"""Side of the Fourier transforms: at least a frame with its borders, and a power of two."""

REACH = 2
"""Pixels from a promising place within which the best one is sought."""

CHOSEN = 8
"""Best fits of whole drawings, whose drawings are then laid in tiles."""

TILE = 2
"""Pixels of a side of the tiles of a drawing, each of which may lie a pixel from where it should."""

SHIFT = 3.0
"""Price of a shifted tile, as a difference of its pixels."""

CANDIDATES = 6
"""Places a frame and noun that are looked at closely."""

Pixels = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Templates:
    """Drawings of one noun.

    Attributes:
        colour: RGB, float32 `[N, SIDE, SIDE, 3]`, 0 where there is no drawing.
        inside: 1 where the drawing covers a pixel nearly whole, else 0, float32 `[N, SIDE, SIDE]`.
        boxes: Half-open boxes within the square, float64 `[N, 4]`.
        coarse: Indices of the few drawings that are laid over every place.
    """

    colour: Pixels
    inside: Pixels
    boxes: Floats
    coarse: NDArray[np.int64]


class WorldNouns(Detector):
    """Base of the detectors of the sprites world: they know its nouns, and no others."""

    def check_labels(self, labels: Sequence[str]) -> dict[str, str]:
        """No liberties are taken.

        Raises:
            PromptError: A noun the sprites world does not have.
        """
        for label in labels:
            check_noun(label)
        return {}


class SpritesTemplate(WorldNouns):
    """Colour and shape matching with the drawings of the sprites world.

    Args:
        threshold: Lowest score kept, in 0..1; the score is one minus the mean difference of the pixels, as a share of
            a difference at which a pixel counts as foreign.
        overlap: Overlap (IoU) from which the lower-scored of two boxes of one noun goes.

    Raises:
        OptionError: An option out of range.
    """

    def __init__(self, *, threshold: float = 0.65, overlap: float = 0.4) -> None:
        self._threshold = check_share("threshold", threshold)
        self._overlap = check_share("overlap", overlap)

    def detect(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Boxes of the labels in RGB frames uint8 `[T, H, W, 3]`, which are first brought to the world's size.

        Raises:
            PromptError: A noun the sprites world does not have.
        """
        self.check_labels(labels)
        scale = np.array([frames.shape[2] / WIDTH, frames.shape[1] / HEIGHT] * 2)
        pad = ((0, 0), (BORDER, BORDER + 1), (BORDER, BORDER + 1), (0, 0))
        pixels = np.pad(to_world_size(frames).astype(np.float32), pad, mode="edge")
        spectra = _spectra(pixels)
        matches: list[list[tuple[Floats, float, int]]] = [[] for _ in frames]
        for number, label in enumerate(labels):
            templates = make_templates(label)
            costs = _coarse_costs(spectra, label)
            for t in range(len(frames)):
                for y, x in _lowest(costs[t]):
                    box, score = _refine(pixels[t], templates, y, x)
                    if score >= self._threshold:
                        matches[t].append((box, score, number))
        return [self._choose(boxes, scale) for boxes in matches]

    def _choose(self, matches: Sequence[tuple[Floats, float, int]], scale: Floats) -> Detections:
        if not matches:
            return Detections.none()
        boxes = clip_boxes(np.array([box for box, _, _ in matches]), (WIDTH, HEIGHT))
        scores, numbers = np.array([score for _, score, _ in matches]), np.array([n for _, _, n in matches])
        whole = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        boxes, scores, numbers = boxes[whole], scores[whole], numbers[whole]
        selected = nms(boxes, scores, numbers, iou=self._overlap)
        return Detections(boxes[selected] * scale, scores[selected], numbers[selected])


@functools.lru_cache(maxsize=32)
def make_templates(noun: str) -> Templates:
    """Drawings of a noun in all sizes, at every half pixel, animals facing both ways."""
    keys = [
        (size, mirrored, px, py)
        for size in range(len(SIZES))
        for mirrored in ((False, True) if noun in ANIMALS else (False,))
        for px in (0, PHASES // 2)
        for py in (0, PHASES // 2)
    ]
    colour = np.zeros((len(keys), SIDE, SIDE, 3), np.float32)
    inside = np.zeros((len(keys), SIDE, SIDE), np.float32)
    for i, key in enumerate(keys):
        drawn = bitmap(noun, *key)
        solid = drawn[..., 3] > 0.9
        height, width = solid.shape
        inside[i, :height, :width] = solid
        colour[i, :height, :width][solid] = drawn[solid, :3] / drawn[solid, 3:]
    coarse = [i for i, (size, _, px, py) in enumerate(keys) if size % 2 == 0 and px == py == 0]
    return Templates(colour, inside, np.array([tight_box(noun, *key) for key in keys], np.float64), np.array(coarse))


def _spectra(pixels: Pixels) -> NDArray[np.complex128]:
    """Fourier transforms of the colours and of their squared length, `[T, 4, FFT, FFT / 2 + 1]`."""
    squared = np.square(pixels).sum(axis=-1, keepdims=True)
    return np.fft.rfft2(np.concatenate([pixels, squared], axis=-1).transpose(0, 3, 1, 2), (FFT, FFT))


@functools.lru_cache(maxsize=32)
def _template_spectra(noun: str) -> tuple[NDArray[np.complex128], Floats, Floats]:
    """Return the spectra of n drawings, `[n, 4, ...]`, with their squared lengths and numbers of pixels."""
    templates = make_templates(noun)
    colour, inside = templates.colour[templates.coarse], templates.inside[templates.coarse]
    laid = np.concatenate([-2 * colour, inside[..., None]], axis=-1).transpose(0, 3, 1, 2)
    squared = np.square(colour.astype(np.float64)).sum(axis=(1, 2, 3))
    return np.fft.rfft2(laid, (FFT, FFT)).conj(), squared, inside.sum(axis=(1, 2), dtype=np.float64)


def _coarse_costs(spectra: NDArray[np.complex128], noun: str) -> Floats:
    """Smallest mean squared difference at every place, `[T, y, x]`."""
    laid, squared, count = _template_spectra(noun)
    products = np.einsum("tcyx,ncyx->tnyx", spectra, laid)
    rows, columns = HEIGHT + 2 * BORDER + 2 - SIDE, WIDTH + 2 * BORDER + 2 - SIDE
    total = np.fft.irfft2(products, (FFT, FFT))[..., :rows, :columns] + squared[:, None, None]
    costs: Floats = (total / (3 * count[:, None, None])).min(axis=1)
    return costs


def _lowest(costs: Floats) -> list[tuple[int, int]]:
    """Places of the lowest costs, at least four pixels apart."""
    left, places = costs.copy(), []
    for _ in range(CANDIDATES):
        y, x = np.unravel_index(int(np.argmin(left)), left.shape)
        if left[y, x] > CAP * CAP:
            break
        places.append((int(y), int(x)))
        left[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4] = np.inf
    return places


def _refine(frame: Pixels, templates: Templates, y: int, x: int) -> tuple[Floats, float]:
    """Best drawing and place near (y, x): its box in frame pixels, and its score.

    Drawings are chosen as a whole; the tiles of the chosen ones may then lie a pixel from where they should, since what
    a model draws in motion is never quite in shape. The score is 0 where a patch of one colour fits no worse;
    otherwise a wall of the colour of cardboard is a box.
    """
    windows, _ = _windows(frame, y, x, REACH - 1)
    if _differences(windows, templates, templates.coarse, SIDE).min() > HOPELESS * CAP:
        return templates.boxes[0], 0.0
    costs = _differences(windows, templates, np.arange(len(templates.boxes)), SIDE)[..., 0, 0]
    chosen = np.unique(np.unravel_index(np.argsort(costs, axis=None)[:CHOSEN], costs.shape)[2])
    windows, corner = _windows(frame, y, x, REACH)
    tiles = _differences(windows, templates, chosen, TILE)
    costs = np.minimum(tiles, minimum_filter(tiles, size=(3, 3, 1, 1, 1)) + SHIFT).mean(axis=(-1, -2))
    dy, dx, best = np.unravel_index(int(np.argmin(costs)), costs.shape)
    box = templates.boxes[chosen[best]] + np.array([corner[1] + dx - BORDER, corner[0] + dy - BORDER] * 2, np.float64)
    seen = windows[dy, dx, 0][templates.inside[chosen[best]] > 0]
    plain = float(np.minimum(np.abs(seen - np.median(seen, axis=0)).mean(axis=-1), CAP).mean())
    cost = float(costs[dy, dx, best])
    return box, 1 - cost / CAP if cost < plain else 0.0


def _windows(frame: Pixels, y: int, x: int, reach: int) -> tuple[Pixels, tuple[int, int]]:
    """Return all squares that begin within `reach` pixels of (y, x), `[y, x, 1, SIDE, SIDE, 3]`, and the first."""
    y0, x0 = max(y - reach, 0), max(x - reach, 0)
    region = frame[y0 : y + SIDE + reach, x0 : x + SIDE + reach]
    return sliding_window_view(region, (SIDE, SIDE), axis=(0, 1)).transpose(0, 1, 3, 4, 2)[:, :, None], (y0, x0)


def _differences(windows: Pixels, templates: Templates, chosen: NDArray[np.int64], tile: int) -> Pixels:
    """Difference of each tile of windows `[y, x, 1, SIDE, SIDE, 3]` from that of the chosen drawings.

    Returns:
        `[y, x, n, SIDE / tile, SIDE / tile]`, so that the mean over the tiles is the mean over the drawing's pixels.
    """
    inside, count = templates.inside[chosen], SIDE // tile
    red, green, blue = np.moveaxis(np.abs(windows - templates.colour[chosen]), -1, 0)
    difference = np.minimum((red + green + blue) / 3, CAP) * inside  # numpy's mean over three numbers is slow
    tiles = difference.reshape(*difference.shape[:3], count, tile, count, tile).sum(axis=(4, 6))
    costs: Pixels = count**2 * tiles / inside.sum(axis=(-1, -2))[:, None, None]
    return costs
