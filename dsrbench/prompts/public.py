"""Prompt files of public benchmarks, which the user has: VBench, VBench-2.0 and T2V-CompBench.

Nothing of them is part of this package. Where a file has fields beside the texts, these are the claims, and the grammar
must not contradict them.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dsrbench.errors import PromptError
from dsrbench.prompts.grammar import parse_prompt
from dsrbench.prompts.lexicon import RELATIONS
from dsrbench.types import Clause, Direction, Prompt, Relation

logger = logging.getLogger("dsrbench")

MAX_NAMED = 5
"""Largest number of unreadable prompts that a message names."""

DIMENSIONS = ("spatial_relationship", "Dynamic_Spatial_Relationship")
"""Dimensions of VBench and of VBench-2.0 whose prompts are read from a file of all dimensions."""

_DIRECTIONS = {"left": Direction.LEFT, "right": Direction.RIGHT, "up": Direction.UP, "down": Direction.DOWN}


@dataclasses.dataclass(frozen=True)
class _Item:
    """A prompt of a file: its text, and its claims where the file has them."""

    line: int
    text: str
    clauses: tuple[Clause, ...] = ()


@dataclasses.dataclass(frozen=True)
class PublicFormat:
    """A public benchmark's files.

    Attributes:
        suite: Name of the suite in reports.
        has_numbers: Whether its videos are named by the number of the prompt, as "0001.mp4" is.
        clauses: Function from a JSON object to the claims it has; empty where it has none.
    """

    suite: str
    has_numbers: bool
    clauses: Callable[[Mapping[str, Any]], tuple[Clause, ...]]


def _vbench_clauses(item: Mapping[str, Any]) -> tuple[Clause, ...]:
    """Read the fields of VBench's prompts, of its metadata or of its file of all dimensions."""
    inner = item.get("auxiliary_info")
    while isinstance(inner, Mapping) and "spatial_relationship" in inner:
        inner = inner["spatial_relationship"]
    fields = inner if isinstance(inner, Mapping) else item
    names = [fields.get(key, fields.get(f"{key}_en")) for key in ("object_a", "object_b", "relationship")]
    if not all(isinstance(name, str) for name in names):
        return ()
    return (Clause(str(names[0]), str(names[1]), (read_phrase(str(names[2])),)),)


def _compbench_clauses(item: Mapping[str, Any]) -> tuple[Clause, ...]:
    """Read the fields of T2V-CompBench's spatial relations and of its motions."""
    if item.get("spatial"):
        return (Clause(_text(item, "object_1"), _text(item, "object_2"), (read_phrase(_text(item, "spatial")),)),)
    motions = [(f"object_{i}", f"d_{i}") for i in (1, 2) if item.get(f"object_{i}") and item.get(f"d_{i}")]
    return tuple(Clause(_text(item, noun), direction=_read_direction(_text(item, word))) for noun, word in motions)


def _text(item: Mapping[str, Any], key: str) -> str:
    """Return the text of a field.

    Raises:
        PromptError: The field is missing or empty, or no text.
    """
    value = item.get(key)
    if not isinstance(value, str) or not value.strip():
        raise PromptError(f"expected a text under {key!r}, found {json.dumps(value)}")
    return value


def _read_direction(word: str) -> Direction:
    if word not in _DIRECTIONS:
        raise PromptError(f"{word!r} is no direction; expected one of {', '.join(_DIRECTIONS)}")
    return _DIRECTIONS[word]


FORMATS: Mapping[str, PublicFormat] = {
    "vbench": PublicFormat("vbench-spatial", False, _vbench_clauses),
    "vbench2": PublicFormat("vbench2-dynamic-spatial", False, lambda item: ()),
    "t2v-compbench": PublicFormat("t2v-compbench", True, _compbench_clauses),
}
"""Public benchmarks by the prefix of a suite, as in `vbench:FILE`."""


