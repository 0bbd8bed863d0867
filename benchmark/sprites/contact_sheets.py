"""Draw ten contact sheets of the sprites world, people-sized, to be looked at: is every animal and object recognisable?

Run: python benchmark/sprites/contact_sheets.py [FOLDER]

Sheets 1 to 3 show every animal, every object, and every animal beside every object; 4 to 9 a relation type each,
obedient clips in three gaits; 10 the ways in which clips disobey, with the true boxes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dsrbench.prompts import compose_text
from dsrbench.sprites.world import (
    ANIMALS,
    OBJECTS,
    SCENES,
    TYPES,
    Gait,
    Kind,
    Rendered,
    draw_spec,
    render_actors,
)
from dsrbench.types import Prompt, Relation

HERE = Path(__file__).resolve().parent
SCALE = 4
SHOWN = (0, 4, 6, 8, 10, 15)
CAPTION = 14
SUBJECT, OBJECT = (255, 120, 0), (0, 90, 255)

Picture = NDArray[np.uint8]


def make_prompt(subject: str, object_: str, relations: str, scene: str, gait: Gait) -> Prompt:
    text = compose_text(subject=subject, object=object_, relations=relations, scene=scene, verb=gait.value)
    return Prompt("sheet", text, subject, object_, Relation.chain(relations), scene)


def draw_frame(rendered: Rendered, t: int, *, boxes: bool = False, subject: int = 1) -> Image.Image:
    """One frame, enlarged, with or without its true boxes."""
    picture = Image.fromarray(rendered.frames[t])
    picture = picture.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.BICUBIC)
    if boxes:
        pen = ImageDraw.Draw(picture)
        for index, box in enumerate(rendered.boxes[:, t]):
            if not np.isnan(box).any():
                x0, y0, x1, y1 = (float(v) * SCALE for v in box)
                pen.rectangle((x0, y0, x1 - 1, y1 - 1), outline=SUBJECT if index >= subject else OBJECT)
    return picture


def lay_out(rows: Sequence[tuple[str, Sequence[Image.Image]]], path: Path) -> None:
    """Rows of pictures, a caption over each row."""
    width, height = rows[0][1][0].size
    columns = max(len(pictures) for _, pictures in rows)
    sheet = Image.new("RGB", (columns * (width + 4) + 4, len(rows) * (height + CAPTION + 4) + 4), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for r, (caption, pictures) in enumerate(rows):
        top = 4 + r * (height + CAPTION + 4)
        pen.text((6, top), caption, fill="black", font=font)
        for c, picture in enumerate(pictures):
            sheet.paste(picture, (4 + c * (width + 4), top + CAPTION))
    sheet.quantize(255, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)


def show_nouns(nouns: Sequence[str], *, animals: bool, folder: Path, name: str) -> None:
    """A row a noun: in every place."""
    rng, rows = np.random.default_rng(len(nouns[0])), []
    for noun in nouns:
        pictures = []
        for scene in SCENES:
            subject, object_ = (noun, "box") if animals else ("cat", noun)
            spec = draw_spec(make_prompt(subject, object_, "LR", scene, Gait.STRAIGHT), rng, kind=Kind.STATIC_START)
            pictures.append(draw_frame(render_actors(spec, rng), 0))
        rows.append((noun, pictures))
    lay_out(rows, folder / name)


def show_pairs(folder: Path) -> None:
    """A row an animal: on top of or beside every object."""
    rng, rows = np.random.default_rng(3), []
    for a, animal in enumerate(ANIMALS):
        pictures = []
        for o, object_ in enumerate(OBJECTS):
            scene = list(SCENES)[(a + o) % len(SCENES)]
            prompt = make_prompt(animal, object_, ("TL", "LR", "RL")[(a + 2 * o) % 3], scene, Gait.STRAIGHT)
            pictures.append(draw_frame(render_actors(draw_spec(prompt, rng, kind=Kind.STATIC_START), rng), 0))
        rows.append((f"{animal}: {', '.join(OBJECTS)}", pictures))
    lay_out(rows, folder / "03-pairs.png")


def show_type(relations: str, folder: Path, name: str) -> None:
    """Obedient clips of a relation type: every animal once, every object once."""
    rng, rows = np.random.default_rng([4, TYPES.index(relations)]), []
    objects = rng.permutation(list(OBJECTS)).tolist()
    for k, (animal, object_) in enumerate(zip(ANIMALS, objects, strict=True)):
        scene, gait = list(SCENES)[k % len(SCENES)], list(Gait)[k % len(Gait)]
        prompt = make_prompt(animal, object_, relations, scene, gait)
        rendered = render_actors(draw_spec(prompt, rng, kind=Kind.CORRECT), rng)
        rows.append((prompt.text, [draw_frame(rendered, t) for t in SHOWN]))
    lay_out(rows, folder / name)


def show_kinds(folder: Path) -> None:
    """How clips obey and disobey, with true boxes."""
    rng, rows = np.random.default_rng(10), []
    for k, kind in enumerate(Kind):
        animal, object_ = list(ANIMALS)[k % 8], list(OBJECTS)[(k + 3) % 8]
        prompt = make_prompt(animal, object_, TYPES[k % 6], list(SCENES)[k % 6], list(Gait)[k % 3])
        rendered = render_actors(draw_spec(prompt, rng, kind=kind), rng)
        rows.append((f"{kind.value}: {prompt.text}", [draw_frame(rendered, t, boxes=True) for t in SHOWN]))
    lay_out(rows, folder / "10-kinds.png")


def main(folder: Path) -> None:
    show_nouns(list(ANIMALS), animals=True, folder=folder, name="01-animals.png")
    show_nouns(list(OBJECTS), animals=False, folder=folder, name="02-objects.png")
    show_pairs(folder)
    for number, relations in enumerate(TYPES, 4):
        show_type(relations, folder, f"{number:02d}-{relations.lower()}.png")
    show_kinds(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
