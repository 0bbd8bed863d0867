"""Model cards of folders of weights, from the settings, tables and log of their training."""

from __future__ import annotations

import dataclasses
import json
import math
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open

from dsrbench.markdown import link_page, markdown_table
from dsrbench.sprites.embedded import Kind, write_sums
from dsrbench.sprites.split import DEPTH_SIZES, SIZES
from dsrbench.sprites.training.data import FOREGROUND
from dsrbench.sprites.training.settings import Settings
from dsrbench.sprites.world import ANIMALS, DEPTH_TYPES, FPS, FRAMES, HEIGHT, OBJECTS, SCENES, TYPES, WIDTH
from dsrbench.sprites.world.mix import DISOBEDIENT, OBEDIENT, OBEDIENT_IN_DEPTH

TEMPLATES = Path(__file__).parent / "cards"
"""Folder of the templates of the cards."""

STAGES = {
    "model": ("autoencoder", "transformer", "refinement"),
    "detector": ("detector",),
    "depth": ("depth",),
    "depth-model": ("adapter",),
}
"""Stages of the training whose losses a card shows, by kind of weights."""

LOSSES_SHOWN = 6
"""Number of rows of each stage in the table of losses."""


def finish_folder(folder: Path, kind: Kind, settings: Settings, *, log: Path) -> None:
    """Write the model card of a folder of weights, then the sums of all its files.

    Args:
        folder: Folder of the weights.
        kind: Kind of the weights.
        settings: Settings of the training.
        log: JSON Lines file of the training's losses; may be absent.
    """
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    card = make_card(kind, settings, [json.loads(line) for line in lines], parameters=count_parameters(folder))
    (folder / "README.md").write_text(card, encoding="utf-8")
    write_sums(folder)


def make_card(kind: Kind, settings: Settings, log: Sequence[dict[str, Any]], *, parameters: int) -> str:
    """Make the card as Markdown with the Hub's YAML header.

    Args:
        kind: Kind of the weights.
        settings: Settings of the training.
        log: Lines of the training's log, with stage, step and loss.
        parameters: Number of parameters of the weights.
    """
    template = string.Template((TEMPLATES / f"{kind}.md").read_text(encoding="utf-8"))
    return template.substitute(
        frames=FRAMES,
        width=WIDTH,
        height=HEIGHT,
        fps=f"{FPS:g}",
        parameters=f"{parameters:,}",
        world=f"{len(ANIMALS)} animals ({', '.join(ANIMALS)}), {len(OBJECTS)} objects ({', '.join(OBJECTS)}), "
        f"{len(SCENES)} places, {len(DEPTH_TYPES if kind == 'depth-model' else TYPES)} relation types",
        split=_split("(animal, object, relation type) triples", SIZES),
        depth_split=_split("triples with depth", DEPTH_SIZES),
        mix=_mix(),
        obedient=f"{OBEDIENT_IN_DEPTH:g}",
        disobedient=_disobedient(),
        foreground=f"{FOREGROUND:g}",
        settings=_settings(kind, settings),
        losses=_losses(kind, log),
        documentation=link_page("the embedded model", "concepts/embedded-model"),
    )


def count_parameters(folder: Path) -> int:
    """Count the numbers in all safetensors files of a folder and its subfolders."""
    count = 0
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            count += sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118 (no mapping)
    return count


def _split(triples: str, sizes: Mapping[str, int]) -> str:
    return (
        f"Of the {sum(sizes.values())} {triples} only the {sizes['train']} of the train split were seen, none of the "
        f"{sizes['validation']} of validation and the {sizes['test']} of test."
    )


def _mix() -> str:
    obedient = markdown_table(
        ["relation type", *OBEDIENT], [["obedient", *(f"{share:.2f}" for share in OBEDIENT.values())]]
    )
    return f"So many of the clips obey their texts:\n\n{obedient}\n\nThe others are divided thus:\n\n{_disobedient()}"


def _disobedient() -> str:
    rows = [(kind.value.replace("_", " "), f"{share:.2f}") for kind, share in DISOBEDIENT.items()]
    return markdown_table(["what they show", "share"], rows)


def _settings(kind: Kind, settings: Settings) -> str:
    """Format the settings of one kind; a configuration with default values is left out."""
    rows = [
        (f"`{name}`", f"`{value}`")
        for name, value in dataclasses.asdict(settings).items()
        if value != {} and (name in ("seed", "ema") or _is_of(name) == kind)
    ]
    return markdown_table(["setting", "value"], rows)


def _is_of(name: str) -> str:
    """Return the kind of weights that a setting belongs to."""
    prefixes = {"detector": "detector", "depth": "depth", "adapter": "depth-model"}
    return next((kind for prefix, kind in prefixes.items() if name.startswith(prefix)), "model")


def _losses(kind: Kind, log: Sequence[dict[str, Any]]) -> str:
    rows = []
    for stage in STAGES[kind]:
        lines = [line for line in log if line["stage"] == stage]
        last = len(lines) - 1
        shown = sorted({round(i * last / (LOSSES_SHOWN - 1)) for i in range(LOSSES_SHOWN)}) if lines else []
        rows += [(stage, f"{lines[i]['step']:,}", f"{lines[i]['loss']:.4f}") for i in shown]
    return markdown_table(["stage", "step", "mean loss of the last steps"], rows) if rows else "No losses were logged."
