"""GPU hours and disk of the release, by arithmetic from the seconds its authors give for a video.

Run: python benchmark/release/hours.py [--prompts 1620] [--seeds 5] [--held-out 150] [--seconds 240] [--detect 20]

--seconds is what the README of Wan 2.1 (https://github.com/Wan-Video/Wan2.1) says of the 1.3B model and 81 frames of
832x480 on an RTX 4090, "about 4 minutes"; --detect and --encode are assumptions; sizes are what `--estimate` assumes.
--steps is the preset's. --step-seconds is reckoned: 48 pairs, each 2 x 5 passes (reference, policy, policy again for
the checkpointing, twice that backwards) of 2.8e14 operations (32,760 tokens, 1.3e9 parameters, 30 layers of attention
1,536 wide), at 1e14 a second.
"""

from __future__ import annotations

import argparse

from dsrbench.backends.generators.recipe import read_recipe
from dsrbench.evaluation.estimate import BITS_PER_PIXEL, RECORDS


def main() -> None:
    """Print the table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("prompts", 1620), ("seeds", 5), ("held-out", 150), ("seconds", 240), ("detect", 20)):
        parser.add_argument(f"--{name}", type=float, default=default)
    parser.add_argument("--steps", type=float, default=3000, help="of the training")
    parser.add_argument("--step-seconds", type=float, default=1350, help="of a step of the training")
    parser.add_argument("--encode", type=float, default=5, help="seconds to encode a clip")
    parser.add_argument("--gpus", type=float, default=8)
    given = parser.parse_args()
    recipe = read_recipe("wan2.1-1.3b")
    video = recipe.frames * recipe.width * recipe.height * BITS_PER_PIXEL / 8
    candidates, entries = given.prompts * given.seeds, 2 * given.held_out * given.seeds
    rows = [
        ("generate", candidates, given.seconds + given.detect, candidates * (video + RECORDS)),
        ("build and push", candidates, 0.0, candidates * video),
        ("pairs (encoding)", candidates, given.encode, candidates * 4 * 16 * 21 * 60 * 104),
        ("train", given.steps, given.step_seconds, 0.1e9),
        ("evaluate", entries, given.seconds + given.detect, entries * (video + RECORDS)),
        ("compare (second detector)", entries, given.detect, entries * RECORDS),
    ]
    print(f"| step | how many | GPU seconds each | GPU hours | hours on {given.gpus:g} | disk |")
    print("|---|---|---|---|---|---|")
    for name, count, seconds, disk in rows:
        hours = count * seconds / 3600
        on_all = hours / given.gpus
        print(f"| {name} | {count:,.0f} | {seconds:g} | {hours:,.1f} | {on_all:,.1f} | {disk / 1e9:.1f} GB |")
    hours = sum(count * seconds for _, count, seconds, _ in rows) / 3600
    disk = sum(row[-1] for row in rows)
    print(f"| all | | | {hours:,.0f} | {hours / given.gpus:,.1f} | {disk / 1e9:.1f} GB |")


if __name__ == "__main__":
    main()
