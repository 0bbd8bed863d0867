"""Seconds a clip of the published protocol once its networks run, as in `eval --videos`, and how busy the card is."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from meter import Row, Setting, draw_clip
from models import save_grounding_dino, save_sam2

from dsrbench.backends.detectors.grounding_dino import GroundingDino
from dsrbench.backends.protocols import PROTOCOLS
from dsrbench.backends.registry import detectors, trackers
from dsrbench.evaluation import Scorer, evaluate, plan_videos
from dsrbench.prompts import Suite, parse_prompt
from dsrbench.store import Run
from dsrbench.types import Detections
from dsrbench.video import write_mp4

TEXT = "a cat is on the left of a chair, then the cat walks to the right of the chair"
BATCHES = ((8, 8), (16, 8), (32, 16))
"""Frames at once of the detector and of the tracker."""


@dataclasses.dataclass(kw_only=True, eq=False)
class DrawnBoxes(GroundingDino):
    """Grounding DINO whose boxes, which random weights make of nothing, are replaced by those of the drawing."""

    def forward(self, frames: Any, labels: Sequence[str]) -> list[Detections]:
        """Run the network; return two boxes a frame."""
        super().forward(frames, labels)
        height, width = frames.shape[1:3]
        boxes = np.array([[1 / 12, 1 / 3, 1 / 4, 7 / 12], [7 / 12, 1 / 4, 3 / 4, 2 / 3]]) * np.array(
            [width, height] * 2
        )
        return [Detections(boxes, np.array([0.9, 0.9]), np.array([0, 1]))] * len(frames)


def measure_clips(setting: Setting) -> Iterator[Row]:
    """Score clips of 81 frames as the published protocol does; the first is left out, for it warms up."""
    count, n_frames = (2, 81) if setting.small else (31, 81)
    detectors.register("drawn-boxes", DrawnBoxes)
    options = {kind: dict(values) for kind, values in PROTOCOLS["spatialalign"].options.items()}
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        prompts = write_clips(folder / "videos" / "m", count, draw_clip(n_frames, small=setting.small))
        suite = Suite("clips", "1", tuple(prompts))
        for name, save in (("grounding-dino", save_grounding_dino), ("sam2", save_sam2)):
            (folder / name).mkdir()
            save(folder / name, small=setting.small)
        for detect, track in BATCHES[:1] if setting.small else BATCHES:
            common = {"device": setting.device}
            detector = {**options["detector"], **common, "model": str(folder / "grounding-dino"), "batch": detect}
            tracker = {**options["tracker"], **common, "model": str(folder / "sam2"), "batch": track}
            scorer = Scorer(
                detectors.create("drawn-boxes", detector),
                trackers.create("sam2", tracker),
                counts=PROTOCOLS["spatialalign"].counts,
            )
            ends: list[float] = []
            run = Run(folder / f"run-{detect}-{track}")
            plan = plan_videos(folder / "videos" / "m", suite)
            with setting.peak() as peak, watch_card(setting) as shares:
                samples = evaluate(
                    plan,
                    scorer,
                    run,
                    on_progress=lambda *_: ends.append(time.perf_counter()),  # noqa: B023
                )
                memory = peak()
            failed = [sample for sample in samples if sample.score.reason.startswith(("crashed", "no anchor"))]
            if failed:
                raise RuntimeError(f"{failed[0].id}: {failed[0].score.reason}")
            each = (ends[-1] - ends[0]) / (len(ends) - 1)
            busy = f", card busy {statistics.fmean(shares):.0f} %" if shares else ""
            what = f"spatialalign, {count - 1} clips of {n_frames} frames, batches of {detect} and {track}"
            yield Row("clips", what, f"{each:.2f} s a clip{busy}", memory)


def write_clips(folder: Path, count: int, frames: Any) -> list[Any]:
    """Write clips that are told apart by their order of frames; the prompts whose ids are their names."""
    folder.mkdir(parents=True)
    prompts = []
    for number in range(count):
        prompts.append(dataclasses.replace(parse_prompt(TEXT), id=f"clip-{number:02d}"))
        write_mp4(folder / f"clip-{number:02d}.mp4", np.roll(frames, number, axis=0), fps=16.0)
    return prompts


@contextlib.contextmanager
def watch_card(setting: Setting) -> Iterator[list[float]]:
    """Collect how busy the card says it is, in percent every fifth of a second, until the block ends."""
    shares: list[float] = []
    program = shutil.which("nvidia-smi")
    if setting.device != "cuda" or program is None:
        yield shares
        return
    command = [program, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop-ms=200"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield shares
        process.terminate()
        said, _ = process.communicate()
    shares += [float(line) for line in said.splitlines() if line.strip().isdigit()]
