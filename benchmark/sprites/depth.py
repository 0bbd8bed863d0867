"""Depth of rendered clips: exact maps, the learned network and ground contact against the renderer's truth.

Clips of the test prompts of `sprites-depth`, obedient and disobedient, with exact boxes. A frame counts where both
entities have a box and their grounds are at least `LEVEL` rows apart; the sign is right where the estimated difference
has the sign of the true one. Calibration compares the probability that an estimator gives to the sign (its difference
over its standard error) with the share of signs that are right, where a difference of zero counts as half right; the
expected calibration error is the mean distance of the two over ten bins of probability, weighted by frames.

Run `python benchmark/sprites/depth.py` to print the tables and to write them into the README.md beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dsrbench import Prompt, VideoTracks, read_suite, score_tracks
from dsrbench.backends.base import DepthEstimator
from dsrbench.backends.depth.ground_contact import GroundContact
from dsrbench.backends.depth.measure import measure_depth
from dsrbench.backends.depth.sprites import SpritesDepth
from dsrbench.markdown import rewrite_table
from dsrbench.sprites.world import FPS, HEIGHT, OBJECTS, WIDTH, draw_depth_spec, render_actors

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
    return TrueClip(
        dataclasses.replace(clip.prompt, relations=tuple(relation.mirrored for relation in clip.prompt.relations)),
        clip.frames[:, :, ::-1],
        VideoTracks(*boxes, (WIDTH, HEIGHT), FPS),
        clip.maps[:, :, ::-1],
        clip.nearer,
    )


def measure(clip: TrueClip, name: str, learned: DepthEstimator) -> VideoTracks:
    """Tracks of a clip with depth from one of the estimators."""
    estimator = {"exact": Maps(clip.maps), "sprites": learned, "ground-contact": GroundContact()}[name]
    return measure_depth(estimator, [clip.tracks], [clip.frames])[0]


@dataclasses.dataclass(frozen=True, eq=False)
class Figures:
    """Figures of an estimator.

    Attributes:
        total: Frames that are not level.
        right: 1 where the sign is right, 0 where it is wrong, 0.5 without a difference, of each of those frames in
            which the estimator does not abstain, float64 `[N]`.
        probability: Probability that the estimator gives to its sign, in 0.5..1, float64 `[N]`.
        objects: Noun of the object, `[N]`.
        worst: Largest difference between the scores of a clip and of its mirror image.
    """

    total: int
    right: NDArray[np.float64]
    probability: NDArray[np.float64]
    objects: NDArray[np.str_]
    worst: float

    @property
    def calibration_error(self) -> float:
        """Mean distance of probability and share of right signs over ten equal bins of 0.5..1, weighted by frames."""
        index = np.minimum(((self.probability - 0.5) * 20).astype(int), 9)
        gaps = np.bincount(index, self.probability - self.right, minlength=10)
        return float(np.abs(gaps).sum() / len(self.right))


def gather(clips: Sequence[TrueClip], name: str, learned: DepthEstimator) -> Figures:
    """Measure clips with one of the estimators."""
    signs, probabilities, objects, differences = [], [], [], [float("nan")]
    total = 0
    for number, clip in enumerate(clips):
        tracks = measure(clip, name, learned)
        seen = ~np.isnan(clip.tracks.subject[:, 0]) & ~np.isnan(clip.tracks.object[:, 0])
        counted = seen & (np.abs(clip.nearer) >= LEVEL)
        total += int(counted.sum())
        depth = tracks.depth
        assert depth is not None
        given = counted & ~np.isnan(depth[:, 0])
        difference = depth[given, 0] - depth[given, 1]
        signs.append(np.where(difference == 0, 0.5, np.sign(difference) == np.sign(clip.nearer[given])))
        z = np.abs(difference) / np.maximum(depth[given, 4], 1e-9)
        probabilities.append([NormalDist().cdf(min(value, 8)) for value in z])
        objects.append([clip.prompt.object] * len(z))
        if number < MIRRORED:
            mirrored = mirror(clip)
            turned = score_tracks(measure(mirrored, name, learned), mirrored.prompt)
            differences.append(abs(score_tracks(tracks, clip.prompt).dsr_score - turned.dsr_score))
    worst = float(np.nanmax(differences))
    return Figures(total, np.concatenate(signs), np.concatenate(probabilities), np.concatenate(objects), worst)


def make_tables(count: int, seed: int) -> str:
    """The figures as Markdown."""
    clips, learned = draw_clips(count, seed), SpritesDepth()
    figures = {name: gather(clips, name, learned) for name in ("exact", "sprites", "ground-contact")}
    rows = [
        "| depth | clips | frames not level | abstains | sign right | expected calibration error "
        "| mirrored clips: largest score difference |",
        "|---|---|---|---|---|---|---|",
    ]
    calibration = ["| depth | probability of the sign | frames | mean probability | right |", "|---|---|---|---|---|"]
    for name, each in figures.items():
        shares = f"{1 - len(each.right) / each.total:.3f} | {(each.right == 1).mean():.4f}"
        rows.append(f"| {name} | {count} | {each.total} | {shares} | {each.calibration_error:.3f} | {each.worst:.3f} |")
        for low, high in ((0.5, 0.9), (0.9, 0.99), (0.99, 1.01)):
            some = (each.probability >= low) & (each.probability < high)
            if some.any():
                cells = f"{some.sum()} | {each.probability[some].mean():.3f} | {each.right[some].mean():.3f}"
                calibration.append(f"| {name} | {low:.2f} to {min(high, 1):.2f} | {cells} |")
    return "\n".join([*rows, "", *table_by_object(figures), "", *calibration])


def table_by_object(figures: Mapping[str, Figures]) -> list[str]:
    """Share of right signs by object and estimator, as lines of Markdown."""
    lines = [f"| object | {' | '.join(f'{name}: sign right' for name in figures)} |", "|---" * (1 + len(figures)) + "|"]
    for noun in OBJECTS:
        some = [each.right[each.objects == noun] == 1 for each in figures.values()]
        cells = (f"{right.mean():.4f}" if len(right) else "-" for right in some)
        lines.append(f"| {noun} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tables = make_tables(options.clips, options.seed)
    rewrite_table(README, tables, start=START, end=END)
    print(tables)
