"""Draw clips on which two detectors differ, to be looked at; called by `detectors.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from contact_sheets import lay_out
from PIL import Image, ImageDraw

from dsrbench import Detections, Status, VideoScore

if TYPE_CHECKING:
    from seen import Frames, Seen

    from dsrbench import Prompt

SCALE = 3
SHOWN = (0, 3, 6, 9, 12, 15)
COLOURS = ((255, 120, 0), (0, 90, 255))
MOST = 20
"""Clips in the picture."""


def draw_differences(
    clips: Sequence[tuple[Prompt, int, Frames]], seen: Sequence[Sequence[Seen]], names: Sequence[str], path: Path
) -> None:
    """Two rows a clip, one a detector, with its boxes: subject orange, object blue; nothing where they never differ."""
    differing = sorted(
        (pair[0].score.status is not pair[1].score.status, number)
        for number, pair in enumerate(seen)
        if pair[0].score.passes() != pair[1].score.passes() or pair[0].score.status is not pair[1].score.status
    )
    print(f"\n{len(differing)} clips differ in decision or status; {min(MOST, len(differing))} drawn in {path}")
    rows = []
    for _, number in differing[:MOST]:
        prompt, seed, frames = clips[number]
        for name, one in zip(names, seen[number], strict=True):
            caption = f"{prompt.id}, seed {seed}, {name}: {describe(one.score)}"
            rows.append((caption, [draw_frame(frames[t], one.found[t]) for t in SHOWN]))
    if rows:
        lay_out(rows, path)


def describe(score: VideoScore) -> str:
    if score.status is not Status.SCORED:
        return f"{score.status.value} ({score.reason})"
    return f"{score.dsr_score:.3f}, {score.diagnosis.value if score.diagnosis else 'no diagnosis'}"


def draw_frame(frame: np.ndarray, found: Detections) -> Image.Image:
    picture = Image.fromarray(frame)
    picture = picture.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for box, label in zip(found.xyxy * SCALE, found.label, strict=True):
        x0, y0, x1, y1 = map(float, box)
        pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=COLOURS[label])
    return picture
