"""How much the reward of a clip in memory differs from that of its encoded file.

Run: python benchmark/sprites/encoded.py [--clips 300] [--scale 1 8]

Clips of the test prompts are rendered, enlarged by each factor, and rewarded twice, by the detector `sprites`: as they
are, and decoded from an H.264 file as `dsrbench eval` writes them. Printed: a table in Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from dsrbench import read_suite
from dsrbench.rewards import DSRReward, Guard
from dsrbench.sprites.world import FPS, draw_spec, render_clip
from dsrbench.video import write_mp4


def main() -> None:
    """Print the table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--scale", type=int, nargs="+", default=[1, 8])
    given = parser.parse_args()
    reward, prompts = DSRReward("sprites", guard=Guard.off()), read_suite("sprites-test").prompts
    print("| clips | frames | median difference | 95 % of the differences below | decisions at 0.7 that differ |")
    print("| --- | --- | --- | --- | --- |")
    for scale in given.scale:
        rng, values = np.random.default_rng(0), []
        for i in range(given.clips):
            prompt = prompts[i % len(prompts)]
            frames = render_clip(draw_spec(prompt, rng), rng)[0].repeat(scale, axis=1).repeat(scale, axis=2)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "clip.mp4"
                write_mp4(path, frames, fps=FPS)
                values.append(reward([frames, path], [prompt, prompt]))
        both = np.array(values)
        differences = np.abs(both[:, 0] - both[:, 1])
        size = f"{frames.shape[2]}x{frames.shape[1]}"
        low, high = np.median(differences), np.quantile(differences, 0.95)
        changed = int(((both[:, 0] >= 0.7) != (both[:, 1] >= 0.7)).sum())
        print(f"| {given.clips} | {size} | {low:.4f} | {high:.3f} | {changed} |")


if __name__ == "__main__":
    main()
