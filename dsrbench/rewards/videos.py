"""The videos that a trainer has, as frames in memory: tensors, arrays, pictures and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dsrbench.errors import InputError
from dsrbench.evaluation.frames import DecodedVideo

LAYOUTS = ("TCHW", "CTHW", "THWC")
"""Orders of the axes of a video: frames, colours, height, width."""

SLACK = 0.01
"""Distance from 0..1 that values of a decoder may have."""


def read_videos(videos: Any, *, fps: float, layout: str | None = None) -> list[DecodedVideo | Path]:
    """Return the videos of a batch; a tensor stays on its device.

    Args:
        videos: A batch as one tensor or array of five axes, or a sequence of videos: tensors or arrays of four axes,
            lists of PIL images, or paths. Colours are RGB, as floats in 0..1 or uint8.
        fps: Frames a second of videos in memory.
        layout: Order of the axes of a video, one of `LAYOUTS`; by default the one in which the colours are the axis of
            length 3.

    Raises:
        InputError: A video has another form, or values outside of 0..1.
    """
    if layout is not None and layout not in LAYOUTS:
        raise InputError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    if isinstance(videos, str | Path):
        raise InputError(f"expected a list of videos, got one path: [{str(videos)!r}]")
    if hasattr(videos, "shape") and len(videos.shape) != 5:
        raise InputError(f"expected a batch of videos with 5 axes, got the shape {tuple(videos.shape)}")
    return [_read_video(video, f"video {i}", fps, layout) for i, video in enumerate(videos)]


def _read_video(video: Any, what: str, fps: float, layout: str | None) -> DecodedVideo | Path:
    if isinstance(video, str | Path):
        return Path(video)
    if hasattr(video, "shape"):
        return DecodedVideo(_to_frames(video, what, layout), fps)
    if isinstance(video, Sequence) and video and all(hasattr(picture, "convert") for picture in video):
        pictures = [np.asarray(picture.convert("RGB"), np.uint8) for picture in video]
        if len({picture.shape for picture in pictures}) > 1:
            raise InputError(f"{what}: its pictures have different sizes")
        return DecodedVideo(np.stack(pictures), fps)
    raise InputError(f"{what}: expected a tensor, an array, a list of PIL images or a path, got {type(video).__name__}")


def _to_frames(video: Any, what: str, layout: str | None) -> Any:
    """Return frames uint8 `[T, H, W, 3]` of an array or a tensor, on its device."""
    shape = tuple(int(side) for side in video.shape)
    if len(shape) != 4:
        raise InputError(f"{what}: expected 4 axes, got the shape {shape}")
    fitting = [name for name in LAYOUTS if shape[name.index("C")] == 3]
    if layout is None and len(fitting) != 1:
        reason = "none" if not fitting else f"more than one ({', '.join(fitting)})"
        raise InputError(f"{what}: of its axes {shape}, {reason} can be the 3 colours; name the order with layout=")
    order = layout or fitting[0]
    if order not in fitting:
        raise InputError(f"{what}: the shape {shape} is not {order} with 3 colours")
    if 0 in shape:
        raise InputError(f"{what}: the shape {shape} has no frames or no pixels")
    axes = [order.index(axis) for axis in "THWC"]
    frames = video.transpose(*axes) if isinstance(video, np.ndarray) else video.detach().permute(*axes)
    return _to_bytes(frames, what)


def _to_bytes(frames: Any, what: str) -> Any:
    """Return values as uint8; floats in 0..1 are multiplied by 255 and rounded."""
    is_array = isinstance(frames, np.ndarray)
    if str(frames.dtype).removeprefix("torch.") == "uint8":
        return np.ascontiguousarray(frames) if is_array else frames.contiguous()
    if not (np.issubdtype(frames.dtype, np.floating) if is_array else frames.is_floating_point()):
        raise InputError(f"{what}: expected uint8, or floats in 0..1, got {frames.dtype}")
    values = frames.astype(np.float32) if is_array else frames.float()
    low, high = float(values.min()), float(values.max())
    if not (low >= -SLACK and high <= 1 + SLACK):
        hint = "; for a decoder's -1..1, pass x / 2 + 0.5" if low < 0 else ""
        raise InputError(f"{what}: expected floats in 0..1, got {low:.3g} to {high:.3g}{hint}")
    if is_array:
        return np.ascontiguousarray(np.rint(values.clip(0, 1) * 255).astype(np.uint8))
    return (values.clamp(0, 1) * 255).round().byte().contiguous()
