"""From what a user calls a model to a generator and its options."""

from __future__ import annotations

import json
from pathlib import Path

from dsrbench.errors import InputError, UnknownBackendError
from dsrbench.registry import generators

PIPELINES = {"SpritesPipeline": "sprites"}
"""Class of a saved pipeline to the generator that runs it."""


def resolve_model(model: str) -> tuple[str, dict[str, str]]:
    """The generator for a model, and the options that name it.

    Args:
        model: A registered name, or a folder saved by a diffusers pipeline.

    Raises:
        UnknownBackendError: Neither.
        InputError: A folder of a pipeline no generator runs.

    >>> resolve_model("sprites")
    ('sprites', {})
    """
    if model in generators.names():
        return model, {}
    folder = Path(model)
    if not folder.is_dir():
        generators.load(model)  # raises, with near matches
        raise UnknownBackendError(f"no generator named {model!r}")
    try:
        kind = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))["_class_name"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"model {model}: expected a folder with the model_index.json of a diffusers pipeline"
        ) from None
    if kind not in PIPELINES:
        raise InputError(f"model {model}: no generator runs a {kind}; known: {', '.join(sorted(PIPELINES))}")
    return PIPELINES[kind], {"folder": model}


def name_model(model: str, adapter: str | None) -> str:
    """What a model is called in reports: its own name, or its folder's, and its adapter's.

    >>> name_model("sprites", "runs/align/lora"), name_model("out/model", None)
    ('sprites+lora', 'model')
    """
    name = Path(model).resolve().name if Path(model).is_dir() else model
    return name if adapter is None else f"{name}+{Path(adapter).resolve().name.removesuffix('.safetensors')}"
