"""Resolve the name, folder or id of a model to a generator and its options."""

from __future__ import annotations

from pathlib import Path

from dsrbench.backends.generators.recipe import recipe_names
from dsrbench.backends.pretrained.pipelines import read_index
from dsrbench.backends.pretrained.snapshots import is_hub_id
from dsrbench.backends.registry import generators
from dsrbench.errors import UnknownBackendError, near_matches
from dsrbench.sprites.embedded import BASE


def resolve_model(model: str) -> tuple[str, dict[str, str]]:
    """Return the generator for a model, and the options that name the model.

    Args:
        model: A registered generator, a recipe or an alias of one, a folder saved by a diffusers pipeline, or an id on
            the Hub, "owner/name". A name is tried before a folder; `./wan2.1` is always a folder.

    Raises:
        UnknownBackendError: The model is none of these; near matches are listed.
        InputError: The folder is no pipeline.

    >>> resolve_model("sprites"), resolve_model("wan2.1")
    (('sprites', {}), ('diffusers', {'model': 'wan2.1-1.3b'}))
    """
    if model in generators.names():
        return model, {}
    recipes = recipe_names()
    if model in recipes:
        return "diffusers", {"model": recipes[model]}
    if Path(model).is_dir():
        index = read_index(Path(model))
        if index["_class_name"] != "SpritesPipeline":
            return "diffusers", {"model": model}
        return "sprites-depth" if BASE in index else "sprites", {"folder": model}
    if is_hub_id(model):
        return "diffusers", {"model": model}
    suggestion = near_matches(model, [*generators.names(), *recipes])
    raise UnknownBackendError(f"no model named {model!r}, and no such folder{suggestion}")


def name_model(model: str, adapter: str | None) -> str:
    """Return the name of a model in reports: its own or its folder's name, and its adapter's.

    >>> name_model("sprites", "runs/align/lora"), name_model("out/model", None), name_model("wan2.1", None)
    ('sprites+lora', 'out/model', 'wan2.1-1.3b')
    """
    name = Path(model).resolve().name if Path(model).is_dir() else recipe_names().get(model, model)
    return name if adapter is None else f"{name}+{Path(adapter).resolve().name.removesuffix('.safetensors')}"
