"""What a reward adds to bare detection, in this process and over HTTP.

Run: python benchmark/speed/reward.py VIDEOS SUITE [--weights FILE.param] [--clips 8] [--turns 3]

VIDEOS is a folder of clips, SUITE their prompts. The clips are decoded beforehand. In turns: NanoDet on every frame,
which is what any detector-based reward has to do; `DSRReward` on the same frames without and with its guard; and the
guarded reward of `dsrbench serve-reward`, a process of its own, asked by `RewardClient` for all clips at once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from dsrbench.backends.registry import detectors
from dsrbench.errors import BackendError
from dsrbench.evaluation import plan_videos
from dsrbench.prompts import read_suite
from dsrbench.rewards import DSRReward, Guard, RewardClient
from dsrbench.types import Prompt
from dsrbench.video import read_clip


def read_clips(videos: Path, suite: Path, count: int, weights: dict) -> tuple[list[np.ndarray], list[Prompt]]:
    """Frames and prompts of the first clips whose nouns NanoDet knows."""
    detector = detectors.create("nanodet", weights).instance
    clips, prompts = [], []
    for job in plan_videos(videos, read_suite(suite), partial=True).jobs:
        try:
            detector.check_labels(job.prompt.nouns)
        except BackendError:
            continue
        clips.append(read_clip(job.path).frames)
        prompts.append(job.prompt)
        if len(clips) == count:
            break
    return clips, prompts


@contextlib.contextmanager
def serving(options: list[str]) -> Iterator[str]:
    """Address of a reward server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dsrbench", "serve-reward", "--detector", "nanodet", "--port", str(port)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                json.load(answer)
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Print the table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", type=Path)
    parser.add_argument("suite", type=Path)
    parser.add_argument("--weights", help="NanoDet weights; by default the fetched ones")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    weights = {"weights": os.path.abspath(given.weights)} if given.weights else {}
    options = {"any_animal": True, **weights}
    clips, prompts = read_clips(given.videos, given.suite, given.clips, options)
    texts = [prompt.text for prompt in prompts]
    detector = detectors.create("nanodet", options).instance

    def detect() -> None:
        for frames, prompt in zip(clips, prompts, strict=True):
            detector.detect(frames, list(prompt.nouns))

    bare = DSRReward("nanodet", guard=Guard.off(), options={"detector": options})
    guarded = DSRReward("nanodet", options={"detector": options})
    flags = ["-o", "detector.any_animal=true"]
    if given.weights:
        flags += ["-o", f"detector.weights={weights['weights']}"]
    with serving(flags) as url:
        client = RewardClient(url)
        works: dict[str, Callable[[], object]] = {
            "detection alone": detect,
            "`DSRReward`, no guard": lambda: bare(clips, texts),
            "`DSRReward`, guarded": lambda: guarded(clips, texts),
            "`serve-reward`, guarded": lambda: client(clips, texts),
        }
        seconds: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(given.turns):
            for name, work in works.items():
                began = time.perf_counter()
                work()
                seconds[name].append(time.perf_counter() - began)
    best = {name: min(times) for name, times in seconds.items()}
    print(f"| {len(clips)} clips, {sum(map(len, clips))} frames, best of {given.turns} turns | seconds | ratio |")
    print("|---|---|---|")
    for name, value in best.items():
        print(f"| {name} | {value:.2f} | {value / best['detection alone']:.3f} |")


if __name__ == "__main__":
    main()
