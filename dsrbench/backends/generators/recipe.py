"""Recipes: how the authors of a model run its pipeline, one YAML file per model in `recipes/`."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsrbench.errors import InputError, MissingExtraError, UnknownBackendError, first_line, near_matches

FOLDER = Path(__file__).parent / "recipes"
"""Folder of the recipes, one NAME.yaml each."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings with which a model is run. To add a model, add a file with the model's name and these keys.

    Attributes:
        name: Short name of the model.
        pipeline: Name of the diffusers class that runs the model.
        id: Repository of the weights on the Hub, "owner/name".
        licence: Name that the authors give the license of the weights.
        height: Height of a frame, pixels.
        width: Width of a frame, pixels.
        frames: Number of frames of a clip.
        fps: Frames per second.
        steps: Number of denoising steps.
        guidance: Scale of classifier-free guidance.
        dtype: Precision of the weights.
        frame_rule: Frame counts that the model can make, such as `4n+1`.
        size_multiple: Divisor of height and width, pixels.
        lora: Name of the component that adapters are loaded into.
        lora_targets: Names, or ends of dotted paths, of the layers that `align` puts a LoRA on; empty if `align` cannot
            train the model.
        aliases: Other short names of the model.
        negative_prompt: Text that describes what the model should avoid.
        dtypes: Precision of the components that differ from `dtype`.
        revision: Commit of the weights; None for the newest.
        min_steps: Minimum number of denoising steps of the pipeline.
        max_frames: Maximum number of frames of a clip; None if there is no limit.
        guidance_argument: Name of the pipeline's argument for the guidance; `guider` if it has an object for it.
        fps_argument: Name of the pipeline's argument for the frame rate; empty if it has none.
        call: Further arguments of the pipeline's call.
        match: Values in the JSON files of a folder that distinguish this model from others of its pipeline class.
        parts: `class` and `id` of each component that has a repository of its own.
        without: Components of the repository that are not loaded.
        scheduler: Settings of the scheduler that differ from those saved with the weights; `class` names another one.
        parameters: Number of parameters of each component, billions.
        seconds: Seconds a clip takes as the authors report it, by device.
    """

    name: str
    pipeline: str
    id: str
    licence: str
    height: int
    width: int
    frames: int
    fps: float
    steps: int
    guidance: float
    dtype: str
    frame_rule: str
    size_multiple: int
    lora: str
    lora_targets: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    negative_prompt: str = ""
    dtypes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    revision: str | None = None
    min_steps: int = 1
    max_frames: int | None = None
    guidance_argument: str = "guidance_scale"
    fps_argument: str = ""
    call: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    match: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    parts: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    without: tuple[str, ...] = ()
    scheduler: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    parameters: Mapping[str, float] = dataclasses.field(default_factory=dict)
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def round_frames(self, frames: int) -> int:
        """Return the frame count nearest to `frames` that the model can make; of two equally near, the larger.

        >>> read_recipe("wan2.1-1.3b").round_frames(16), read_recipe("cogvideox-2b").round_frames(48)
        (17, 49)
        """
        step, first = (int(number) for number in re.findall(r"\d+", self.frame_rule))
        return step * max(0 if first else 1, (2 * (frames - first) + step) // (2 * step)) + first

    def round_size(self, pixels: int) -> int:
        """Return the height or width nearest to `pixels` that the model can make.

        >>> read_recipe("wan2.1-1.3b").round_size(475)
        480
        """
        return self.size_multiple * max(1, (2 * pixels + self.size_multiple) // (2 * self.size_multiple))


def recipe_names() -> dict[str, str]:
    """Map every short name and alias to the name of its recipe."""
    files = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    aliases = {alias: name for name in files for alias in read_recipe(name).aliases}
    return {**aliases, **{name: name for name in files}}


@functools.cache
def read_recipe(name: str) -> Recipe:
    """Read the recipe of a name; aliases are not resolved.

    Raises:
        MissingExtraError: PyYAML is not installed.
        UnknownBackendError: There is no recipe of that name.
        InputError: The file cannot be read, lacks a key, or has a key that is none of a recipe.
    """
    try:
        import yaml
    except ImportError:
        raise MissingExtraError("a model by its short name", "PyYAML", "generate") from None
    path = FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise UnknownBackendError(f"no recipe named {name!r}{near_matches(name, (p.stem for p in FOLDER.glob('*')))}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"recipe {path.name}: cannot be read ({first_line(error)})") from None
    fields = {field.name: field for field in dataclasses.fields(Recipe)}
    needed = {key for key, field in fields.items() if _is_needed(field)} - {"name"}
    if not isinstance(values, dict) or set(values) - set(fields) or needed - set(values):
        wrong = sorted(set(values) ^ needed) if isinstance(values, dict) else [type(values).__name__]
        raise InputError(f"recipe {path.name}: keys absent, or none of a recipe: {', '.join(map(str, wrong))}")
    lists = {key: tuple(values.get(key, ())) for key in ("aliases", "without", "lora_targets")}
    return Recipe(**{**values, **lists, "name": name})


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def match_recipe(folder: Path, pipeline: str) -> Recipe:
    """Find the recipe of a pipeline's folder: of the class's recipes that fit, the one with the most `match` values.

    Args:
        folder: Folder with a model_index.json.
        pipeline: Name of the pipeline's class in that file.

    Raises:
        InputError: No recipe is for that class.
    """
    recipes = [read_recipe(name) for name in sorted(set(recipe_names().values()))]
    fitting = [recipe for recipe in recipes if recipe.pipeline == pipeline and _fits(folder, recipe)]
    if not fitting:
        classes = ", ".join(sorted({recipe.pipeline for recipe in recipes}))
        raise InputError(f"model {folder}: no recipe runs a {pipeline}; there are recipes for {classes}")
    return max(fitting, key=lambda recipe: sum(len(values) for values in recipe.match.values()))


def _fits(folder: Path, recipe: Recipe) -> bool:
    return all(
        _read_json(folder / file).get(key) == value
        for file, values in recipe.match.items()
        for key, value in values.items()
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
