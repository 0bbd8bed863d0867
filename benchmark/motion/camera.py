"""Whether the direction of a motion is right under a moving camera, with and without compensation.

Rendered clips of 416x240 pixels and 81 frames: a textured subject moves evenly through a textured scene while the
camera rests, pans (up to 3 % of the width a frame, as far as the scene goes), zooms (0.8 % a frame), or shakes (up to
3 % of the width a frame). The boxes are exact, so that the table is about the camera alone.

Run `python benchmark/motion/camera.py` to print the table and to write it into the README.md beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dsrbench import VideoTracks, score_tracks
from dsrbench.evaluation.camera import measure_camera
from dsrbench.markdown import rewrite_table

README = Path(__file__).with_name("README.md")
START = "<!-- table: camera.py -->"
SIZE, N_FRAMES = (416, 240), 81
SCENE = (1600, 900)
SUBJECT = (50, 60)
CAMERAS = ("rests", "pans", "zooms", "shakes")


@dataclasses.dataclass(frozen=True, eq=False)
class RenderedClip:
    """Frames, exact boxes of the subject, and the direction in which it moves through the scene."""

    frames: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    direction: str


def make_texture(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture with details of several sizes, uint8 `[H, W, 3]`."""
    noise = rng.normal(size=(size[1], size[0], 3))
    texture = sum(ndimage.gaussian_filter(noise, (s, s, 0)) * s for s in (1.5, 4, 12))
    low, high = texture.min(), texture.max()
    return ((texture - low) / (high - low) * 255).astype(np.uint8)


def camera_path(rng: np.random.Generator, camera: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The centre of the picture in the scene, `[T, 2]`, and its enlargement, `[T]`."""
    middle = np.array(SCENE) / 2
    centres, zooms = np.tile(middle, (N_FRAMES, 1)), np.ones(N_FRAMES)
    times = np.arange(N_FRAMES) - N_FRAMES / 2
    if camera == "pans":
        step = rng.uniform(-0.03, 0.03, 2) * SIZE[0]
        room = (np.array(SCENE) - SIZE) / 2 - 5
        share = min(1.0, *(room / np.maximum(np.abs(step) * N_FRAMES / 2, 1)))
        centres = middle + times[:, None] * step * share
    if camera == "zooms":
        zooms = rng.uniform(0.992, 1.008) ** np.arange(N_FRAMES)
    if camera == "shakes":
        centres = middle + rng.uniform(-0.03, 0.03, (N_FRAMES, 2)) * SIZE[0]
    return centres, zooms


def render(rng: np.random.Generator, camera: str) -> RenderedClip:
    """A clip of a subject that moves to the left or to the right."""
    scene, subject = make_texture(rng, SCENE), 255 - make_texture(rng, SUBJECT)
    centres, zooms = camera_path(rng, camera)
    speed = rng.choice([-1, 1]) * rng.uniform(0.6, 1.5)
    start = np.array(SCENE) / 2 - np.array([speed * N_FRAMES / 2, rng.uniform(-30, 30)])
    frames, boxes = [], []
    for t, (centre, zoom) in enumerate(zip(centres, zooms, strict=True)):
        corner = (start + np.array([speed * t, 0]) - np.array(SUBJECT) / 2).astype(int)
        picture = scene.copy()
        picture[corner[1] : corner[1] + SUBJECT[1], corner[0] : corner[0] + SUBJECT[0]] = subject
        shift = np.array(SIZE) / 2 - zoom * centre
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
        frames.append(cv2.warpAffine(picture, matrix, SIZE))
        box = np.concatenate([corner, corner + SUBJECT]) * zoom + np.tile(shift, 2)
        is_seen = (box[2:] > 0).all() and (box[:2] < SIZE).all()
        boxes.append(box if is_seen else np.full(4, np.nan))
    return RenderedClip(np.array(frames), np.array(boxes), ">R" if speed > 0 else ">L")


def measure(camera: str, *, clips: int, seed: int) -> tuple[int, int, int, int, float]:
    """Clips with a score; of these compensated, right with and without compensation; seconds a clip."""
    rng = np.random.default_rng(seed)
    scored = compensated = right = right_without = 0
    began = 0.0
    for _ in range(clips):
        clip = render(rng, camera)
        plain = VideoTracks(clip.boxes, np.full((N_FRAMES, 4), np.nan), SIZE)
        start = time.perf_counter()
        tracks = dataclasses.replace(plain, camera=measure_camera([plain], [clip.frames]))
        began += time.perf_counter() - start
        score, without = score_tracks(tracks, clip.direction), score_tracks(plain, clip.direction)
        if score.diagnosis is None:
            continue
        scored += 1
        compensated += bool(score.compensated)
        right += score.dsr_score > 0.5
        right_without += without.dsr_score > 0.5
    return scored, compensated, right, right_without, began / clips


def make_table(clips: int, seed: int) -> str:
    """The figures as Markdown."""
    rows = [
        "| camera | clips scored | compensated | direction right, with compensation | without | s a clip |",
        "|---|---|---|---|---|---|",
    ]
    for camera in CAMERAS:
        scored, compensated, right, without, seconds = measure(camera, clips=clips, seed=seed)
        shares = " | ".join(f"{count / scored:.3f}" for count in (compensated, right, without))
        rows.append(f"| {camera} | {scored} | {shares} | {seconds:.2f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    table = make_table(options.clips, options.seed)
    rewrite_table(README, table, start=START)
    print(table)
