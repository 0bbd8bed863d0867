"""Depth of rendered clips: exact maps, the learned network and ground contact against the renderer's truth.

Clips of the test prompts of `sprites-depth`, obedient and disobedient, with exact boxes. A frame counts where both
entities have a box and their grounds are at least `LEVEL` rows apart; the sign is right where the estimated difference
has the sign of the true one. Calibration compares the probability that an estimator gives to the sign (its difference
over its standard error) with the share of signs that are right.

Run `python benchmark/sprites/depth.py` to print the tables and to write them into the README.md beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dsrbench import Prompt, VideoTracks, read_suite, score_tracks
from dsrbench.backends.base import DepthEstimator
from dsrbench.backends.depth.ground_contact import GroundContact
from dsrbench.backends.depth.measure import measure_depth
from dsrbench.backends.depth.sprites import SpritesDepth
from dsrbench.sprites.world import FPS, HEIGHT, WIDTH, draw_depth_spec, render_actors

README = Path(__file__).with_name("README.md")
START, END = "<!-- table: depth.py -->", "<!-- end of table: depth.py -->"
MIRRORED = 200
"""Clips that are also measured in a mirror."""
LEVEL = 1.0
"""Rows between the grounds of two entities below which they are level."""


class Maps(DepthEstimator):
    """Gives the maps it was made with, for clips of one chunk."""

    def __init__(self, maps: NDArray[np.float32]) -> None:
        self.maps = maps

    def estimate(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The maps."""
        return self.maps


@dataclasses.dataclass(frozen=True, eq=False)
class TrueClip:
    """A rendered clip: frames, exact tracks, depth maps, and the rows by which the subject is nearer."""

    prompt: Prompt
    frames: NDArray[np.uint8]
    tracks: VideoTracks
    maps: NDArray[np.float32]
    nearer: NDArray[np.float64]


def draw_clips(count: int, seed: int) -> list[TrueClip]:
    """Clips of the test prompts in turn, in which both entities appear."""
    rng = np.random.default_rng(seed)
    prompts, clips = read_suite("sprites-depth-test").prompts, []
    while len(clips) < count:
        prompt = prompts[len(clips) % len(prompts)]
        spec = draw_depth_spec(prompt, rng)
        if spec.subject is None:
            continue
        rendered = render_actors(spec, rng)
        boxes = rendered.boxes[spec.subject], rendered.boxes[spec.object]
        nearer = spec.actors[spec.subject].ground - spec.actors[spec.object].ground
        clips.append(
            TrueClip(prompt, rendered.frames, VideoTracks(*boxes, (WIDTH, HEIGHT), FPS), rendered.depth, nearer)
        )
    return clips


def mirror(clip: TrueClip) -> TrueClip:
    """The clip seen in a mirror."""
    boxes = []
    for box in (clip.tracks.subject, clip.tracks.object):
        boxes.append(np.stack([WIDTH - box[:, 2], box[:, 1], WIDTH - box[:, 0], box[:, 3]], axis=1))
    tracks = VideoTracks(*boxes, (WIDTH, HEIGHT), FPS)
    return dataclasses.replace(clip, frames=clip.frames[:, :, ::-1], tracks=tracks, maps=clip.maps[:, :, ::-1])


def measure(clip: TrueClip, name: str, learned: DepthEstimator) -> VideoTracks:
    """Tracks of a clip with depth from one of the estimators."""
    estimator = {"exact": Maps(clip.maps), "sprites": learned, "ground-contact": GroundContact()}[name]
    return measure_depth(estimator, [clip.tracks], [clip.frames])[0]


def make_tables(count: int, seed: int) -> str:
    """The figures as Markdown."""
    clips, learned = draw_clips(count, seed), SpritesDepth()
    rows = [
        "| depth | clips | frames not level | abstains | sign right | mirrored clips: largest difference of the score |",
        "|---|---|---|---|---|---|",
    ]
    calibration = ["| depth | probability of the sign | frames | mean probability | right |", "|---|---|---|---|---|"]
    for name in ("exact", "sprites", "ground-contact"):
        signs, probabilities, differences = [], [], []
        total = 0
        for clip in clips:
            tracks = measure(clip, name, learned)
            seen = ~np.isnan(clip.tracks.subject[:, 0]) & ~np.isnan(clip.tracks.object[:, 0])
            counted = seen & (np.abs(clip.nearer) >= LEVEL)
            total += int(counted.sum())
            depth = tracks.depth
            assert depth is not None
            given = counted & ~np.isnan(depth[:, 0])
            difference = depth[given, 0] - depth[given, 1]
            signs.append(np.sign(difference) == np.sign(clip.nearer[given]))
            z = np.abs(difference) / np.maximum(depth[given, 4], 1e-9)
            probabilities.append([NormalDist().cdf(min(value, 8)) for value in z])
            if len(differences) < MIRRORED:
                turned = score_tracks(measure(mirror(clip), name, learned), clip.prompt)
                score = score_tracks(tracks, clip.prompt)
                if score.diagnosis is not None and turned.diagnosis is not None:
                    differences.append(abs(score.dsr_score - turned.dsr_score))
        right, probability = np.concatenate(signs), np.concatenate(probabilities)
        worst = max(differences, default=float("nan"))
        shares = f"{1 - len(right) / total:.3f} | {right.mean():.4f} | {worst:.3f}"
        rows.append(f"| {name} | {len(clips)} | {total} | {shares} |")
        for low, high in ((0.5, 0.9), (0.9, 0.99), (0.99, 1.01)):
            some = (probability >= low) & (probability < high)
            if some.any():
                cells = f"{some.sum()} | {probability[some].mean():.3f} | {right[some].mean():.3f}"
                calibration.append(f"| {name} | {low:.2f} to {min(high, 1):.2f} | {cells} |")
    return "\n".join([*rows, "", *calibration])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tables = make_tables(options.clips, options.seed)
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    README.write_text(f"{before}{START}\n{tables}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    print(tables)
