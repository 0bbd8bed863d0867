"""Samples whose detection takes a fixed time of a device that is not there: the worker sleeps, and no CPU is used."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dsrbench.backends.registry import Backend, trackers
from dsrbench.evaluation import Job, Plan, Scorer, plan_videos
from dsrbench.prompts import Suite, read_suite
from dsrbench.store import SampleKey
from dsrbench.types import Detections
from dsrbench.video import write_mp4

FRAMES = np.random.default_rng(0).integers(0, 255, (16, 32, 48, 3), np.uint8)


class Device:
    """A detector that takes `seconds` a video and sees the subject on the right and the object in the middle."""

    def __init__(self, *, seconds: float = 0.1) -> None:
        self._seconds = seconds

    def start_video(self, name: str) -> None:
        """The time of the device."""
        time.sleep(self._seconds)

    def detect(self, frames: np.ndarray, labels: Sequence[str]) -> list[Detections]:
        """The same boxes for every frame."""
        return [Detections([[30, 10, 40, 20], [15, 10, 25, 20]], [0.9, 0.9], [0, 1]) for _ in frames]


def make_scorer(seconds: float) -> Scorer:
    """Detection that takes so long, and the usual tracker."""
    options = {"seconds": seconds}
    return Scorer(Backend("device", Device(**options), "1", options, {}, options), trackers.create("assignment"))


def make_suite(count: int) -> Suite:
    """Prompts for so many samples, ten seeds each."""
    base = read_suite("sprites").prompts[0]
    return Suite("many", "1", tuple(dataclasses.replace(base, id=f"p{n:06d}") for n in range(-(-count // 10))))


def make_plan(folder: Path, count: int) -> Plan:
    """So many videos, which are links to one of 16 frames of 48 x 32 pixels."""
    videos = folder / "videos"
    videos.mkdir(parents=True)
    write_mp4(folder / "one.mp4", FRAMES, fps=8)
    for number in range(count):
        if number % 1000 == 0:  # a file has so many links at most on some file systems
            source = folder / f"one{number}.mp4"
            source.write_bytes((folder / "one.mp4").read_bytes())
        os.link(source, videos / f"p{number // 10:06d}_seed{number % 10}.mp4")
    plan = plan_videos(videos, make_suite(count))
    assert len(plan.jobs) == count
    return plan


def make_empty_plan(count: int) -> Plan:
    """So many samples whose videos are not there: they go through every pool, and only the engine works."""
    suite = make_suite(count)
    keys = sorted(SampleKey("many", prompt.id, seed) for prompt in suite for seed in range(10))
    return Plan(tuple(Job(key, suite.get(key.prompt_id), None, "", "no video") for key in keys[:count]), suite)
