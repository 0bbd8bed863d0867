"""How fast tracks are scored, beside a literal loop over frames, in one run on one core.

Run: python benchmark/speed/scoring.py
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "score"))
import literal  # the slow transcription the tests compare with

from dsrbench import VideoTracks, score_many

FRAMES = 81
TYPES = ("LR", "RL", "LT", "RT", "TL", "TR")


def draw_tracks(n_videos: int, rng: np.random.Generator) -> list[VideoTracks]:
    """Videos of 81 frames whose subject crosses the frame on a straight, noisy path."""
    tracks = []
    for _ in range(n_videos):
        path = np.linspace(rng.uniform(0, 800, 2), rng.uniform(0, 800, 2), FRAMES) + rng.normal(0, 3, (FRAMES, 2))
        place, size, chair = rng.uniform(200, 600, 2), rng.uniform(40, 160, 2), rng.uniform(60, 240, 2)
        subject = np.concatenate([path, path + size], axis=1)
        object_ = np.tile(np.concatenate([place, place + chair]), (FRAMES, 1))
        tracks.append(VideoTracks(subject, object_))
    return tracks


def score_literally(subject: list, object_: list, code: str) -> float:
    """One video by the definition, frame by frame."""
    a = [literal.ssr(s, o, code[0]) for s, o in zip(subject, object_, strict=True)]
    b = [literal.ssr(s, o, code[1]) for s, o in zip(subject, object_, strict=True)]
    return (sum(a[:3]) / 3 + (a[0] - a[-1]) / 2 + sum(b[-3:]) / 3 + (b[-1] - b[0]) / 2) / 8 + 0.5


def rate(work: Callable[[], object], n_videos: int, *, repeats: int) -> float:
    """Videos a second, best of some repeats."""
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return n_videos / best


def main() -> None:
    """Print the table of this folder's README."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = np.random.default_rng(0)
    tracks = draw_tracks(20_000, rng)
    codes = [TYPES[i % len(TYPES)] for i in range(len(tracks))]
    few = list(zip(tracks[:300], codes[:300], strict=True))
    few_lists = [(t.subject.tolist(), t.object.tolist(), code) for t, code in few]

    expected = [score_literally(*video) for video in few_lists]
    got = [s.dsr_score for s in score_many([t for t, _ in few], [c for _, c in few])]
    assert np.allclose(expected, got, atol=1e-9)

    rates = {
        "literal loop over the tracks' arrays": rate(
            lambda: [score_literally(t.subject, t.object, c) for t, c in few], len(few), repeats=3
        ),
        "literal loop over Python lists": rate(
            lambda: [score_literally(*video) for video in few_lists], len(few), repeats=3
        ),
        "`score_many`: scores, SSR sequences, diagnosis": rate(
            lambda: score_many(tracks, codes), len(tracks), repeats=3
        ),
    }
    slowest = next(iter(rates.values()))
    print("| what | videos a second | times the literal loop |\n|---|---|---|")
    for name, value in rates.items():
        print(f"| {name} | {value:,.0f} | {value / slowest:.0f} |")
    print_memory(rng)


def print_memory(rng: np.random.Generator) -> None:
    """Peak memory while more and more videos are scored in a stream."""
    some = draw_tracks(1_000, rng)
    print("\n| videos streamed through `score_many`, 1,000 at a time | peak memory of the process |\n|---|---|")
    for n_batches in (1, 10, 100):
        for _ in range(n_batches):
            score_many(some, ["LR"] * len(some))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {n_batches * len(some):,} | {peak:.0f} MiB |")


if __name__ == "__main__":
    main()
