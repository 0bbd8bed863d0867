"""The frames of a video, from a file or from memory, as the stages of a scorer read them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import VideoError
from dsrbench.types import Clip
from dsrbench.video import VideoInfo, iter_chunks, probe, read_clip

FRAMES_AT_ONCE = 16
"""Frames of a chunk."""

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class VideoFile:
    """A video on this disk, decoded whenever its frames are read.

    Attributes:
        path: The file.
    """

    path: Path

    @functools.cached_property
    def info(self) -> VideoInfo:
        """Size and rate; raises `VideoError` where the file is no video."""
        return probe(self.path)

    def count(self) -> int:
        """Return the number of frames; the file is decoded where it does not say."""
        return self.info.n_frames or sum(len(frames) for frames in iter_chunks(self.path))

    def chunks(self, *, as_tensors: bool = False) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames in order, uint8 `[B, H, W, 3]`, decoded some frames ahead of the reader."""
        del as_tensors
        return ahead(iter_chunks(self.path, chunk=FRAMES_AT_ONCE))

    def clip(self) -> Clip:
        """Return all frames at once."""
        return read_clip(self.path)


@dataclasses.dataclass(frozen=True, eq=False)
class DecodedVideo:
    """A video in memory.

    Attributes:
        frames: RGB frames uint8 `[T, H, W, 3]`: an array, or a tensor of torch on any device.
        fps: Frames a second.
    """

    frames: Any
    fps: float

    @property
    def info(self) -> VideoInfo:
        """Size and rate."""
        n_frames, height, width = (int(side) for side in self.frames.shape[:3])
        return VideoInfo(width, height, self.fps, n_frames, "")

    def count(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    def chunks(self, *, as_tensors: bool = False) -> Iterator[Any]:
        """Yield the frames in order, uint8 `[B, H, W, 3]`.

        Args:
            as_tensors: Whether frames that are a tensor stay one; otherwise they are copied to arrays.
        """
        frames = self.frames if as_tensors else self._array
        return (frames[first : first + FRAMES_AT_ONCE] for first in range(0, len(frames), FRAMES_AT_ONCE))

    def clip(self) -> Clip:
        """Return all frames as an array."""
        return Clip(self._array, self.fps)

    @functools.cached_property
    def _array(self) -> NDArray[np.uint8]:
        frames = self.frames
        return frames if isinstance(frames, np.ndarray) else np.asarray(frames.cpu().numpy(), np.uint8)


Video = Path | VideoFile | DecodedVideo
"""A video as the stages take it."""


def open_video(video: Video) -> VideoFile | DecodedVideo:
    """Return a video whose frames can be read."""
    return VideoFile(video) if isinstance(video, Path) else video


def decode_video(path: Path) -> Video:
    """Decode a video into memory; one that cannot be read stays a file, which says why when its frames are read."""
    try:
        clip = read_clip(path)
    except VideoError:
        return path
    return DecodedVideo(clip.frames, clip.fps)


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Iterate one item ahead, in a thread of its own; an error arrives where its item would have.

    >>> list(ahead(range(4)))
    [0, 1, 2, 3]
    """
    iterator = iter(items)
    end: Any = object()
    with ThreadPoolExecutor(1, thread_name_prefix="dsrbench-ahead") as pool:
        coming = pool.submit(next, iterator, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, iterator, end)
            yield item
