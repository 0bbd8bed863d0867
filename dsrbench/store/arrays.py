"""Detections and tracks as NPZ bytes: plain arrays and one JSON text, never pickle."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dsrbench.errors import DSRBenchError, StoreError
from dsrbench.types import Detections, TrackDraws, VideoTracks

_DAMAGE = (
    *(OSError, EOFError, KeyError, TypeError, ValueError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
)
"""Errors of numpy and zipfile on damaged bytes, also for flags of compressions and encryptions that were never used."""


def pack_tracks(tracks: VideoTracks, meta: Mapping[str, Any]) -> bytes:
    """Tracks and a JSON note about them."""
    arrays: dict[str, Any] = {
        "subject": tracks.subject,
        "object": tracks.object,
        "subject_state": tracks.subject_state,
        "object_state": tracks.object_state,
    }
    if tracks.mask_area is not None:
        arrays["mask_area"] = tracks.mask_area
    if tracks.draws is not None:
        arrays["subject_draws"], arrays["object_draws"] = tracks.draws.subject, tracks.draws.object
    facts = {"size": list(tracks.size), "fps": tracks.fps, "provenance": dict(tracks.provenance)}
    return _pack(arrays, {**facts, **meta})


def unpack_tracks(data: bytes) -> tuple[VideoTracks, dict[str, Any]]:
    """Restore the tracks that `pack_tracks` packed.

    Raises:
        StoreError: Not such a file.
    """
    arrays, meta = _unpack(data)
    try:
        width, height = meta["size"]
        tracks = VideoTracks(
            subject=arrays["subject"],
            object=arrays["object"],
            size=(width, height),
            fps=meta["fps"],
            subject_state=arrays["subject_state"],
            object_state=arrays["object_state"],
            mask_area=arrays.get("mask_area"),
            draws=TrackDraws(arrays["subject_draws"], arrays["object_draws"]) if "subject_draws" in arrays else None,
            provenance=meta["provenance"],
        )
    except (KeyError, TypeError, ValueError, DSRBenchError) as error:
        raise StoreError(f"tracks cannot be read: {type(error).__name__} {error}") from error
    return tracks, meta


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
