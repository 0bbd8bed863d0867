"""Draw the example boxes of the README: one video of every diagnosis, as a seeded script.

Run: python benchmark/examples/make_boxes.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FRAMES = 81
CHAIR = np.array([360.0, 260.0, 470.0, 430.0])
CAT = np.array([110.0, 90.0])
LEFT, MIDDLE, RIGHT, TOP = (150.0, 340.0), (360.0, 340.0), (570.0, 340.0), (360.0, 170.0)

PATHS = {
    "walks_over.mp4": ("LR", [LEFT, RIGHT]),
    "jumps_up.mp4": ("RT", [RIGHT, TOP]),
    "stays_where_it_is.mp4": ("LR", [LEFT, LEFT]),
    "walks_backwards.mp4": ("LR", [RIGHT, LEFT]),
    "starts_in_the_middle.mp4": ("RT", [LEFT, TOP]),
    "jumps_off_the_wrong_side.mp4": ("TL", [TOP, RIGHT]),
    "stops_half_way.mp4": ("LT", [LEFT, (300.0, 255.0)]),
    "comes_back.mp4": ("LR", [LEFT, RIGHT, LEFT]),
}


def draw_video(name: str, type_: str, stops: list[tuple[float, float]], rng: np.random.Generator) -> dict:
    """One line: a cat that visits some places, a chair, a little detector noise, a frame or two missed."""
    at = np.linspace(0, len(stops) - 1, FRAMES)
    path = np.stack([np.interp(at, range(len(stops)), [s[axis] for s in stops]) for axis in (0, 1)], axis=1)
    frames = []
    for t, corner in enumerate(path):
        cat = np.concatenate([corner, corner + CAT]) + rng.normal(0, 1.5, 4)
        chair = CHAIR + rng.normal(0, 1.0, 4)
        labels, boxes = ["cat", "chair"], [cat, chair]
        if rng.uniform() < 0.03:
            labels, boxes = labels[1:], boxes[1:]
        frames.append({"frame": t, "labels": labels, "boxes_xyxy": [[round(float(v), 1) for v in b] for b in boxes]})
    return {"video": name, "type": type_, "subject": "cat", "object": "chair", "n_frames": FRAMES, "frames": frames}


def main() -> None:
    """Write boxes.jsonl beside this file."""
    rng = np.random.default_rng(0)
    lines = [draw_video(name, type_, stops, rng) for name, (type_, stops) in PATHS.items()]
    lost = draw_video("loses_the_cat.mp4", "TL", [TOP, LEFT], rng)
    lost["frames"] = lost["frames"][:12]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in [*lines, lost])
    Path(__file__).with_name("boxes.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
