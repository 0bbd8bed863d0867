"""Other tracks that a tracker finds probable, and in what they differ from the tracks that were scored."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator

import numpy as np

from dsrbench.errors import InputError
from dsrbench.metric import score_draws
from dsrbench.types import Floats, FrameCounts, Prompt, Status, TrackDraws, VideoScore, VideoTracks

MAX_SAME_IOU = 0.3
"""Intersection over union below which two boxes count as boxes of different things."""


class Entity(enum.StrEnum):
    """An entity of a prompt."""

    SUBJECT = "subject"
    OBJECT = "object"


class Span(enum.StrEnum):
    """The part of a video in which boxes differ."""

    FIRST = "first"
    LAST = "last"
    THROUGHOUT = "throughout"


class Side(enum.StrEnum):
    """The side of the scored box on which the other box is."""

    LEFT = "left"
    RIGHT = "right"
    ABOVE = "above"
    BELOW = "below"


@dataclasses.dataclass(frozen=True)
class Displacement:
    """The place of an entity's boxes in other tracks, relative to the scored ones.

    Attributes:
        entity: The entity.
        span: Part of the video in which the boxes differ.
        side: Side of the scored boxes on which the others are, there.
    """

    entity: Entity
    span: Span
    side: Side


@dataclasses.dataclass(frozen=True)
class Alternative:
    """Typical other tracks, with which the decision at the headline threshold would be the other one.

    Attributes:
        draw: Index of the tracks among `VideoTracks.draws`.
        dsr_score: DSR-Score of these tracks.
        displacements: Differences from the scored tracks, at least one.
    """

    draw: int
    dsr_score: float
    displacements: tuple[Displacement, ...]


def find_alternative(
    tracks: VideoTracks, prompt: Prompt, score: VideoScore, *, counts: FrameCounts | None = None
) -> Alternative | None:
    """Find typical drawn tracks of the other decision: of those with boxes elsewhere, the ones of median score.

    Args:
        tracks: Tracks of a video, with or without draws.
        prompt: The prompt of the video.
        score: Score of the tracks.
        counts: Frame counts in force; by default those of the video's length.

    Returns:
        The alternative; None where no draw of the other decision has a box elsewhere in the frames that the score
        averages.
    """
    if tracks.draws is None:
        return None
    window = (counts or FrameCounts.for_frames(len(tracks))).window
    alternatives = []
    for i, drawn in enumerate(score_draws(tracks, prompt, counts=counts)):
        if drawn.status is Status.SCORED and drawn.passes() != score.passes():
            displacements = (
                *_compare(Entity.SUBJECT, tracks.subject, _drawn_boxes(tracks.draws, Entity.SUBJECT, i), window),
                *_compare(Entity.OBJECT, tracks.object, _drawn_boxes(tracks.draws, Entity.OBJECT, i), window),
            )
            if displacements:
                alternatives.append(Alternative(i, drawn.dsr_score, displacements))
    alternatives.sort(key=lambda alternative: (alternative.dsr_score, alternative.draw))
    return alternatives[(len(alternatives) - 1) // 2] if alternatives else None


def alternative_tracks(tracks: VideoTracks, alternative: Alternative) -> VideoTracks:
    """Return the boxes of an alternative that are elsewhere than the scored ones; those of other frames are absent.

    Raises:
        InputError: The tracks have no draws.
    """
    if tracks.draws is None:
        raise InputError("expected tracks with draws, which the alternative is one of")
    displaced = {displacement.entity for displacement in alternative.displacements}
    boxes = {}
    for entity, scored in ((Entity.SUBJECT, tracks.subject), (Entity.OBJECT, tracks.object)):
        drawn = _drawn_boxes(tracks.draws, entity, alternative.draw)
        is_same = ~(_paired_iou(scored, drawn) < MAX_SAME_IOU)
        boxes[entity] = np.where((is_same | (entity not in displaced))[:, None], np.nan, drawn)
    return VideoTracks(boxes[Entity.SUBJECT], boxes[Entity.OBJECT], tracks.size, tracks.fps)


def _drawn_boxes(draws: TrackDraws, entity: Entity, draw: int) -> Floats:
    """Return an entity's boxes of one draw, float64 `[T, 4]`."""
    boxes = draws.subject if entity is Entity.SUBJECT else draws.object
    return np.asarray(boxes[draw], np.float64)


def _compare(entity: Entity, scored: Floats, drawn: Floats, window: int) -> Iterator[Displacement]:
    """Yield where an entity's drawn boxes differ from the scored ones, in most frames of a window at either end."""
    frames = np.flatnonzero(~np.isnan(scored[:, 0]) & ~np.isnan(drawn[:, 0]))
    first, last = (_find_side(scored[at], drawn[at]) for at in (frames[:window], frames[-window:]))
    if first is not None and first is last:
        yield Displacement(entity, Span.THROUGHOUT, first)
        return
    for side, span in ((first, Span.FIRST), (last, Span.LAST)):
        if side is not None:
            yield Displacement(entity, span, side)


def _find_side(scored: Floats, drawn: Floats) -> Side | None:
    """Return the side on which most drawn boxes are elsewhere; None where most are the scored ones."""
    elsewhere = _paired_iou(scored, drawn) < MAX_SAME_IOU
    if 2 * np.count_nonzero(elsewhere) <= len(elsewhere):
        return None
    centres = [(boxes[elsewhere, :2] + boxes[elsewhere, 2:]) / 2 for boxes in (scored, drawn)]
    right, down = np.median(centres[1] - centres[0], axis=0).tolist()
    if abs(right) >= abs(down):
        return Side.RIGHT if right >= 0 else Side.LEFT
    return Side.BELOW if down >= 0 else Side.ABOVE


def _paired_iou(a: Floats, b: Floats) -> Floats:
    """Return the intersection over union of each pair of boxes `[T, 4]`; NaN where one is absent."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    union = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - shared
    absent = np.isnan(union)
    return np.asarray(np.where(absent, np.nan, np.divide(shared, union, out=np.zeros(len(a)), where=union > 0)))
