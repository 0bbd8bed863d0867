"""Similarity of two videos: a perceptual hash of a few frames, and the number of differing bits of two hashes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import MissingExtraError
from dsrbench.video import iter_chunks, probe

FRAMES = 4
"""Number of frames of a video that are hashed, evenly spaced from the first to the last."""

BITS = 64
"""Number of bits of the hash of a frame."""


def hash_video(path: Path) -> bytes:
    """Compute the perceptual hash of a video, 8 bytes for each of four frames: the DCT hash of ImageHash.

    Args:
        path: Path of the video, which is decoded once, a few frames at a time.

    Raises:
        VideoError: The video cannot be read.
        MissingExtraError: ImageHash is not installed.
    """
    try:
        import imagehash
    except ImportError:
        raise MissingExtraError("the search for near-duplicate videos", "ImageHash", "dataset") from None
    from PIL import Image

    hashes = [np.packbits(imagehash.phash(Image.fromarray(frame)).hash).tobytes() for frame in _pick(path)]
    return b"".join(hashes)


def differing_bits(a: bytes, b: bytes) -> float:
    r"""Return the number of bits in which two hashes differ, of the 64 of a frame, averaged over the frames.

    >>> differing_bits(bytes(32), bytes(31) + b"\x0f")
    1.0
    """
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count() / (len(a) * 8 / BITS)


def _pick(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield four frames of a video; a shorter video repeats frames."""
    declared = probe(path).n_frames
    length = declared if declared is not None else sum(len(chunk) for chunk in iter_chunks(path))
    left = [round(i * (length - 1) / (FRAMES - 1)) for i in range(FRAMES)]
    start = 0
    for chunk in iter_chunks(path):
        while left and left[0] < start + len(chunk):
            yield chunk[left.pop(0) - start]
        start += len(chunk)
        last = chunk[-1]
    for _ in left:  # the video may have fewer frames than declared
        yield last
