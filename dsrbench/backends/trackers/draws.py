"""Tracks drawn at random from the tracklets of an entity, each in proportion to exp(reward / temperature).

The trellis has a state for each tracklet, one for each "gone after it was on this tracklet", and one for "not seen
yet". Sums over all paths are filtered forward, and paths are then sampled backward (Fruehwirth-Schnatter, "Data
augmentation and dynamic linear models", J. Time Series Analysis 15, 1994).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.trackers.paths import StepPrice
from dsrbench.backends.trackers.tracklets import Tracklets
from dsrbench.types import Floats

SWITCH_PRICE = 1.5
"""Price of going from one tracklet to another, beside that of the step."""

LOST_SHARE = 1 / 6
"""Share of a clip after which an entity that was lost, not seen to enter or leave, is as likely to be elsewhere."""

BORDER = 0.04
"""Distance from the frame's border, as a share of its shorter side, within which an entity may enter or leave."""


def draw_tracks(
    tracklets: Tracklets, *, price: StepPrice, memory: int, temperature: float, n: int, rng: np.random.Generator
) -> Floats:
    """Draw whole tracks of an entity.

    Args:
        tracklets: Its tracklets.
        price: Price of a step.
        memory: Frames after which an absence counts as no longer.
        temperature: Reward that makes a path e times as probable.
        n: Number of draws.
        rng: Random number generator.

    Returns:
        Boxes `[n, T, 4]`, NaN where the entity is absent.
    """
    n_tracklets, n_frames = tracklets.gains.shape
    belief = np.full(2 * n_tracklets + 1, -np.inf)
    belief[0] = 0.0
    arriving = []
    for t in range(n_frames):
        weights = belief[:, None] - _step_prices(tracklets, t, price, memory) / temperature
        arriving.append(weights)
        belief = np.logaddexp.reduce(weights, axis=0)
        belief[1 : 1 + n_tracklets] += tracklets.gains[:, t] / temperature
    state = _choose(belief[:, None], np.zeros(n, np.int64), rng)
    boxes = np.full((n, n_frames, 4), np.nan)
    for t in reversed(range(n_frames)):
        on = (state >= 1) & (state <= n_tracklets)
        boxes[on, t] = tracklets.boxes[state[on] - 1, t]
        state = _choose(arriving[t], state, rng)
    return boxes


def _step_prices(tracklets: Tracklets, t: int, price: StepPrice, memory: int) -> Floats:
    """Prices of going from every state at frame t - 1 to every state at frame t, `[S, S]`; infinite where it cannot."""
    n, start, end = len(tracklets), tracklets.start, tracklets.end
    prices = np.full((2 * n + 1, 2 * n + 1), np.inf)
    on, gone = np.arange(1, n + 1), np.arange(n + 1, 2 * n + 1)
    alive, before = (start <= t) & (t <= end), (start < t) & (t <= end + 1)
    prices[0, 0] = 0.0
    prices[0, on[start == t]] = 0.0
    prices[on[alive & before], on[alive & before]] = 0.0
    prices[on[t > end], gone[t > end]] = 0.0
    prices[gone, gone] = 0.0
    boxes = tracklets.boxes
    if before.any() and alive.any():
        a, b = np.nan_to_num(boxes[before, t - 1]), np.nan_to_num(boxes[alive, t])
        steps = SWITCH_PRICE + price(a, b, 1)
        steps[on[before][:, None] == on[alive][None]] = 0.0
        prices[np.ix_(on[before], on[alive])] = steps
    away, begins = end < t - 1, start == t
    if away.any() and begins.any():
        waited = np.minimum(t - end[away], memory)[:, None]
        steps = SWITCH_PRICE + price(boxes[away, end[away]], boxes[begins, t], waited)
        prices[np.ix_(gone[away], on[begins])] = steps
    return prices


def _choose(weights: Floats, columns: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a row for each column index, in proportion to the exponentials of that column of `weights`."""
    chosen = np.empty(len(columns), np.int64)
    for column in np.unique(columns):
        mine = np.flatnonzero(columns == column)
        odds = np.exp(weights[:, column] - weights[:, column].max())
        chosen[mine] = np.searchsorted(np.cumsum(odds), rng.random(len(mine)) * odds.sum(), side="right")
    return np.minimum(chosen, len(weights) - 1)


def move_lost_ends(
    draws: Floats,
    other: NDArray[np.bool_],
    *,
    size: tuple[int, int],
    moves: bool,
    window: int,
    rng: np.random.Generator,
) -> None:
    """Put an entity that was lost at an end of the clip, in some draws, where it may have been; in place.

    It was lost where the other entity is there for more than `window` frames before it appears (or after it
    disappears) and it does not touch the border of the frame. The longer it was lost, the more draws are changed. The
    subject may have been anywhere; the object stays where it is seen.

    Args:
        draws: Tracks `[N, T, 4]`.
        other: Whether the other entity has a box, `[T]`.
        size: Frame width and height in pixels.
        moves: Whether the entity may be anywhere.
        window: Frames averaged at either end.
        rng: Random number generator.
    """
    n_frames = draws.shape[1]
    seen = ~np.isnan(draws[:, :, 0])
    margin = BORDER * min(size)
    for reverse in (False, True):
        order = slice(None, None, -1) if reverse else slice(None)
        first = seen[:, order].argmax(axis=1)
        missed = np.concatenate([[0], np.cumsum(other[order])])[first]
        chances, places = rng.random(len(draws)), rng.random((len(draws), 2))
        for i in np.flatnonzero(seen.any(axis=1) & (missed > window)):
            box = draws[i, order][first[i]]
            inside = min(*box[:2], *(np.asarray(size) - box[2:])) > margin
            if inside and chances[i] < missed[i] / (missed[i] + LOST_SHARE * n_frames):
                shift = places[i] * (np.asarray(size) - box[2:] + box[:2]) - box[:2] if moves else np.zeros(2)
                draws[i, order][: first[i]] = box + np.tile(shift, 2)
