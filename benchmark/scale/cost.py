"""What a million videos take on 64 GPUs, by the authors' seconds a video and the engine's measured overhead.

Run: python benchmark/scale/cost.py [--videos 1000000] [--gpus 64] [--detect 1.4] [--overhead 0.03]
"""

from __future__ import annotations

import argparse

from dsrbench.backends.generators.recipe import read_recipe, recipe_names
from dsrbench.evaluation.estimate import BITS_PER_PIXEL, RECORDS


def main() -> None:
    """Print the table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=1_000_000)
    parser.add_argument("--gpus", type=int, default=64)
    parser.add_argument("--detect", type=float, default=1.4, help="CPU seconds to detect and track a video")
    parser.add_argument("--overhead", type=float, default=0.03, help="share the engine adds")
    given = parser.parse_args()
    print("| model | GPU | s a video | GPU hours | days | detection, CPUs busy | videos | records |")
    print("|---|---|---|---|---|---|---|---|")
    for name in sorted(set(recipe_names().values())):
        recipe = read_recipe(name)
        for device, seconds in recipe.seconds.items():
            hours = given.videos * seconds * (1 + given.overhead) / 3600
            days = hours / given.gpus / 24
            cpus = given.videos * given.detect / (days * 86400)
            videos = given.videos * recipe.frames * recipe.width * recipe.height * BITS_PER_PIXEL / 8 / 1e12
            print(
                f"| {name} | {device} | {seconds:g} | {hours:,.0f} | {days:.1f} | {cpus:.1f} | {videos:.2f} TB | "
                f"{given.videos * RECORDS / 1e9:.0f} GB |"
            )


if __name__ == "__main__":
    main()
