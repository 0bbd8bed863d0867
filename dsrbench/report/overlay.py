"""Boxes drawn over frames, in two colours that differ for every kind of colour vision."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import InputError
from dsrbench.types import Floats, FrameState, VideoTracks

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Frames = NDArray[np.uint8]

COLOURS = ((230, 159, 0), (86, 180, 233))
"""RGB colours: orange for the subject, sky blue for the object (palette of Okabe and Ito)."""

LABELS = ("subject", "object")
"""Labels of the boxes of a claim by default."""

_INK = (20, 23, 26)


def draw_boxes(
    frames: Frames,
    tracks: VideoTracks,
    *,
    labels: Sequence[str] = LABELS,
    start: int = 0,
    others: VideoTracks | None = None,
) -> Frames:
    """Return frames with their boxes drawn in; an interpolated box, and one of `others`, is dashed and labelled so.

    Args:
        frames: RGB frames, uint8 `[T, H, W, 3]`; they are not changed.
        tracks: Boxes of the whole video; scaled where their `size` is not that of the frames.
        labels: Labels of subject and object, of one claim after the other.
        start: Index of the first of `frames` in the tracks.
        others: Other probable boxes of the same video, drawn below those of `tracks`; None for none.

    Returns:
        New frames, uint8 `[T, H, W, 3]`.

    Raises:
        InputError: The frames have another type or shape, or are more than the tracks have.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise InputError(f"frames must be uint8 [T, H, W, 3], got {frames.dtype} {list(frames.shape)}")
    if start < 0 or start + len(frames) > len(tracks):
        raise InputError(
            f"frames {start}..{start + len(frames) - 1} were given, but the tracks have {len(tracks)} frames: "
            f"they are of another video"
        )
    from PIL import Image, ImageDraw

    height, width = frames.shape[1:3]
    scale = np.array([width / (tracks.size[0] or width), height / (tracks.size[1] or height)] * 2)
    pictures = np.empty_like(frames)
    for i, frame in enumerate(frames):
        image = Image.fromarray(frame)
        pen = ImageDraw.Draw(image)
        if others is not None:
            for boxes, label, colour in zip((others.subject, others.object), labels, COLOURS, strict=False):
                _draw_box(pen, boxes[start + i] * scale, colour=colour, label=f"other {label}", dashed=True)
        for k, part in enumerate((tracks, *tracks.further)):
            _draw_frame(pen, part, start + i, labels[2 * k : 2 * k + 2] or LABELS, scale)
        pictures[i] = np.asarray(image)
    return pictures


def write_overlay(path_in: Path, tracks: VideoTracks, path_out: Path, *, labels: Sequence[str] = LABELS) -> None:
    """Write a copy of a video with its boxes drawn in, a chunk of frames at a time.

    Args:
        path_in: Path of the video.
        tracks: Boxes of the video.
        path_out: Path of the copy, an MP4.
        labels: Labels of subject and object, of one claim after the other.

    Raises:
        VideoError: The video cannot be read.
        InputError: The video has more frames than the tracks.
        StoreError: The copy cannot be written.
    """
    from dsrbench import video

    def pictures() -> Iterator[Frames]:
        start = 0
        for frames in video.iter_chunks(path_in):
            yield from draw_boxes(frames, tracks, labels=labels, start=start)
            start += len(frames)

    video.write_mp4(path_out, pictures(), fps=tracks.fps or video.probe(path_in).fps or 8.0)


def _draw_frame(pen: ImageDraw, tracks: VideoTracks, t: int, labels: Sequence[str], scale: Floats) -> None:
    """Draw the boxes of one claim in frame t."""
    states = (tracks.subject_state, tracks.object_state)
    for boxes, state, label, colour in zip((tracks.subject, tracks.object), states, labels, COLOURS, strict=True):
        filled = state is not None and bool(state[t] == FrameState.FILLED)
        name = f"{label} (interpolated)" if filled else label
        _draw_box(pen, boxes[t] * scale, colour=colour, label=name, dashed=filled)


def _draw_box(pen: ImageDraw, box: Floats, *, colour: tuple[int, int, int], label: str, dashed: bool) -> None:
    if np.isnan(box[0]):
        return
    width, height = pen.im.size
    line = max(1, round(min(width, height) / 160))
    x0, y0, x1, y1 = (float(v) for v in box)
    x1, y1 = max(x0, x1 - 1), max(y0, y1 - 1)
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    for a, b in itertools.pairwise(corners):
        for piece in _dashes(a, b, 5.0 * line) if dashed else [(a, b)]:
            pen.line(piece, fill=colour, width=line)
    font = _font(max(9, round(min(width, height) / 26)))
    left, top, right, bottom = pen.textbbox((0, 0), label, font=font)
    label_width, label_height = right - left + 4 * line, bottom - top + 4 * line
    at_x = max(0.0, min(x0, width - label_width))
    at_y = y0 - label_height if y0 >= label_height else max(0.0, min(y0, height - label_height))
    pen.rectangle((at_x, at_y, at_x + label_width, at_y + label_height), fill=colour)
    pen.text((at_x + 2 * line - left, at_y + 2 * line - top), label, fill=_INK, font=font)


def _dashes(
    a: tuple[float, float], b: tuple[float, float], length: float
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    start, step = np.array(a), np.array(b) - np.array(a)
    total = float(np.hypot(*step))
    for at in np.arange(0.0, total, 2 * length):
        ends = (start + step * (at / total), start + step * (min(at + length, total) / total))
        yield ((float(ends[0][0]), float(ends[0][1])), (float(ends[1][0]), float(ends[1][1])))


def _font(size: int) -> Any:
    from PIL import ImageFont

    try:
        return ImageFont.load_default(size)
    except (TypeError, ImportError):  # Pillow 10.0, or one without FreeType, has a small bitmap font alone
        return ImageFont.load_default()
