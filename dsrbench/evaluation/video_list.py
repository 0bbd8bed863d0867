"""A video list: a CSV or JSON Lines file that says which video is which prompt's."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsrbench.errors import InputError, PromptError, near_matches
from dsrbench.evaluation.names import Reading
from dsrbench.lines import iter_objects
from dsrbench.prompts import Suite, parse_prompt
from dsrbench.types import Prompt

MAX_SEED = 2**63 - 1


def read_video_list(path: Path, suite: Suite | None, default_model: str) -> list[tuple[str, Reading]]:
    """Read each row's video, as it is written there, with its prompt, model and seed.

    Args:
        path: A `.csv` or `.jsonl` with the columns `video`, `prompt_id` or `prompt`, and optionally `model`, `seed`.
        suite: The prompts; without one every row needs a prompt's text.
        default_model: Name of the model where the row names none.

    Raises:
        InputError: Not such a file, or a row without video or prompt; names the line.
    """
    by_id = {prompt.id: prompt for prompt in suite.prompts} if suite else {}
    by_text = {prompt.text: prompt for prompt in by_id.values()}
    readings = []
    seen: dict[str, Prompt] = {}
    for where, row in _read_rows(path):
        video = _text(row, "video")
        if not video:
            raise InputError(f"{where}: expected a file in the column 'video', got nothing")
        prompt = _prompt_of(row, by_id, by_text, where)
        if seen.setdefault(prompt.id, prompt).text != prompt.text:
            raise InputError(
                f"{where}: prompt_id {prompt.id!r} has another text than in a row above; ids must be unique"
            )
        reading = Reading(prompt, _text(row, "model") or default_model, _seed_of(row, where))
        readings.append((video, reading))
    return readings


def _read_rows(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """Read the rows, each with its file and line."""
    if path.suffix.lower() not in (".csv", ".jsonl", ".ndjson"):
        raise InputError(f"{path} is neither a folder nor a video list; expected .csv or .jsonl")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read video list {path}: {getattr(error, 'strerror', None) or error}") from error
    is_table = path.suffix.lower() == ".csv"
    rows: list[tuple[str, Mapping[str, Any]]] = _read_table(text, path) if is_table else [*iter_objects(text, path)]
    if not rows:
        raise InputError(f"video list {path} has no rows")
    return rows


def _read_table(text: str, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    table = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = [column.strip() for column in table.fieldnames or []]
        if "video" not in columns or not {"prompt_id", "prompt"} & set(columns):
            raise InputError(
                f"{path}: expected the columns video and prompt_id (or prompt), got {', '.join(columns) or 'none'}"
            )
        table.fieldnames = columns
        return [(f"{path}, line {table.line_num}", row) for row in table]
    except csv.Error as error:
        raise InputError(f"{path}, line {table.line_num + 1}: not a table in CSV ({error})") from None


def _prompt_of(
    row: Mapping[str, Any], by_id: Mapping[str, Prompt], by_text: Mapping[str, Prompt], where: str
) -> Prompt:
    name, text = _text(row, "prompt_id"), _text(row, "prompt")
    if name in by_id:
        if text in by_text and text != by_id[name].text:
            raise InputError(f"{where}: the text is that of prompt {by_text[text].id!r}, not of prompt_id {name!r}")
        return by_id[name]
    if text in by_text:
        return by_text[text]
    if by_id and name:
        raise InputError(f"{where}: no prompt {name!r} in the suite{near_matches(name, by_id)}")
    if by_id and text:
        raise InputError(f"{where}: no prompt of the suite has the text {text[:120]!r}; leave out --suite to read it")
    if not text:
        hint = (
            f"prompt_id {name!r} needs a --suite that has it" if name else "expected a prompt_id or a prompt, got none"
        )
        raise InputError(f"{where}: {hint}")
    try:
        return parse_prompt(text, id=name or None)
    except PromptError as error:
        raise PromptError(f"{where}: {error}") from None


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value).strip()


def _seed_of(row: Mapping[str, Any], where: str) -> int | None:
    text = _text(row, "seed")
    if not text:
        return None
    try:
        seed = int(text)
    except ValueError:
        raise InputError(f"{where}: seed must be a whole number, got {text!r}") from None
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"{where}: seed must lie in 0..{MAX_SEED}, got {text}")
    return seed
