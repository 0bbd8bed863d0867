"""A finished run of many small synthetic videos: a few clips are drawn, and each copy is given bytes of its own.

Copies look alike, so that datasets of them are built with `near_duplicates=-1`; every other step is that of real clips.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from dsrbench.metric import score_tracks
from dsrbench.store import Run, RunManifest, Sample, SuiteRecord, VideoRecord
from dsrbench.types import Prompt, VideoTracks
from dsrbench.video import write_mp4

WIDTH, HEIGHT, FRAMES, FPS, DRAWN = 208, 120, 81, 16.0, 8
RELATIONS = ("LR", "RL", "LT", "RT", "TL", "TR")


def write_source(folder: Path, count: int, *, per_prompt: int = 5) -> Run:
    """Write a run of `count` samples, videos, tracks, scores and tables, or take the one that is there."""
    run = Run(folder)
    if run.disk.exists("samples.parquet") and run.manifest.n_samples == count:
        return run
    drawn = [_draw(folder.parent / f"drawn-{number}.mp4", number) for number in range(DRAWN)]
    samples = []
    for number in range(count):
        index, seed = divmod(number, per_prompt)
        prompt = Prompt(
            *(f"p{index:06d}", f"A cat {index} moves past a box {index}.", f"cat {index}", f"box {index}"),
            relations=tuple(RELATIONS[index % len(RELATIONS)]),
        )
        data, tracks = drawn[number % DRAWN]
        data += f"sample {number}".encode()  # after the last box of the MP4: every decoder leaves it out
        name = f"{prompt.id}_seed{seed}.mp4"
        run.place_video(name).write_bytes(data)
        facts = {"n_frames": FRAMES, "fps": FPS, "width": WIDTH, "height": HEIGHT}
        sample = Sample(
            *("synthetic", prompt, seed, score_tracks(tracks, prompt), name, hashlib.sha256(data).hexdigest()), **facts
        )
        run.write_tracks(sample.id, tracks, {})
        samples.append(sample)
    suite = SuiteRecord("synthetic", "1", "0" * 64, -(-count // per_prompt))
    run.write_manifest(RunManifest(suite=suite, models=("synthetic",), n_samples=count, seeds=tuple(range(per_prompt))))
    run.write_tables((sample, VideoRecord()) for sample in sorted(samples, key=lambda sample: sample.id))
    return run


def _draw(path: Path, number: int) -> tuple[bytes, VideoTracks]:
    """One clip of noise with two squares, the one moving, with its true boxes."""
    rng = np.random.default_rng(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    ground = rng.integers(100, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    frames = np.repeat(ground[None], FRAMES, axis=0)
    left = np.linspace(*rng.permutation([10, 160]), FRAMES).astype(int)
    subject = np.stack([left, np.full(FRAMES, 40), left + 30, np.full(FRAMES, 70)], axis=1).astype(float)
    still = np.tile([90.0, 40, 120, 70], (FRAMES, 1))
    for frame, x in zip(frames, left, strict=True):
        frame[40:70, 90:120] = (60, 110, 60)
        frame[40:70, x : x + 30] = (150, 50, 50)
    write_mp4(path, frames, fps=FPS, crf=30)
    return path.read_bytes(), VideoTracks(subject, still, (WIDTH, HEIGHT), FPS)
