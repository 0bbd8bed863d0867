"""Footprint of a text-to-video pipeline: weights on disk and in memory, and the time its authors report for a clip."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsrbench.backends.generators.recipe import Recipe, read_recipe
from dsrbench.backends.generators.settings import Overrides, Settings, settle

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
"""Bytes of one number, by precision."""


@dataclasses.dataclass(frozen=True)
class Footprint:
    """Disk space, memory and time that a generator needs, as far as known before a clip is made.

    Attributes:
        weights: Bytes of weights on disk.
        memory: Bytes of weights in the device's memory at once, without activations.
        basis: Source of these sizes: `measured` on the files, or `reckoned` from published numbers of parameters.
        pixels: Number of pixels of a clip, over all frames; 0 if unknown.
        seconds: Seconds a clip takes with the authors' own settings, as they report it, by device.
        is_authors: Whether the requested clips have the authors' own settings, which `seconds` is about.
        timed: Seconds a clip takes on this machine, from a few blocks of random weights; None where it was not timed.
    """

    weights: int
    memory: int
    basis: str
    pixels: int
    seconds: Mapping[str, float]
    is_authors: bool
    timed: float | None = None


def measure_footprint(recipe: Recipe, settings: Settings, offload: str, files: Mapping[str, list[Path]]) -> Footprint:
    """Measure the footprint of weights on disk from the headers of their safetensors, by component."""
    parameters = {part: sum(map(count_parameters, paths)) for part, paths in files.items()}
    weights = sum(path.stat().st_size for paths in files.values() for path in paths)
    return _make(recipe, settings, offload, parameters, weights, "measured")


def reckon_footprint(name: str, options: Mapping[str, Any]) -> tuple[Footprint, tuple[str, ...]]:
    """Estimate the footprint of a recipe whose weights are not on disk, with notes about rounded settings.

    Args:
        name: A recipe's name.
        options: Options of the generator `diffusers`, converted to their types.

    Raises:
        OptionError: A value out of range.
    """
    recipe = read_recipe(name)
    names = {field.name for field in dataclasses.fields(Overrides)}
    settings, notes = settle(recipe, Overrides(**{key: value for key, value in options.items() if key in names}))
    parameters = {part: round(billions * 1e9) for part, billions in recipe.parameters.items()}
    released = {part: recipe.dtypes.get(part, recipe.dtype) for part in parameters}
    weights = sum(count * BYTES[released[part]] for part, count in parameters.items())
    return _make(recipe, settings, options.get("offload", "none"), parameters, weights, "reckoned"), notes


def _make(
    recipe: Recipe, settings: Settings, offload: str, parameters: Mapping[str, int], weights: int, basis: str
) -> Footprint:
    dtypes = settings.dtypes
    sizes = [count * BYTES[dtypes.get(part, dtypes["default"])] for part, count in parameters.items()]
    memory = {"none": sum(sizes), "model": max(sizes, default=0)}.get(offload, 0)
    own, _ = settle(recipe, Overrides())
    same = ("height", "width", "frames", "steps")
    return Footprint(
        weights=weights,
        memory=memory,
        basis=basis,
        pixels=settings.height * settings.width * settings.frames,
        seconds=recipe.seconds,
        is_authors=all(getattr(settings, name) == getattr(own, name) for name in same),
    )


def count_parameters(path: Path) -> int:
    """Count the numbers in a safetensors file from its header; return 0 if the header cannot be read."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, 100 << 20)))
        return sum(_count(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0


def _count(shape: list[int]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count
