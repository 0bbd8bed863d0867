"""`scripted`: depth read from files instead of estimated.

For depth made elsewhere, and to try reports without a network.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import DepthEstimator
from dsrbench.errors import BackendError, OptionError
from dsrbench.video import sha256_file


class ScriptedDepth(DepthEstimator):
    """Depth maps of a folder, found by the video's file name.

    The maps of a video `NAME.mp4` are the array `depth` of `NAME.npz`, float `[T, h, w]` of any resolution; larger
    values are nearer.

    Args:
        maps: Folder of the files.

    Raises:
        OptionError: No folder was given, or it has no files.
    """

    def __init__(self, *, maps: Path | None = None) -> None:
        if maps is None:
            raise OptionError("depth estimator 'scripted' needs the maps: -o depth.maps=FOLDER")
        self._folder = Path(maps)
        files = sorted(self._folder.rglob("*.npz"))
        if not files:
            raise OptionError(f"{self._folder}: expected a folder with depth maps, one NAME.npz a video; got none")
        self.fingerprint = {"maps": {file.relative_to(self._folder).as_posix(): sha256_file(file) for file in files}}
        self._maps: NDArray[np.float32] | None = None
        self._next = 0

    def start_video(self, name: str) -> None:
        """Choose the video whose frames come next, by its path relative to the videos' folder or its file name alone.

        Raises:
            BackendError: The folder has no maps for it, or they cannot be read.
        """
        stem = Path(name).with_suffix(".npz")
        path = next((self._folder / p for p in (stem, Path(stem.name)) if (self._folder / p).is_file()), None)
        if path is None:
            raise BackendError(f"{self._folder} has no depth maps {stem.name} for video {name!r}")
        try:
            with np.load(path, allow_pickle=False) as file:
                maps = np.asarray(file["depth"], np.float32)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise BackendError(f"{path}: expected an array 'depth' of numbers ({type(error).__name__})") from None
        if maps.ndim != 3 or not maps.size or not np.isfinite(maps).all():
            raise BackendError(f"{path}: expected finite depth [T, h, w], got {list(maps.shape)}")
        self._maps, self._next = maps, 0

    def estimate(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the maps of the next frames; of the pictures only their number counts.

        Raises:
            BackendError: No video was chosen, or it has more frames than maps.
        """
        if self._maps is None or self._next + len(frames) > len(self._maps):
            known = 0 if self._maps is None else len(self._maps)
            raise BackendError(f"the video has more frames than its {known} depth maps")
        self._next += len(frames)
        return self._maps[self._next - len(frames) : self._next]
