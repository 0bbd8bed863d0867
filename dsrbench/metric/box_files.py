"""Boxes in the authors' form - a JSON line a video - read, scored and written back, in flat memory.

A line has `frames`: a list of `{"frame": 3, "labels": ["cat", "chair"], "boxes_xyxy": [[x0, y0, x1, y1], ...]}`, the
`type` (relation codes such as "LR", one relation throughout such as "L", or a motion such as ">L"), `subject`, and
`object` unless it is a motion; optionally `video` and `n_frames` (81 without it). A frame without exactly one box of
each entity is not scored; nothing is filled. The camera is taken to rest: no pictures show its motion.
"""

from __future__ import annotations

import dataclasses
import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dsrbench.errors import BoxError, DSRBenchError, InputError
from dsrbench.lines import parse_object
from dsrbench.metric.claims import Claim, read_claim
from dsrbench.metric.dsr import score_many
from dsrbench.types import PUBLISHED_FRAMES, Floats, VideoScore, VideoTracks

LINES_AT_ONCE = 256
FRAMES_AT_ONCE = 100_000
MAX_FRAMES = 100_000
LARGEST = 1e9


def tracks_from_line(line: Mapping[str, Any]) -> tuple[VideoTracks, Claim]:
    """Read one video's boxes and the claim it is scored for: relations, or the direction of a motion.

    Args:
        line: The decoded JSON of one line.

    Raises:
        InputError: Something is absent, of a wrong type, or contradictory.
        BoxError: A box with NaN, infinity or negative size.

    >>> frame = {"frame": 0, "labels": ["cat", "chair"], "boxes_xyxy": [[0, 0, 1, 1], [2, 0, 3, 1]]}
    >>> line = {"frames": [frame], "type": "LR", "subject": "cat", "object": "chair", "n_frames": 1}
    >>> tracks_from_line(line)[0].subject.tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    if not isinstance(line, Mapping):
        raise InputError(f"expected a JSON object a line, got {type(line).__name__}")
    is_motion = str(line.get("type")).startswith(">")
    nouns = ("subject",) if is_motion else ("subject", "object")
    missing = [name for name in ("frames", "type", *nouns) if name not in line]
    if missing:
        raise InputError(f"a line needs {', '.join(missing)}")
    names = [line[noun] for noun in nouns]
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        expected = "subject must be a name" if is_motion else "subject and object must be two different names"
        raise InputError(f"{expected}, got {' and '.join(map(repr, names))}")
    if not isinstance(line["type"], str):
        raise InputError(f"type must be relation codes such as 'LR', got {line['type']!r}")
    n_frames = line.get("n_frames", PUBLISHED_FRAMES)
    if not isinstance(n_frames, int) or isinstance(n_frames, bool) or not 0 < n_frames <= MAX_FRAMES:
        raise InputError(f"n_frames must be a whole number in 1..{MAX_FRAMES}, got {n_frames!r}")
    if not isinstance(line["frames"], list):
        raise InputError(f"frames must be a list, got {type(line['frames']).__name__}")
    boxes = None if is_motion else _stack_plain(line["frames"], names, n_frames)
    if boxes is None:
        boxes = _stack_checked(line["frames"], names, n_frames)
    return VideoTracks(boxes[0], boxes[1]), read_claim(line["type"].upper())


def _stack_plain(frames: list[Any], names: list[str], n_frames: int) -> Floats | None:
    """Both entities' boxes `[2, n_frames, 4]`, fast, where every frame has just the two; None where one has not.

    Whatever is unusual or wrong is left to `_stack_checked`, which reads it frame by frame and names what is wrong.
    """
    swapped = names[::-1]
    try:
        numbers = np.array([frame["frame"] for frame in frames])
        labels = [frame["labels"] for frame in frames]
        pairs = np.array([frame["boxes_xyxy"] for frame in frames])
    except (KeyError, TypeError, ValueError):
        return None
    if pairs.dtype.kind not in "if" or numbers.dtype.kind != "i" or (*numbers.shape, 2, 4) != pairs.shape:
        return None
    good = (pairs[..., :2] <= pairs[..., 2:]).all() and (np.abs(pairs) < LARGEST).all()
    if not good or numbers.min() < 0 or numbers.max() >= n_frames or len(np.unique(numbers)) < len(numbers):
        return None
    turned = [label == swapped for label in labels]
    if not all(turn or label == names for turn, label in zip(turned, labels, strict=True)):
        return None
    pairs[turned] = pairs[turned][:, ::-1]
    boxes = np.full((2, n_frames, 4), np.nan)
    boxes[:, numbers] = pairs.transpose(1, 0, 2)
    return boxes


def _stack_checked(frames: list[Any], names: list[str], n_frames: int) -> Floats:
    """Both entities' boxes `[2, n_frames, 4]`, frame by frame; NaN for an object that has no name."""
    boxes = np.full((2, n_frames, 4), np.nan)
    seen: set[int] = set()
    for frame in frames:
        index, chosen = _read_frame(frame, names, n_frames)
        if index in seen:
            raise InputError(f"frame {index} is given twice")
        seen.add(index)
        if chosen is not None:
            boxes[: len(names), index] = chosen
    return boxes


