"""A slow, literal transcription of the definition (README, "The metric"), a frame at a time.

It shares no code with dsrbench. The fast code is tested against it, and `benchmark/speed` measures the two side by
side.
"""

from __future__ import annotations

import math


def ssr(subject, object, code):
    """SSR score of one frame; None where the frame is skipped."""
    sx0, sy0, sx1, sy1 = subject
    ox0, oy0, ox1, oy1 = object
    ws, hs, wo, ho = sx1 - sx0, sy1 - sy0, ox1 - ox0, oy1 - oy0
    if ws == 0 or wo == 0 or ws + wo == 0 or hs + ho == 0:
        return None
    if code == "U" and (hs == 0 or ho == 0):
        return None
    vx = (sx0 + sx1) / 2 - (ox0 + ox1) / 2
    vy = (sy0 + sy1) / 2 - (oy0 + oy1) / 2
    length = math.sqrt(vx * vx + vy * vy)
    cos_x = vx / length if length > 0 else 0.0
    cos_y = vy / length if length > 0 else 0.0
    if code == "U":
        return cos_y * min(1.0, abs(vy) / min(0.1 * hs, 0.1 * ho))
    d_x = min(1.0, abs(vx) / ((ws + wo) / 2))
    d_y = min(1.0, abs(vy) / ((hs + ho) / 2))
    return {"L": -cos_x * d_x, "R": cos_x * d_x, "T": -cos_y * d_y}[code]


def dsr_score(frames, *, subject, object, type, scored=20, window=3):
    """DSR-Score of one video given as frames with labels and boxes; None where it is invalid."""
    a, b = [], []
    for frame in frames:
        subject_boxes = [
            box for label, box in zip(frame["labels"], frame["boxes_xyxy"], strict=True) if label == subject
        ]
        object_boxes = [box for label, box in zip(frame["labels"], frame["boxes_xyxy"], strict=True) if label == object]
        if len(subject_boxes) != 1 or len(object_boxes) != 1:
            continue
        first = ssr(subject_boxes[0], object_boxes[0], type[0])
        last = ssr(subject_boxes[0], object_boxes[0], type[-1])
        if first is None or last is None:
            continue
        a.append(first)
        b.append(last)
    if len(a) < scored:
        return None
    r_init = sum(a[:window]) / window
    r_fin = sum(b[-window:]) / window
    g_init = (a[0] - a[-1]) / 2
    g_fin = (b[-1] - b[0]) / 2
    return (r_init + g_init + r_fin + g_fin) / 8 + 0.5


def anchor_frame(labels, *, subject, object, redundant=16, valid=20, run=4):
    """Anchor frame of one video by its frames' labels; None where it is invalid."""
    states = []
    for frame in labels:
        if len(frame) == 2 and sorted(frame) == sorted([subject, object]):
            states.append("valid")
        elif len(frame) < 2:
            states.append("missing")
        else:
            states.append("redundant")
    if states.count("redundant") > redundant or states.count("valid") < valid:
        return None
    for start in range(len(states) - run + 1):
        if all(state == "valid" for state in states[start : start + run]):
            return start
    return None
