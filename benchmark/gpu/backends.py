"""Grounding DINO, SAM 2 and Depth Anything at their real sizes, in frames a second, rewards of clips on a card."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from meter import Row, Setting, draw_clip
from models import save_depth_anything, save_grounding_dino, save_sam2

from dsrbench.backends.registry import depth_estimators, detectors, trackers
from dsrbench.rewards import DSRReward
from dsrbench.types import Clip

LABELS = ["cat", "chair"]
PROMPT = "a cat is on the left of a chair, then the cat walks to the right of the chair"


DETECTIONS = [
    # precision, batch, whether blocks are compiled
    ("float32", 8, False),
    ("bfloat16", 1, False),
    ("bfloat16", 8, False),
    ("bfloat16", 16, False),
    ("bfloat16", 32, False),
    ("float16", 16, False),
    ("bfloat16", 16, True),
]

TRACKS = [
    # precision, frames encoded at once, whether blocks are compiled
    ("float32", 8, False),
    ("bfloat16", 1, False),
    ("bfloat16", 8, False),
    ("bfloat16", 16, False),
    ("bfloat16", 8, True),
]


def describe(dtype: str, batch: int, compiled: bool) -> str:
    """Words for how a network runs."""
    return f"{dtype}, batch {batch}{', compiled' if compiled else ''}"


def measure_detector(setting: Setting) -> Iterator[Row]:
    """Detection of two nouns by Grounding DINO in some precisions and batches, and what precision does to boxes."""
    frames = draw_clip(8 if setting.small else 96, small=setting.small)
    with tempfile.TemporaryDirectory() as folder:
        model = save_grounding_dino(Path(folder), small=setting.small)
        for dtype, batch, compiled in DETECTIONS[:1] if setting.small else DETECTIONS:
            options = {"model": str(model), "device": setting.device, "dtype": dtype, "batch": batch}
            with setting.peak() as peak:
                detector: Any = detectors.create("grounding-dino", {**options, "compile": compiled}).instance
                whole = setting.time(lambda: detector.detect(frames, LABELS), repeats=1)  # noqa: B023
                inputs = detector._inputs(frames[:batch], text=["cat. chair."] * batch)
                with detector._inference():
                    forward = setting.time(lambda: detector._net(**inputs), repeats=3)  # noqa: B023
                value = f"{len(frames) / whole:.1f} frames/s (forward alone {batch / forward:.1f})"
                yield Row("detect", f"grounding-dino, {describe(dtype, batch, compiled)}", value, peak())
        for dtype in ("bfloat16", "float16"):
            boxes, reference = compare_boxes(str(model), setting.device, frames[:4], dtype)
            height, width = frames.shape[1:3]
            change = np.abs(boxes - reference) * [width, height, width, height]
            value = f"median {np.median(change):.3f}, 95 % {np.quantile(change, 0.95):.3f}, most {change.max():.2f} px"
            yield Row("detect", f"grounding-dino, boxes of {dtype} against float32, same queries", value)


def compare_boxes(model: str, device: str, frames: Any, dtype: str) -> tuple[Any, Any]:
    """Boxes of all queries `[B, Q, 4]` in a precision and in float32, both from the queries that the latter selects."""
    import torch

    topk, places = torch.topk, []

    def record(scores: Any, count: int, dim: int = -1) -> Any:
        result = topk(scores, count, dim=dim)
        places.append(result[1])
        return result

    def replay(scores: Any, count: int, dim: int = -1) -> Any:
        chosen = places.pop(0)
        return torch.gather(scores, dim, chosen), chosen

    boxes = []
    for precision, select in (("float32", record), (dtype, replay)):
        options = {"model": model, "device": device, "dtype": precision, "batch": len(frames)}
        detector: Any = detectors.create("grounding-dino", options).instance
        inputs = detector._inputs(frames, text=["cat. chair."] * len(frames))
        with detector._inference(), mock.patch.object(torch, "topk", select):
            boxes.append(detector._net(**inputs).pred_boxes.float().cpu().numpy())
    return boxes[1], boxes[0]


def measure_tracker(setting: Setting) -> Iterator[Row]:
    """Propagation of two boxes through a clip by SAM 2, in some precisions and batches."""
    n_frames = 3 if setting.small else 81
    frames = draw_clip(n_frames, small=setting.small)
    height, width = frames.shape[1:3]
    boxes = np.array([[0.2, 0.3, 0.4, 0.6], [0.55, 0.25, 0.75, 0.7]]) * [width, height, width, height]
    with tempfile.TemporaryDirectory() as folder:
        model = save_sam2(Path(folder), small=setting.small)
        for dtype, batch, compiled in TRACKS[:1] if setting.small else TRACKS:
            with setting.peak() as peak:
                options = {"model": str(model), "device": setting.device, "dtype": dtype, "batch": batch}
                options["compile"] = compiled
                tracker: Any = trackers.create("sam2", options).instance
                arguments = {"anchor": n_frames // 4, "subject_box": boxes[0], "object_box": boxes[1]}
                seconds = setting.time(lambda: tracker.propagate(Clip(frames, 16.0), **arguments), repeats=1)  # noqa: B023
                what = f"sam2, {describe(dtype, batch, compiled)}, two boxes"
                yield Row("track", what, f"{n_frames / seconds:.1f} frames/s", peak())


def measure_depth(setting: Setting) -> Iterator[Row]:
    """Depth maps by Depth Anything V2 Small, in each precision."""
    frames = draw_clip(8 if setting.small else 81, small=setting.small)
    with tempfile.TemporaryDirectory() as folder:
        model = save_depth_anything(Path(folder), small=setting.small)
        for dtype in ("float32", "bfloat16"):
            with setting.peak() as peak:
                options = {"model": str(model), "device": setting.device, "dtype": dtype}
                estimator: Any = depth_estimators.create("depth-anything", options).instance
                seconds = setting.time(lambda: estimator.estimate(frames), repeats=1)  # noqa: B023
                yield Row("depth", f"depth-anything V2 Small, {dtype}", f"{len(frames) / seconds:.1f} frames/s", peak())


def measure_rewards(setting: Setting) -> Iterator[Row]:
    """Rewards of 16 clips that are on the card already, by Grounding DINO and `assignment`, with the guard."""
    import torch

    n_clips, n_frames = (2, 20) if setting.small else (16, 81)
    clip = torch.from_numpy(draw_clip(n_frames, small=setting.small)).to(setting.device)
    clips = clip.permute(0, 3, 1, 2).expand(n_clips, -1, -1, -1, -1)
    with tempfile.TemporaryDirectory() as folder:
        model = save_grounding_dino(Path(folder), small=setting.small)
        for dtype in ("float32", "bfloat16"):
            with setting.peak() as peak:
                options = {"detector": {"model": str(model), "dtype": dtype, "threshold": 0.5}}
                reward = DSRReward("grounding-dino", device=setting.device, options=options)
                seconds = setting.time(lambda: reward(clips, [PROMPT] * n_clips), repeats=1)  # noqa: B023
                what = f"rewards of {n_clips} clips of {n_frames} frames, grounding-dino, {dtype}"
                yield Row("rewards", what, f"{seconds:.1f} s", peak())
