"""Read the lines of a suite file, JSON objects or table rows, as prompts; errors name the file and line."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping
from typing import Any

from dsrbench.errors import PromptError, near_matches
from dsrbench.lines import located, parse_object
from dsrbench.prompts.grammar import parse_prompt
from dsrbench.prompts.phrases import PLACES
from dsrbench.types import Clause, Prompt, Relation

Rows = list[tuple[int, Prompt]]
"""Prompts, each with the number of the line on which it begins."""

_FIELDS = ("subject", "object", "relations")
_KEYS = frozenset({"id", "text", *_FIELDS, "clauses", "scene", "split", "tags"})
_COLUMNS = {"animal": "subject", "object": "object", "type": "relations"}
"""Field of a prompt for each column of the paper's table."""
_PHRASES = {"initial_SR": 0, "final_SR": -1}
"""Index of the relation that each column of phrases names."""


def read_jsonl(text: str, source: str) -> tuple[dict[str, str], Rows]:
    """Read JSON Lines: the optional header and the prompts; empty lines are skipped.

    Raises:
        PromptError: A line is no JSON object, or no prompt.
    """
    header: dict[str, str] = {}
    rows: Rows = []
    first = True
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        with located(f"{source}, line {number}", PromptError):
            item = parse_object(line)
            if first and "suite" in item:
                header = _read_header(item)
            else:
                rows.append((number, _read_item(item)))
        first = False
    return header, rows


