"""Score the sprites model with the `sprites-template` detector: accuracy, coverage, relation types, diagnoses.

Run: python benchmark/sprites/base_model.py MODEL_FOLDER [--suite sprites-val] [--seeds 3] [--guidance 3.5] [--steps 12]
    [--checkpoint] [--picture clips.png]

MODEL_FOLDER is what `dsrbench sprites train FOLDER` writes (`FOLDER/model`); with `--checkpoint` it is the folder of a
training that still runs, whose averaged weights are taken as they are.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from dsrbench import Prompt, Status, score_tracks
from dsrbench.backends.detectors.sprites_template import SpritesTemplate
from dsrbench.backends.generators.sprites import Sprites
from dsrbench.backends.trackers.assignment import Assignment
from dsrbench.prompts import read_suite
from dsrbench.sprites.training.settings import Settings
from dsrbench.sprites.training.transformer import export_checkpoint
from dsrbench.sprites.world import FPS, HEIGHT, WIDTH

SHOWN = (0, 3, 6, 9, 12, 15)


def draw_clips(clips: list[np.ndarray], path: Path) -> None:
    """Six frames of each clip, a row a clip, two clips side by side."""
    rows = [np.concatenate(list(frames[list(SHOWN)]), axis=1) for frames in clips]
    halves = [np.concatenate(part) for part in (rows[: len(rows) // 2], rows[len(rows) // 2 : len(rows) // 2 * 2])]
    picture = Image.fromarray(np.concatenate(halves, axis=1))
    picture.resize((picture.width * 3, picture.height * 3), Image.Resampling.BICUBIC).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--suite", default="sprites-val")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--guidance", type=float, default=3.5)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint", action="store_true")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder
        if given.checkpoint:
            folder = Path(scratch)
            (folder / "autoencoder").symlink_to((given.folder / "autoencoder").resolve())
            (folder / "transformer.safetensors").symlink_to((given.folder / "transformer.safetensors").resolve())
            print(f"step {export_checkpoint(folder, Settings(), name='model')}")
            folder = folder / "model"
        generator = Sprites(folder=folder, guidance=given.guidance, steps=given.steps, threads=given.threads, enlarge=1)
        pairs = [(prompt, seed) for prompt in read_suite(given.suite) for seed in range(given.seeds)]
        start = time.perf_counter()
        clips = [clip.frames for clip in generator.generate([p for p, _ in pairs], [s for _, s in pairs])]
        made = time.perf_counter()
    score_clips([p for p, _ in pairs], clips)
    print(f"{(made - start) / len(pairs):.3f} s a clip made, {(time.perf_counter() - made) / len(pairs):.3f} s scored")
    if given.picture:
        draw_clips(clips[:: max(1, len(clips) // 24)][:24], given.picture)


def score_clips(prompts: list[Prompt], clips: list[np.ndarray]) -> None:
    detector, tracker = SpritesTemplate(), Assignment()
    by_type: dict[str, list[bool]] = {}
    diagnoses: Counter[str] = Counter()
    scored = []
    for prompt, frames in zip(prompts, clips, strict=True):
        found = detector.detect(frames, [prompt.subject, prompt.object])
        score = score_tracks(tracker.associate(found, prompt=prompt, size=(WIDTH, HEIGHT), fps=FPS), prompt)
        by_type.setdefault(prompt.type, []).append(score.passes())
        scored.append(score.status is Status.SCORED)
        diagnoses[score.diagnosis.value if score.diagnosis else "none"] += 1
    passed = [passes for some in by_type.values() for passes in some]
    print(f"{len(clips)} clips: accuracy@0.7 {np.mean(passed):.3f}, coverage {np.mean(scored):.3f}")
    print("by type:", ", ".join(f"{key} {np.mean(some):.2f}" for key, some in sorted(by_type.items())))
    print("diagnoses:", ", ".join(f"{key} {count / len(clips):.2f}" for key, count in diagnoses.most_common()))


if __name__ == "__main__":
    main()