def read_public(name: str, text: str, source: str) -> tuple[dict[str, str], list[tuple[int, Prompt]]]:
    """Read the prompts of a public benchmark's file; those that cannot be read are left out with a warning.

    Args:
        name: A key of `FORMATS`.
        text: Content of the file: a JSON list of objects, or a prompt per line.
        source: Name of the file, for messages.

    Returns:
        The header with the name of the suite, and each prompt with its line, or its number in a JSON list.

    Raises:
        PromptError: The file has another form, or none of its prompts can be read: the grammar does not know its text,
            or the text contradicts the fields.
    """
    form = FORMATS[name]
    items = _read_json(text, source, form) if text.lstrip().startswith(("[", "{")) else _read_lines(text)
    rows, problems = [], []
    width = max(4, len(str(len(items))))
    for number, item in enumerate(items, 1):
        try:
            rows.append((item.line, _make(item, f"{number:0{width}d}" if form.has_numbers else None)))
        except PromptError as error:
            problems.append(f"{item.line}: {error}")
    if problems:
        more = f"; and {len(problems) - MAX_NAMED} more" if len(problems) > MAX_NAMED else ""
        named = "; ".join(problems[:MAX_NAMED])
        message = f"{source}: {len(problems)} of {len(items)} prompts cannot be read: {named}{more}"
        if not rows:
            raise PromptError(message)
        logger.warning("%s. They are left out", message)
    return {"suite": form.suite}, rows


def _read_lines(text: str) -> list[_Item]:
    return [_Item(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _read_json(text: str, source: str, form: PublicFormat) -> list[_Item]:
    """Read the objects of a JSON list that are about space."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise PromptError(f"{source}: no JSON ({error})") from None
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise PromptError(f"{source}: expected a JSON list of objects")
    items = []
    for number, value in enumerate(values, 1):
        dimension = value.get("dimension", DIMENSIONS[0])
        named = dimension if isinstance(dimension, list) else [dimension]
        if not all(isinstance(one, str) for one in named):
            raise PromptError(f"{source}, object {number}: expected a text or texts under 'dimension'")
        if not set(DIMENSIONS).intersection(named):
            continue
        words = next((value[key] for key in ("prompt_en", "prompt") if isinstance(value.get(key), str)), "")
        if not words.strip():
            raise PromptError(f"{source}, object {number}: expected a text under 'prompt_en' or 'prompt'")
        try:
            items.append(_Item(number, words.strip(), form.clauses(value)))
        except PromptError as error:
            raise PromptError(f"{source}, object {number}: {error}") from None
    return items


def _make(item: _Item, id: str | None) -> Prompt:
    """Make a prompt from its text, and from the fields of the file where it has them.

    Raises:
        PromptError: The text cannot be read and there are no fields, or the two contradict each other.
    """
    if not item.clauses:
        return parse_prompt(item.text, id=id)
    try:
        read = parse_prompt(item.text, id=id)
    except PromptError:
        return Prompt.of_clauses(id or _fallback_id(item), item.text, item.clauses)
    if [_outline(clause) for clause in read.clauses] != [_outline(clause) for clause in item.clauses]:
        raise PromptError(
            f"the fields say {_describe(item.clauses)}, the text {item.text!r} is read as {_describe(read.clauses)}"
        )
    return Prompt.of_clauses(read.id, item.text, item.clauses, scene=read.scene)


def _fallback_id(item: _Item) -> str:
    """Return an id for a prompt whose text cannot be read."""
    words = "-".join(word for clause in item.clauses for word in (*clause.nouns, clause.type.strip(">")))
    return "-".join(words.casefold().split()) + f"-{item.line}"


def _outline(clause: Clause) -> tuple[str, str]:
    """Return what a claim and its reading must share: the type, and the last word of the subject."""
    return clause.type, clause.subject.casefold().split()[-1].removesuffix("s")


def _describe(clauses: Sequence[Clause]) -> str:
    return "; ".join(f"{clause.subject} {clause.type} {clause.object}".strip() for clause in clauses)


def read_phrase(words: str) -> Relation:
    """Read the relation that words name, such as "on the left of" or "above".

    Raises:
        PromptError: The words name none.

    >>> read_phrase("on the left of"), read_phrase("left"), read_phrase("below")
    (<Relation.LEFT: 'L'>, <Relation.LEFT: 'L'>, <Relation.UNDER: 'U'>)
    """
    for text in (words.strip(), f"{words.strip()} of"):
        relation = next((relation for relation, pattern in RELATIONS if pattern.fullmatch(text)), None)
        if relation is not None:
            return relation
    raise PromptError(f"{words!r} names no relation; expected words such as 'on the left of', 'above' or 'behind'")
