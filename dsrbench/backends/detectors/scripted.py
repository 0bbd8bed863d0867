"""`scripted`: boxes read from a file instead of detected, in the form `dsrbench score` reads.

For boxes made elsewhere, and to try trackers and reports without a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import Detector
from dsrbench.errors import BackendError, InputError, OptionError
from dsrbench.lines import parse_object
from dsrbench.metric.box_files import frame_boxes, read_lines
from dsrbench.types import Detections
from dsrbench.video import sha256_file


class Scripted(Detector):
    """Boxes from a file, found by the video's file name.

    Each line names its `video`, and has `frames` with `labels`, `boxes_xyxy` and optionally `scores`.

    Args:
        boxes: A `.jsonl` or `.jsonl.gz` file.

    Raises:
        OptionError: No file was given.
        InputError: It cannot be read, or names a video twice.
    """

    needs_all_frames = True

    def __init__(self, *, boxes: Path | None = None) -> None:
        if boxes is None:
            raise OptionError("detector 'scripted' needs the boxes: -o detector.boxes=FILE.jsonl")
        self._path = Path(boxes)
        self._lines: dict[str, dict[int, dict[str, Any]]] = {}
        for number, text in enumerate(read_lines(self._path), start=1):
            if text.strip():
                self._read(text, number)
        self.fingerprint = {"boxes": sha256_file(self._path)}
        self._frames: dict[int, dict[str, Any]] = {}
        self._next = 0

    def _read(self, text: str, number: int) -> None:
        where = f"{self._path}, line {number}"
        try:
            line = parse_object(text)
            video, frames = str(line["video"]), {frame["frame"]: frame for frame in line["frames"]}
        except (InputError, KeyError, TypeError) as error:
            raise InputError(f"{where}: expected a video and its frames, got none: {error!r}") from error
        if video in self._lines:
            raise InputError(f"{where}: video {video!r} is given twice")
        self._lines[video] = frames

    def start_video(self, name: str) -> None:
        """Choose the video whose frames come next, by its path relative to the videos' folder or its file name alone.

        Raises:
            BackendError: The file has no boxes for it.
        """
        frames = self._lines.get(name, self._lines.get(Path(name).name))
        if frames is None:
            raise BackendError(f"{self._path.name} has no boxes for video {name!r}")
        self._frames, self._next = frames, 0

    def detect(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Return the boxes of the next frames; of the pictures only their number counts.

        Raises:
            InputError: A frame without labels or boxes, or without a score a box.
            BoxError: A box with NaN, infinity or negative size.
        """
        numbers = range(self._next, self._next + len(frames))
        self._next += len(frames)
        return [self._detections(number, labels) for number in numbers]

    def _detections(self, number: int, labels: Sequence[str]) -> Detections:
        frame = self._frames.get(number)
        if frame is None:
            return Detections.none()
        names, boxes = frame_boxes(frame)
        scores = _check_scores(frame.get("scores", [1.0] * len(boxes)), len(boxes), number)
        indices = [i for i, name in enumerate(names) if name in labels]
        return Detections(
            np.array([boxes[i] for i in indices], np.float64).reshape(-1, 4),
            np.array([scores[i] for i in indices], np.float64),
            np.array([labels.index(names[i]) for i in indices], np.int64),
        )


def _check_scores(scores: Any, n_boxes: int, number: int) -> list[float]:
    is_list = isinstance(scores, list) and len(scores) == n_boxes
    if not is_list or not all(isinstance(score, int | float) and 0 <= score <= 1 for score in scores):
        raise InputError(f"frame {number}: expected {n_boxes} scores in 0..1, one a box, got {str(scores)[:80]}")
    return list(scores)
