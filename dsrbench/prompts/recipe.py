"""Recipes of suites, as data: sizes, relations, words, seed and version."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsrbench.errors import PromptError, near_matches
from dsrbench.prompts.wordings import WORDINGS
from dsrbench.types import DEFAULT_WORDING, Direction, Relation

RECIPES_FOLDER = Path(__file__).parent / "recipes"
"""Folder of the package's recipes, one NAME.json each."""

SPLITS = ("train", "validation", "test")
"""Names of the splits."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A group of prompts in a suite with common properties.

    Attributes:
        split: `train`, `validation` or `test`.
        relations: Types such as "LR", "L" (throughout) or ">L" (a motion); the prompts are divided equally among them.
        size: Number of prompts.
        common: Whether to use only nouns that detectors of the 80 COCO classes know.
        wording: Name of the wording, one of `WORDINGS`.
        tags: Tags of every prompt, in addition to its difficulty.
    """

    split: str
    relations: tuple[str, ...]
    size: int
    common: bool = False
    wording: str = DEFAULT_WORDING
    tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Specification from which a suite is built.

    Attributes:
        suite: Name of the suite.
        version: Version of the suite; it changes whenever a prompt does.
        seed: Random seed of all choices.
        parts: Parts of the suite, in building order.
        apart_from: Names of suites whose (subject, object) pairs are not used.
        of: Name of the suite from which this one is selected, instead of building parts.
        size: Number of prompts selected from that suite.
    """

    suite: str
    version: str
    seed: int
    parts: tuple[Part, ...] = ()
    apart_from: tuple[str, ...] = ()
    of: str = ""
    size: int = 0


def list_recipes() -> list[str]:
    """List the names of the package's recipes, sorted."""
    return sorted(path.stem for path in RECIPES_FOLDER.glob("*.json"))


def read_recipe(source: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        source: A .json file, or the name of one of the package's recipes.

    Raises:
        PromptError: There is no such recipe, or a value in it is invalid.

    >>> read_recipe("dsr-core").parts[0].size
    150
    """
    path = Path(source)
    if isinstance(source, str) and source in list_recipes():
        path = RECIPES_FOLDER / f"{source}.json"
    elif path.suffix.lower() != ".json":
        raise PromptError(f"no recipe {str(source)!r}{near_matches(str(source), list_recipes())}, or a .json file")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PromptError(f"{path}: the recipe cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise PromptError(f"{path}: not a recipe in JSON ({error})") from None
    try:
        return _read(data)
    except PromptError as error:
        raise PromptError(f"{path}: {error}") from None


def _read(data: Any) -> Recipe:
    values = _check(data, Recipe, "a recipe")
    for name in ("suite", "version", "seed"):
        if name not in values:
            raise PromptError(f"{name!r} is missing")
    if bool(values.get("parts")) == bool(values.get("of")):
        raise PromptError("give either 'parts' or 'of' with 'size'")
    if values.get("of") and values.get("size", 0) < 1:
        raise PromptError("'size' must be at least 1, the prompts to select")
    parts = tuple(_read_part(part) for part in values.pop("parts", ()))
    return Recipe(**values, parts=parts)


def _read_part(data: Any) -> Part:
    values = _check(data, Part, "a part")
    for name in ("split", "relations", "size"):
        if name not in values:
            raise PromptError(f"a part needs {name!r}")
    part = Part(**values)
    for codes in part.relations:
        Direction(codes) if codes.startswith(">") else Relation.chain(codes)
    if part.split not in SPLITS:
        raise PromptError(f"'split' must be one of {', '.join(SPLITS)}, got {part.split!r}")
    if part.wording not in WORDINGS:
        raise PromptError(f"no wording {part.wording!r}{near_matches(part.wording, WORDINGS)}")
    if not 0 < len(set(part.relations)) == len(part.relations) <= part.size:
        raise PromptError(f"a part needs relations, each once, and a prompt for each at least; got {part.size} prompts")
    return part


_KINDS: Mapping[str, type] = {
    **dict.fromkeys(("suite", "version", "of", "split", "wording"), str),
    **dict.fromkeys(("seed", "size"), int),
    **dict.fromkeys(("parts", "apart_from", "relations", "tags"), list),
    "common": bool,
}
"""JSON type of each key."""


def _check(data: Any, cls: type, what: str) -> dict[str, Any]:
    """Check the keys and types of a JSON object against the fields of `cls`; return its values, lists as tuples."""
    if not isinstance(data, dict):
        raise PromptError(f"expected {what} as a JSON object, got {type(data).__name__}")
    fields = [field.name for field in dataclasses.fields(cls)]
    for key, value in data.items():
        if key not in fields:
            raise PromptError(f"unknown key {key!r} of {what}{near_matches(key, fields)}")
        if type(value) is not _KINDS[key]:
            raise PromptError(f"{key!r} must be of type {_KINDS[key].__name__}, got {value!r}")
        if isinstance(value, list) and key != "parts" and not all(isinstance(item, str) for item in value):
            raise PromptError(f"{key!r} must be a list of texts, got {value!r}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
