"""Depth maps of key frames, with the boxes and the medians that decide a relation in depth."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dsrbench.report.overlay import draw_boxes
from dsrbench.store import Sample
from dsrbench.types import VideoTracks

MAX_SIDE = 640
"""Longest side of a picture on a page, in pixels."""


def depth_section(sample: Sample, tracks: VideoTracks, maps: Mapping[int, NDArray[np.float32]]) -> str:
    """Return a section of a page with depth maps and medians; empty where no depth was measured.

    Args:
        sample: Sample of one claim.
        tracks: Its tracks.
        maps: Depth map `[h, w]` of each key frame, larger values nearer; empty where depth comes from boxes.
    """
    if tracks.depth is None:
        return ""
    nouns = sample.prompt.nouns
    figures = "".join(_figure(frame, depth_map, tracks, nouns) for frame, depth_map in sorted(maps.items()))
    intro = (
        "Lighter is nearer; the unit is that of the estimator, which is known up to scale and shift."
        if maps
        else "The depth comes from where the boxes touch the ground."
    )
    shots = f'<div class="shots">{figures}</div>' if figures else _table(tracks, nouns)
    return f'<section><h2>Depth</h2><p class="quiet">{intro}</p>{shots}</section>'


def _figure(frame: int, depth_map: NDArray[np.float32], tracks: VideoTracks, nouns: tuple[str, ...]) -> str:
    picture = draw_boxes(_paint(depth_map, tracks.size)[None], tracks, labels=nouns, start=frame)[0]
    return (
        f'<figure><img alt="Depth map of frame {frame + 1}" src="data:image/jpeg;base64,{encode_jpeg(picture)}">'
        f'<figcaption class="quiet">frame {frame + 1}: {html.escape(_describe(tracks, frame, nouns))}</figcaption>'
        "</figure>"
    )


def _describe(tracks: VideoTracks, frame: int, nouns: tuple[str, ...]) -> str:
    """Return the medians of a frame in words."""
    if tracks.depth is None or np.isnan(tracks.depth[frame]).any():
        return "no depth"
    first, second, *spreads, error = tracks.depth[frame].tolist()
    return (
        f"median of the {nouns[0]} {first:.3g}, of the {nouns[1]} {second:.3g}; difference {first - second:+.3g} "
        f"with a standard error of {error:.2g}, mean spread {sum(spreads) / 2:.3g}"
    )


def _table(tracks: VideoTracks, nouns: tuple[str, ...]) -> str:
    """Return the medians of the first, the middle and the last frame as a list."""
    last = len(tracks) - 1
    frames = sorted({0, last // 2, last})
    items = "".join(f"<li>frame {t + 1}: {html.escape(_describe(tracks, t, nouns))}</li>" for t in frames)
    return f"<ul>{items}</ul>"


def _paint(depth_map: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a depth map as a grey picture of the size of the frames, uint8 `[H, W, 3]`."""
    from PIL import Image

    low, high = np.quantile(depth_map, [0.02, 0.98])
    grey = np.clip((depth_map - low) / max(high - low, 1e-9), 0, 1) * 255
    image = Image.fromarray(grey.astype(np.uint8)).resize(size if all(size) else grey.shape[::-1])
    return np.repeat(np.asarray(image)[..., None], 3, axis=2)


def encode_jpeg(picture: NDArray[np.uint8]) -> str:
    """Return a picture, reduced to `MAX_SIDE`, as JPEG in base64."""
    from PIL import Image

    buffer, image = io.BytesIO(), Image.fromarray(picture)
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    image.save(buffer, "JPEG", quality=82)
    return base64.b64encode(buffer.getvalue()).decode()
