"""Detections and tracks as NPZ bytes: plain arrays and one JSON text, never pickle."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dsrbench.errors import DSRBenchError, StoreError
from dsrbench.types import Detections, TrackDraws, VideoTracks

_ALWAYS = ("subject", "object", "subject_state", "object_state")
_MEASURED = ("mask_area", "masks", "depth", "camera")
_DRAWN = ("subject", "object", "depth")
"""Names of the arrays of `VideoTracks`: those that all tracks have, others, and those of draws."""

_DAMAGE = (
    *(OSError, EOFError, KeyError, TypeError, ValueError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
)
"""Errors of numpy and zipfile on damaged bytes, also for flags of compressions and encryptions that were never used."""


def pack_tracks(tracks: VideoTracks, meta: Mapping[str, Any]) -> bytes:
    """Tracks and a JSON note about them."""
    facts = {"size": list(tracks.size), "fps": tracks.fps, "provenance": dict(tracks.provenance)}
    arrays = _arrays_of(tracks, "")
    for i, part in enumerate(tracks.further, start=1):
        arrays |= _arrays_of(part, f"claim{i}.")
    if tracks.further:
        facts["further"] = [dict(part.provenance) for part in tracks.further]
    return _pack(arrays, {**facts, **meta})


def _arrays_of(tracks: VideoTracks, prefix: str) -> dict[str, Any]:
    """Return the arrays of one claim's tracks by name."""
    arrays: dict[str, Any] = {name: getattr(tracks, name) for name in (*_ALWAYS, *_MEASURED)}
    if tracks.draws is not None:
        arrays |= {f"{name}_draws": getattr(tracks.draws, name) for name in _DRAWN}
    return {f"{prefix}{name}": values for name, values in arrays.items() if values is not None}


def unpack_tracks(data: bytes) -> tuple[VideoTracks, dict[str, Any]]:
    """Restore the tracks that `pack_tracks` packed.

    Raises:
        StoreError: Not such a file.
    """
    arrays, meta = _unpack(data)
    try:
        further = tuple(
            _restore(arrays, f"claim{i}.", meta, provenance)
            for i, provenance in enumerate(meta.get("further", ()), start=1)
        )
        tracks = dataclasses.replace(_restore(arrays, "", meta, meta["provenance"]), further=further)
    except (KeyError, TypeError, ValueError, DSRBenchError) as error:
        raise StoreError(f"tracks cannot be read: {type(error).__name__} {error}") from error
    return tracks, meta


def _restore(
    arrays: Mapping[str, Any], prefix: str, meta: Mapping[str, Any], provenance: Mapping[str, Any]
) -> VideoTracks:
    """Restore the tracks of one claim."""
    own = {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}
    width, height = meta["size"]
    drawn = {name: own[f"{name}_draws"] for name in _DRAWN if f"{name}_draws" in own}
    return VideoTracks(
        subject=own["subject"],
        object=own["object"],
        subject_state=own["subject_state"],
        object_state=own["object_state"],
        mask_area=own.get("mask_area"),
        masks=own.get("masks"),
        depth=own.get("depth"),
        camera=own.get("camera"),
        size=(width, height),
        fps=meta["fps"],
        draws=TrackDraws(**drawn) if drawn else None,
        provenance=provenance,
    )


def pack_detections(detections: Sequence[Detections], meta: Mapping[str, Any]) -> bytes:
    """Detections of every frame of a video, and a JSON note about them."""
    arrays = {
        "count": np.array([len(d) for d in detections], np.int64),
        "xyxy": np.concatenate([d.xyxy for d in detections] or [np.empty((0, 4))]),
        "score": np.concatenate([d.score for d in detections] or [np.empty(0)]),
        "label": np.concatenate([d.label for d in detections] or [np.empty(0, np.int64)]),
        "looked": np.array([d.looked for d in detections], bool),
    }
    return _pack(arrays, meta)


def unpack_detections(data: bytes) -> tuple[list[Detections], dict[str, Any]]:
    """Restore the detections that `pack_detections` packed.

    Raises:
        StoreError: Not such a file.
    """
    arrays, meta = _unpack(data)
    try:
        ends = np.cumsum(arrays["count"])
        frames = [
            Detections(arrays["xyxy"][a:b], arrays["score"][a:b], arrays["label"][a:b], bool(examined))
            for a, b, examined in zip(ends - arrays["count"], ends, arrays["looked"], strict=True)
        ]
    except (KeyError, TypeError, ValueError, DSRBenchError) as error:
        raise StoreError(f"detections cannot be read: {type(error).__name__} {error}") from error
    return frames, meta


def _pack(arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, meta=np.array(json.dumps(meta, sort_keys=True)), **arrays)
    return buffer.getvalue()


def _unpack(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return arrays, dict(json.loads(str(arrays.pop("meta"))))
    except _DAMAGE as error:
        raise StoreError(f"not a tracks or detections file: {error}") from error