def read_csv(text: str, source: str) -> tuple[dict[str, str], Rows]:
    """Read a table in the columns of the paper; the header is always empty.

    Raises:
        PromptError: Columns are missing, or a row has another length or is no prompt.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: Rows = []
    columns: list[str] = []
    line = 1
    try:
        for cells in reader:
            with located(f"{source}, line {line}", PromptError):
                if not columns and any(cells):
                    columns = _read_columns(cells)
                elif any(cells):
                    rows.append((line, _read_row(columns, cells)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise PromptError(f"{source}, line {line}: not a table in CSV ({error})") from None
    return {}, rows


def read_lines(text: str, source: str) -> tuple[dict[str, str], Rows]:
    """Read a text file with one prompt per line; the header is always empty, and empty lines are skipped.

    Raises:
        PromptError: A line is no prompt.
    """
    rows: Rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            with located(f"{source}, line {number}", PromptError):
                rows.append((number, parse_prompt(line.strip())))
    return {}, rows


def _read_header(item: Mapping[str, Any]) -> dict[str, str]:
    for key in item:
        if key not in ("suite", "version"):
            raise PromptError(f"unknown key {key!r} in the header{near_matches(key, ('suite', 'version'))}")
    return {key: _text(item, key) for key in item}


def _read_item(item: Mapping[str, Any]) -> Prompt:
    for key in item:
        if key not in _KEYS:
            raise PromptError(f"unknown key {key!r}{near_matches(key, _KEYS)}")
    tags = item.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise PromptError(f"'tags' must be a list of texts, got {tags!r}")
    relations = item.get("relations", "")
    if not (isinstance(relations, str) or (isinstance(relations, list) and all(isinstance(r, str) for r in relations))):
        raise PromptError(f"'relations' must be codes such as \"LR\" or a list of them, got {relations!r}")
    texts = {key: _text(item, key) for key in item if key not in ("tags", "relations", "clauses")}
    if "clauses" in item:
        return _make_several(texts, item["clauses"], tuple(tags), present=set(item))
    return _make(texts, "".join(relations), tuple(tags), present=set(item))


def _make_several(texts: Mapping[str, str], clauses: Any, tags: tuple[str, ...], *, present: set[str]) -> Prompt:
    """Make a prompt of several claims from its fields."""
    if present.intersection(_FIELDS) or not {"id", "text"} <= present:
        raise PromptError(f"'clauses' go with 'id' and 'text', and without {', '.join(_FIELDS)}")
    if not isinstance(clauses, list) or not all(isinstance(clause, dict) for clause in clauses):
        raise PromptError(f"'clauses' must be a list of objects, got {clauses!r}")
    made = []
    for clause in clauses:
        if set(clause) != set(_FIELDS):
            raise PromptError(f"a clause has {', '.join(_FIELDS)}; got {', '.join(clause) or 'nothing'}")
        made.append(Clause.of_type(*(_text(clause, key) for key in _FIELDS)))
    places = {"scene": texts.get("scene", ""), "split": texts.get("split", "")}
    return Prompt.of_clauses(texts["id"], texts["text"], made, tags=tags, **places)


def _make(texts: Mapping[str, str], relations: str, tags: tuple[str, ...], *, present: set[str]) -> Prompt:
    """Make a prompt from its fields, or from its text alone as the grammar reads it."""
    needed = [key for key in _FIELDS if key not in present]
    if "text" not in texts:
        raise PromptError("'text' is missing, the words given to the model")
    if len(needed) == len(_FIELDS):
        read = parse_prompt(texts["text"], id=texts.get("id"))
        scene = texts.get("scene") or read.scene
        return dataclasses.replace(read, scene=scene, split=texts.get("split", ""), tags=tags)
    if "id" not in texts:
        needed.insert(0, "id")
    if needed:
        raise PromptError(f"missing: {', '.join(needed)}; give all of id, subject, object, relations, or 'text' alone")
    clause = Clause.of_type(texts["subject"], texts["object"], relations)
    places = {"scene": texts.get("scene", ""), "split": texts.get("split", "")}
    return Prompt.of_clauses(texts["id"], texts["text"], [clause], tags=tags, **places)


def _text(item: Mapping[str, Any], key: str) -> str:
    if not isinstance(item[key], str):
        raise PromptError(f"{key!r} must be a text, got {item[key]!r}")
    if any("\ud800" <= character <= "\udfff" for character in item[key]):
        raise PromptError(f"{key!r} has half a surrogate pair in {item[key]!r}; write the character itself")
    return str(item[key])


def _read_columns(cells: list[str]) -> list[str]:
    columns = [cell.strip() for cell in cells]
    known_columns = ("prompt", "prompt_id", *_COLUMNS, *_PHRASES, "scene")
    twice = sorted({column for column in columns if column in known_columns and columns.count(column) > 1})
    if twice:
        raise PromptError(f"columns named twice: {', '.join(twice)}")
    required = ["prompt"]
    if any(column in columns for column in _COLUMNS):
        required = ["type", "prompt_id", "animal", "object", "prompt"]
    missing = [column for column in required if column not in columns]
    if missing:
        raise PromptError(
            f"missing columns: {', '.join(missing)}; expected 'prompt' alone, with or without 'prompt_id', or all of "
            f"type, prompt_id, animal, object, prompt. Got: {', '.join(columns)}"
        )
    return columns


def _read_row(columns: list[str], cells: list[str]) -> Prompt:
    if columns == ["prompt"]:
        cells = [",".join(cells)]  # in a table of texts alone, commas belong to the text
    if len(cells) != len(columns):
        raise PromptError(f"expected {len(columns)} cells, one a column, got {len(cells)}; quote texts with commas")
    row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
    texts = {"text": row["prompt"], "scene": row.get("scene", "").rstrip(" ,")}
    if row.get("prompt_id"):
        texts["id"] = row["prompt_id"]
    texts.update({name: row[column] for column, name in _COLUMNS.items() if column in row and name != "relations"})
    relations = row.get("type", "")
    prompt = _make(texts, relations, (), present={name for column, name in _COLUMNS.items() if column in row})
    for column, index in _PHRASES.items():
        if prompt.relations:
            _check_phrase(column, row.get(column, ""), prompt.relations[index])
    return prompt


def _check_phrase(column: str, phrase: str, relation: Relation) -> None:
    if not phrase:
        return
    relations = [r for r, pattern in PLACES if pattern.fullmatch(f"{phrase} ")]
    if not relations:
        raise PromptError(f"{column} {phrase!r} is no relation; expected words such as 'on the left of'")
    if relations[0] is not relation:
        raise PromptError(
            f"{column} {phrase!r} says {relations[0].name.lower()}, the type says {relation.name.lower()} "
            f"({relation.value}); correct one of them"
        )