def _read_frame(frame: Any, names: list[str], n_frames: int) -> tuple[int, list[Any] | None]:
    """Return a frame's number, and the box of each name where it has exactly one of each."""
    labels, boxes = frame_boxes(frame)
    index = frame["frame"]
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < n_frames:
        raise InputError(f"frame number {index!r} is not in 0..{n_frames - 1}; longer clips give their n_frames")
    of_names = [[box for label, box in zip(labels, boxes, strict=True) if label == name] for name in names]
    return index, [some[0] for some in of_names] if all(len(some) == 1 for some in of_names) else None


def frame_boxes(frame: Any) -> tuple[list[str], list[Any]]:
    """Labels and boxes of one frame of a line, checked.

    Raises:
        InputError: Something is absent or of a wrong type.
        BoxError: A box with NaN, infinity or negative size.
    """
    try:
        index, labels, boxes = frame["frame"], frame["labels"], frame["boxes_xyxy"]
        sizes = [len(part) if isinstance(part, list) else type(part).__name__ for part in (labels, boxes)]
        if sizes[0] != sizes[1] or isinstance(sizes[0], str):
            raise InputError(f"frame {index}: expected a label a box, in two lists; got {sizes[0]} and {sizes[1]}")
    except (KeyError, TypeError) as error:
        raise InputError(f"expected frames with 'frame', 'labels' and 'boxes_xyxy', got one without: {error}") from None
    for box in boxes:
        _check_box(box, index)
    return labels, boxes


def _check_box(box: Any, index: int) -> None:
    try:
        x0, y0, x1, y1 = box
        # False for NaN, infinity and what is no number at all.
        good = -LARGEST < x0 <= x1 < LARGEST and -LARGEST < y0 <= y1 < LARGEST
    except (TypeError, ValueError):
        good = False
    if not good:
        raise BoxError(
            f"frame {index}: expected a box x0 <= x1, y0 <= y1 of four finite numbers of at most 1e9, got {box!r}"
        )


def score_lines(path: Path) -> Iterator[tuple[int, str, VideoScore]]:
    """Score a file of boxes, `.jsonl` or `.jsonl.gz`, some lines at a time.

    A line that cannot be read gives a `failed` score with the reason; the others are scored all the same.

    Yields:
        Line number from 1, the line's `video` (or its number as text), and the score.

    Raises:
        InputError: The file itself cannot be read.
    """
    batch: list[_Line] = []
    n_frames = 0
    for number, text in enumerate(read_lines(path), start=1):
        if not text.strip():
            continue
        batch.append(_read_line(number, text))
        n_frames += len(batch[-1].tracks or ())
        if len(batch) == LINES_AT_ONCE or n_frames >= FRAMES_AT_ONCE:
            yield from _score_batch(batch)
            batch, n_frames = [], 0
    yield from _score_batch(batch)


@dataclasses.dataclass(frozen=True)
class _Line:
    """One line as read: tracks and claim, or the reason why there are none."""

    number: int
    name: str
    tracks: VideoTracks | None = None
    claim: Claim = ()
    problem: str = ""


def _read_line(number: int, text: str) -> _Line:
    name = f"line {number}"
    try:
        line = parse_object(text)
        if line.get("video"):
            name = str(line["video"]).encode("utf-8", "replace").decode("utf-8")
        return _Line(number, name, *tracks_from_line(line))
    except DSRBenchError as error:
        return _Line(number, name, problem=str(error))


def _score_batch(lines: list[_Line]) -> Iterator[tuple[int, str, VideoScore]]:
    read = [(line.tracks, line.claim) for line in lines if line.tracks is not None]
    scores = iter(score_many([tracks for tracks, _ in read], [claim for _, claim in read]))
    for line in lines:
        yield line.number, line.name, VideoScore.failed(line.problem) if line.tracks is None else next(scores)


def read_lines(path: Path) -> Iterator[str]:
    """Read the lines of a text file, gzipped or not.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            for line in stream:
                yield line.decode("utf-8", "replace")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read boxes from {path}: {reason}") from error
