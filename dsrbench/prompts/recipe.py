"""Recipes: what a suite is built to be, as data: sizes, relations, words, seed and version."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsrbench.errors import PromptError, near_matches
from dsrbench.prompts.wordings import WORDINGS
from dsrbench.types import DEFAULT_WORDING, Relation

RECIPES_FOLDER = Path(__file__).parent / "recipes"
"""Where the recipes that come with the package are, one NAME.json each."""

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Part:
    """Some prompts of a suite that are alike in what they ask.

    Attributes:
        split: `train`, `validation` or `test`.
        relations: Chains such as "LR"; each gets as many prompts as any other, give or take one.
        size: How many prompts.
        common: Only nouns that the detectors of 80 classes know.
        wording: In which words, one of `WORDINGS`.
        tags: Tags of every prompt, beside its difficulty.
    """

    split: str
    relations: tuple[str, ...]
    size: int
    common: bool = False
    wording: str = DEFAULT_WORDING
    tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a suite is built.

    Attributes:
        suite: Its name.
        version: Version of the suite; it changes whenever a prompt does.
        seed: Random seed of every choice.
        parts: In the order they are built.
        apart_from: Suites none of whose (subject, object) pairs it may have.
        of: The suite it is a selection of, in place of parts.
        size: How many prompts of that suite.
    """

    suite: str
    version: str
    seed: int
    parts: tuple[Part, ...] = ()
    apart_from: tuple[str, ...] = ()
    of: str = ""
    size: int = 0


def list_recipes() -> list[str]:
    """Names of the recipes that come with the package, sorted."""
    return sorted(path.stem for path in RECIPES_FOLDER.glob("*.json"))


def read_recipe(source: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        source: A .json file, or the name of a recipe that comes with the package.

    Raises:
        PromptError: No such recipe, or something in it that is not what it must be.

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
    for chain in part.relations:
        Relation.chain(chain)
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


def _check(data: Any, cls: type, what: str) -> dict[str, Any]:
    """The values of an object of JSON, lists as tuples; each key a field of `cls`, each value of its kind."""
    if not isinstance(data, dict):
        raise PromptError(f"expected {what} as a JSON object, got {type(data).__name__}")
    known = [field.name for field in dataclasses.fields(cls)]
    for key, value in data.items():
        if key not in known:
            raise PromptError(f"unknown key {key!r} of {what}{near_matches(key, known)}")
        if type(value) is not _KINDS[key]:
            raise PromptError(f"{key!r} must be of type {_KINDS[key].__name__}, got {value!r}")
        if isinstance(value, list) and key != "parts" and not all(isinstance(item, str) for item in value):
            raise PromptError(f"{key!r} must be a list of texts, got {value!r}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
