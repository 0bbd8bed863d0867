"""Recipes: what the authors of a model ask of its pipeline, one YAML file a model in `recipes/`."""

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
"""Where the recipes are."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is run. A new model is a new file: its name is the model's, its keys are these.

    Attributes:
        name: Short name of the model.
        pipeline: Class of diffusers that runs it.
        id: Its weights on the Hub, "owner/name".
        licence: What its authors call the licence of the weights.
        height: Pixels.
        width: Pixels.
        frames: Frames a clip.
        fps: Frames a second.
        steps: Denoising steps.
        guidance: Scale of classifier-free guidance.
        dtype: Precision of the weights.
        frame_rule: Frame counts the model can make, such as `4n+1`.
        size_multiple: Height and width must be multiples of it, pixels.
        lora: The component that takes adapters.
        lora_targets: Names of its layers, or the ends of their dotted paths, that `align` puts a LoRA on; none: it
            does not train the model.
        aliases: Other short names.
        negative_prompt: What the model is told to avoid.
        dtypes: Precision of single components, where it differs.
        revision: Commit of the weights; None for the newest.
        min_steps: Fewest denoising steps the pipeline can take.
        max_frames: Frames the model cannot go beyond; None where there is no such limit.
        guidance_argument: What the pipeline calls the guidance; `guider` where it has an object for it.
        fps_argument: What the pipeline calls the frame rate; empty where it has no say in it.
        call: Further arguments of the call.
        match: Values in JSON files of a folder that tell this model from others of its pipeline class.
        parts: Components that have a repository of their own: `class` and `id` of each.
        without: Components of the repository that are left out.
        scheduler: Settings of the scheduler that differ from those saved with the weights; `class` names another one.
        parameters: Parameters of each component, billions.
        seconds: What the authors say a clip takes, by device.
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
        """The frame count nearest to `frames` that the model can make; of two, the larger.

        >>> read_recipe("wan2.1-1.3b").round_frames(16), read_recipe("cogvideox-2b").round_frames(48)
        (17, 49)
        """
        step, first = (int(number) for number in re.findall(r"\d+", self.frame_rule))
        return step * max(0 if first else 1, (2 * (frames - first) + step) // (2 * step)) + first

    def round_size(self, pixels: int) -> int:
        """The height or width nearest to `pixels` that the model can make.

        >>> read_recipe("wan2.1-1.3b").round_size(475)
        480
        """
        return self.size_multiple * max(1, (2 * pixels + self.size_multiple) // (2 * self.size_multiple))


def recipe_names() -> dict[str, str]:
    """Every short name and alias, with the name of its recipe; reads no recipe but for its aliases."""
    files = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    aliases = {alias: name for name in files for alias in read_recipe(name).aliases}
    return {**aliases, **{name: name for name in files}}


@functools.cache
def read_recipe(name: str) -> Recipe:
    """The recipe of one name (not of an alias).

    Raises:
        MissingExtraError: PyYAML is not installed.
        UnknownBackendError: No such recipe.
        InputError: It cannot be read, or a key is absent, or is none of a recipe.
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
    """The recipe for a pipeline's folder: of those of its class, the one whose `match` says most that is true.

    Args:
        folder: Has model_index.json.
        pipeline: Its class, as that file says.

    Raises:
        InputError: No recipe is of that class.
    """
    recipes = [read_recipe(name) for name in sorted(set(recipe_names().values()))]
    fitting = [recipe for recipe in recipes if recipe.pipeline == pipeline and _fits(folder, recipe)]
    if not fitting:
        known = ", ".join(sorted({recipe.pipeline for recipe in recipes}))
        raise InputError(f"model {folder}: no recipe runs a {pipeline}; there are recipes for {known}")
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
