"""Draw clips that the embedded model made, with their prompts and what DSR-Score says of them, as an animated GIF.

Run: dsrbench eval && python benchmark/sprites/examples.py [RUN] [--out docs/images/examples.gif]

Of each diagnosis the clip nearest to the middle score of its kind is taken, of `correct` one a relation type: chosen by
rule, not by eye.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dsrbench.store import Run, Sample
from dsrbench.types import Diagnosis
from dsrbench.video import read_clip

COLUMNS, ROWS = 4, 2
TEXT_HEIGHT, SCALE, COLOURS = 58, 4, 256
"""Pixels under each clip, pixels a pixel of the world, colours of the GIF."""

WORLD = (48, 32)

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"


def choose(samples: Sequence[Sample]) -> list[Sample]:
    """Correct clips of different relation types, and one of each other diagnosis; as many as there is room for."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.score.diagnosis is not None:
            name = sample.score.diagnosis.value
            key = f"{name} {sample.prompt.type}" if sample.score.diagnosis is Diagnosis.CORRECT else name
            groups.setdefault(key, []).append(sample)
    middles = {
        key: sorted(some, key=lambda s: (s.score.dsr_score, s.id))[len(some) // 2] for key, some in groups.items()
    }
    correct = [middles[key] for key in sorted(middles) if key.startswith("correct")]
    others = [middles[key] for key in sorted(middles, key=lambda k: -len(groups[k])) if not key.startswith("correct")]
    n_others = min(len(others), COLUMNS * ROWS // 2)
    return [*correct[: COLUMNS * ROWS - n_others], *others[:n_others]]


def draw_tile(frame: Image.Image, sample: Sample) -> Image.Image:
    small = frame.resize(WORLD, Image.Resampling.BOX)
    shown = small.resize((WORLD[0] * SCALE, WORLD[1] * SCALE), Image.Resampling.NEAREST)
    tile = Image.new("RGB", (shown.width + 8, shown.height + TEXT_HEIGHT), "white")
    tile.paste(shown, (4, 0))
    draw, font = ImageDraw.Draw(tile), ImageFont.load_default(10)
    assert sample.score.diagnosis is not None
    says = f"{sample.score.dsr_score:.2f} {sample.score.diagnosis.value}"
    sentence = (
        sample.prompt.text.rpartition(f"{sample.prompt.scene}, ")[2] if sample.prompt.scene else sample.prompt.text
    )
    lines = textwrap.wrap(sentence, 38)[:3]
    for i, (line, colour) in enumerate([*((line, "#444444") for line in lines), (says, "#000000")]):
        draw.text((4, shown.height + 3 + 13 * i), line, fill=colour, font=font)
    return tile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/sprites-sprites"))
    parser.add_argument("--out", type=Path, default=IMAGES / "examples.gif")
    given = parser.parse_args()
    run = Run.open(given.run)
    chosen = choose(run.samples())
    clips = [read_clip(run.videos / sample.video) for sample in chosen]
    pages = []
    for t in range(len(clips[0].frames)):
        tiles = [draw_tile(Image.fromarray(c.frames[t]), s) for c, s in zip(clips, chosen, strict=True)]
        rows = [
            np.concatenate([np.asarray(x) for x in tiles[i : i + COLUMNS]], axis=1)
            for i in range(0, len(tiles), COLUMNS)
        ]
        pages.append(Image.fromarray(np.concatenate(rows)).quantize(COLOURS, dither=Image.Dither.NONE))
    durations = [700, *[round(1000 / clips[0].fps)] * (len(pages) - 2), 1200]
    pages[0].save(given.out, save_all=True, append_images=pages[1:], duration=durations, loop=0, optimize=True)
    print(f"{given.out}: {given.out.stat().st_size / 1e3:.0f} kB, {', '.join(str(s.id) for s in chosen)}")


if __name__ == "__main__":
    main()
