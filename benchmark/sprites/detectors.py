"""Measure the detectors `sprites` and `sprites-template`: against true boxes, and against each other.

Run: python benchmark/sprites/detectors.py [--detector FOLDER] [--model FOLDER] [--clips 1000] [--seeds 3]
    [--suite sprites-depth-test] [--picture differences.png]

First part (`--clips 0` leaves it out): clips of the prompts of the suite, by default those of `sprites-test`, are
rendered, seeded, obedient or not as in training, and their true boxes known. A sprite is visible in a frame where at
least a quarter of its pixels are in the frame and not hidden; its box is that of all its pixels in the frame, hidden or
not. A box is found where one of the same noun overlaps it by an IoU of at least 0.5, one to one. DSR-Scores of a
detector's boxes are compared with those of the true boxes, put through the same tracker, with the exact depth where a
prompt needs it; the same again after enlarging the clips six times and writing them as H.264.

Second part (`--seeds 0` leaves it out): the model makes clips of all prompts, and the boxes of both detectors are
scored, with the learned depth where a prompt needs it. `--picture` draws the clips on which they decide differently,
then those that only one of them can score.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from seen import Frames, Seen

from dsrbench import Detections, Prompt, Status, VideoScore, read_suite, score_tracks
from dsrbench.backends.base import DepthEstimator
from dsrbench.backends.depth.measure import measure_depth
from dsrbench.backends.depth.sprites import SpritesDepth
from dsrbench.backends.detectors.sprites import SpritesDetector
from dsrbench.backends.detectors.sprites_template import SpritesTemplate
from dsrbench.backends.trackers.assignment import Assignment
from dsrbench.geometry import iou_matrix
from dsrbench.metric import measure_certainty
from dsrbench.sprites.world import DEPTH_TYPES, FPS, ClipSpec, Rendered, draw_depth_spec, draw_spec, render_actors
from dsrbench.types import CERTAIN
from dsrbench.video import read_clip, write_mp4

SEED = 20261122
ENLARGE = 6
FOUND = 0.5
"""Overlap from which a box counts as found."""

Maps = NDArray[np.float32]
"""Inverse depth of the frames of a clip, `[T, H, W]`."""

Detect = Callable[[Frames, Sequence[str]], list[Detections]]


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """A clip `[T, H, W, 3]` of a prompt, with the true boxes and depth of each frame."""

    prompt: Prompt
    frames: Frames
    truth: list[Detections]
    maps: Maps


class GivenDepth(DepthEstimator):
    """Depth estimator that gives the maps it was made with, for the frames of one clip."""

    def __init__(self, maps: Maps) -> None:
        self.maps = maps

    def estimate(self, frames: Frames) -> Maps:
        """The maps, `[T, H, W]`."""
        return self.maps


def render_clips(count: int, suite: str = "sprites-test") -> Iterator[Shown]:
    """Clips of the prompts of a suite in turn, each drawn from its own seed."""
    prompts = read_suite(suite).prompts
    for number in range(count):
        prompt, rng = prompts[number % len(prompts)], np.random.default_rng([SEED, number])
        spec = draw_depth_spec(prompt, rng) if prompt.type in DEPTH_TYPES else draw_spec(prompt, rng)
        rendered = render_actors(spec, rng)
        yield Shown(prompt, rendered.frames, true_boxes(prompt, spec, rendered), rendered.depth)


def true_boxes(prompt: Prompt, spec: ClipSpec, rendered: Rendered) -> list[Detections]:
    """The boxes of all visible sprites, frame by frame, as a detector that errs in nothing would give them."""
    labels = np.array([int(actor.noun != prompt.subject) for actor in spec.actors])
    frames = []
    for boxes in rendered.boxes.swapaxes(0, 1):
        there = ~np.isnan(boxes).any(axis=1)
        frames.append(Detections(boxes[there], np.ones(there.sum()), labels[there]))
    return frames


def through_h264(shown: Shown, folder: Path) -> Shown:
    """The clip as a run folder would hold it: enlarged, and compressed with loss."""
    write_mp4(folder / "clip.mp4", shown.frames.repeat(ENLARGE, axis=1).repeat(ENLARGE, axis=2), fps=FPS)
    truth = [Detections(d.xyxy * ENLARGE, d.score, d.label) for d in shown.truth]
    return Shown(shown.prompt, read_clip(folder / "clip.mp4").frames, truth, shown.maps)


def score(found: list[Detections], prompt: Prompt, frames: Frames, maps: Maps | None = None) -> VideoScore:
    size = (frames.shape[2], frames.shape[1])
    tracks = Assignment().associate(found, prompt=prompt, size=size, fps=FPS)
    if maps is not None and prompt.type in DEPTH_TYPES:
        tracks = measure_depth(GivenDepth(maps), [tracks], [frames])[0]
    result = score_tracks(tracks, prompt)
    return dataclasses.replace(result, certainty=measure_certainty(tracks, prompt))


def look(detect: Detect, prompt: Prompt, frames: Frames, maps: Maps | None = None) -> Seen:
    found = detect(frames, [prompt.subject, prompt.object])
    return Seen(found, score(found, prompt, frames, maps))


def overlaps(found: Detections, truth: Detections) -> list[float]:
    """Overlaps of the boxes found with true ones of their nouns, one to one; those below `FOUND` are left out."""
    iou = iou_matrix(found.xyxy, truth.xyxy) * (found.label[:, None] == truth.label)
    rows, columns = linear_sum_assignment(iou, maximize=True)
    return [float(v) for v in iou[rows, columns] if v >= FOUND]


def measure(detect: Detect, clips: Iterable[Shown]) -> dict[str, str]:
    """The figures of a detector against the truth, as a row of the table."""
    ious: list[float] = []
    n_true = n_found = 0
    pairs = []
    for shown in clips:
        seen = look(detect, shown.prompt, shown.frames, shown.maps)
        ious += [v for f, t in zip(seen.found, shown.truth, strict=True) for v in overlaps(f, t)]
        n_true += sum(map(len, shown.truth))
        n_found += sum(map(len, seen.found))
        pairs.append((seen.score, score(shown.truth, shown.prompt, shown.frames, shown.maps)))
    return {
        "frame recall": f"{len(ious) / n_true:.4f}",
        "precision": f"{len(ious) / max(n_found, 1):.4f}",
        "mean IoU": f"{np.mean(ious):.3f}" if ious else "-",
        **compare(pairs),
    }


def compare(pairs: Sequence[tuple[VideoScore, VideoScore]]) -> dict[str, str]:
    """How far two scores of the same clips agree: on status over all of them, else over those both have scored."""
    both = [(a, b) for a, b in pairs if a.status is b.status is Status.SCORED]
    same = sum(a.passes() == b.passes() for a, b in both)
    sure = [a.passes() == b.passes() for a, b in both if is_certain(a) and is_certain(b)]
    return {
        "score error": f"{np.mean([abs(a.dsr_score - b.dsr_score) for a, b in both]):.4f}" if both else "-",
        "decision agreement": f"{same / len(both):.4f} ({len(both) - same} of {len(both)} differ)" if both else "-",
        "both certain": f"{np.mean(sure):.4f} ({len(sure) - sum(sure)} of {len(sure)} differ)" if sure else "-",
        "status agreement": f"{np.mean([a.status is b.status for a, b in pairs]):.4f}",
    }


def is_certain(score: VideoScore) -> bool:
    """Whether a decision is right with a probability of at least `CERTAIN`."""
    return score.certainty is not None and score.certainty.of_decision(score.passes()) >= CERTAIN


def measure_detectors(detectors: dict[str, Detect], count: int, suite: str) -> None:
    """Print the figures of both detectors on clips as rendered, and as compressed."""
    clips = list(render_clips(count, suite))
    print(f"{count} rendered clips of {suite}, against their true boxes.\n")
    with tempfile.TemporaryDirectory() as folder:
        kinds = {"as rendered": lambda shown: shown, "enlarged, H.264": lambda shown: through_h264(shown, Path(folder))}
        print_table(
            {"detector": f"`{name}`", "clips": kind, **measure(detect, map(change, clips))}
            for kind, change in kinds.items()
            for name, detect in detectors.items()
        )


def generate(folder: Path | None, seeds: int, suite: str) -> list[tuple[Prompt, int, Frames]]:
    """Clips of all prompts of a suite with the seeds 0, 1, ..."""
    from dsrbench.backends.generators.sprites import Sprites, SpritesWithDepth

    jobs = [(prompt, seed) for prompt in read_suite(suite) for seed in range(seeds)]
    model = SpritesWithDepth if jobs[0][0].type in DEPTH_TYPES else Sprites
    made = model(folder=folder, enlarge=1).generate([prompt for prompt, _ in jobs], [seed for _, seed in jobs])
    return [(prompt, seed, clip.frames) for (prompt, seed), clip in zip(jobs, made, strict=True)]


def compare_detectors(
    detectors: dict[str, Detect], clips: Sequence[tuple[Prompt, int, Frames]], picture: Path | None
) -> None:
    """Print how far both detectors agree on generated clips, and draw those where they do not."""
    depth = SpritesDepth() if clips[0][0].type in DEPTH_TYPES else None
    seen = []
    for prompt, _, frames in clips:
        maps = depth.estimate(frames) if depth is not None else None
        seen.append([look(detect, prompt, frames, maps) for detect in detectors.values()])
    print(f"\n{len(clips)} generated clips: {len(clips) // len({p for p, _, _ in clips})} of each prompt.\n")
    rows = []
    for name, scores in zip(detectors, zip(*[[s.score for s in pair] for pair in seen], strict=True), strict=True):
        coverage, accuracy = (
            np.mean(v) for v in ([s.status is Status.SCORED for s in scores], [s.passes() for s in scores])
        )
        rows.append({"detector": f"`{name}`", "coverage": f"{coverage:.3f}", "Accuracy@0.7": f"{accuracy:.3f}"})
    print_table(rows)
    print()
    print_table([compare([(a.score, b.score) for a, b in seen])])
    if picture is not None:
        from differences import draw_differences

        draw_differences(clips, seen, list(detectors), picture)


def print_table(rows: Iterable[dict[str, str]]) -> None:
    """A Markdown table, each row as soon as it is there."""
    for number, row in enumerate(rows):
        for line in ([row.keys(), ["---"] * len(row)] if number == 0 else []) + [row.values()]:
            print(f"| {' | '.join(line)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", type=Path, help="folder of the learned detector [default: the embedded one]")
    parser.add_argument("--model", type=Path, help="folder of the model [default: the embedded one]")
    parser.add_argument("--clips", type=int, default=1000, help="rendered clips [default: 1000]")
    parser.add_argument("--seeds", type=int, default=3, help="generated clips a test prompt [default: 3]")
    parser.add_argument("--suite", default="sprites-test", help="prompts [default: sprites-test]")
    parser.add_argument("--picture", type=Path, help="draw generated clips on which the detectors differ")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    detectors: dict[str, Detect] = {
        "sprites": SpritesDetector(folder=given.detector).detect,
        "sprites-template": SpritesTemplate().detect,
    }
    import torch

    torch.set_num_threads(given.threads)
    if given.clips:
        measure_detectors(detectors, given.clips, given.suite)
    if given.seeds:
        compare_detectors(detectors, generate(given.model, given.seeds, given.suite), given.picture)


if __name__ == "__main__":
    main()
