"""The tracks of two detectors pooled, so that their disagreement is part of the certainty.

The decision stays the first detector's: its boxes, frame states and score are those of a run without a second detector.
The draws of both, in equal numbers, say how probable it is. Two cases need a rule:

- A tracker that draws nothing gives its own tracks as the only draw of that detector.
- A detector that sees one of the entities nowhere, or has no anchor frame, gives draws without boxes. They cannot be
  scored and count as not passing, as such a video does in the accuracy: the second detector then contradicts a video
  that passes and agrees with one that fails.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from dsrbench.types import TrackDraws, VideoTracks

SECOND_FACTS = ("detector", "nouns", "anchor")
"""Facts of the second detector that the provenance of pooled tracks has as well, such as `second_detector`."""


def pool_tracks(first: VideoTracks, second: VideoTracks) -> VideoTracks:
    """Return the first detector's tracks with the draws of both, those of the first before those of the second.

    A detector without draws gives its tracks, as often as the other one has draws.

    Args:
        first: Tracks from the first detector.
        second: Tracks of the same video from the second detector, with as many frames.
    """
    n_draws = max([1, *(len(tracks.draws) for tracks in (first, second) if tracks.draws is not None)])
    one, other = _draws_of(first, n_draws), _draws_of(second, n_draws)
    pooled = TrackDraws(
        np.concatenate([one.subject, other.subject]),
        np.concatenate([one.object, other.object]),
    )
    facts = {f"second_{name}": second.provenance[name] for name in SECOND_FACTS if name in second.provenance}
    further = tuple(pool_tracks(*pair) for pair in zip(first.further, second.further, strict=True))
    return dataclasses.replace(first, draws=pooled, further=further, provenance={**first.provenance, **facts})


def _draws_of(tracks: VideoTracks, n_draws: int) -> TrackDraws:
    """Return the draws of tracks; without them the tracks themselves, `n_draws` times."""
    if tracks.draws is not None and len(tracks.draws):
        return tracks.draws
    subject, object_ = (np.repeat(boxes[None], n_draws, axis=0) for boxes in (tracks.subject, tracks.object))
    return TrackDraws(subject.astype(np.float32), object_.astype(np.float32))
