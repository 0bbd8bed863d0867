"""Backends that other processes can make anew: quick, and able to crash, to die, or to kill their process."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from pathlib import Path

import numpy as np

from dsrbench.backends.registry import Backend, trackers
from dsrbench.evaluation import Scorer, plan_generation
from dsrbench.prompts import Suite, read_suite
from dsrbench.sprites.world import FPS, draw_spec, render_clip
from dsrbench.types import Clip, Detections

SUITE = Suite("tiny", "1", read_suite("sprites").prompts[:12])
IDS = [prompt.id for prompt in SUITE]


def tell_pid(folder):
    """Leave this process's id, for a test that kills it."""
    if folder:
        Path(folder, str(os.getpid())).touch()


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class World:
    """Renders the prompt; the first pixels tell the block it was made in, as rounding does in a real model."""

    batch = 2

    def __init__(self, *, deadly="", crash="", seconds=0.0, pids=""):
        self.deadly, self.crash, self.seconds, self.pids = deadly, crash, seconds, pids

    def generate(self, prompts, seeds):
        tell_pid(self.pids)
        block = str([(prompt.id, seed) for prompt, seed in zip(prompts, seeds, strict=True)])
        for prompt, seed in zip(prompts, seeds, strict=True):
            time.sleep(self.seconds)
            if prompt.id == self.deadly:
                die()
            if prompt.id == self.crash:
                raise RuntimeError("out of memory")
            rng = np.random.default_rng(seed)
            frames = render_clip(draw_spec(prompt, rng), rng)[0].copy()
            frames[:, :8, :8] = len(block) % 256
            yield Clip(frames, FPS, prompt.text.upper(), {"seed": seed})


class Bright:
    """A box where the frame is brightest, and one where it is darkest."""

    def __init__(self, *, deadly="", crash="", once="", seconds=0.0, pids=""):
        self.deadly, self.crash, self.once, self.seconds, self.pids = deadly, crash, once, seconds, pids

    def start_video(self, name):
        tell_pid(self.pids)
        time.sleep(self.seconds)
        if self.deadly and self.deadly in name:
            die()
        if self.crash and self.crash in name:
            raise RuntimeError("no boxes for this one")
        if self.once and not Path(self.once).exists():
            Path(self.once).touch()
            die()

    def detect(self, frames, labels):
        return [self._one(frame.sum(axis=2)) for frame in frames]

    def _one(self, grey):
        corners = [np.unravel_index(place, grey.shape)[::-1] for place in (grey.argmax(), grey.argmin())]
        return Detections([[x, y, x + 8, y + 8] for x, y in corners], [1, 1], [0, 1])


def world(**given):
    """The generator; what it was given does not count as an option, so that its videos are those of the quiet one."""
    return Backend("world", World(**given), "1", {}, {}, given)


class Dark(Bright):
    """The same boxes, the darkest one as the subject."""

    def _one(self, grey):
        return dataclasses.replace(super()._one(grey), label=[1, 0])


def scorer(*, second=False, **given):
    return Scorer(
        Backend("bright", Bright(**given), "1", {}, {}, given),
        trackers.create("assignment"),
        second=Backend("dark", Dark(), "1", {}, {}) if second else None,
    )


def plan(seeds=(0, 1), **more):
    return plan_generation(SUITE, model="world", seeds=seeds, **more)
