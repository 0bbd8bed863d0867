"""Files with one JSON object a line, read with errors that name the line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dsrbench.errors import InputError, first_line


def iter_objects(text: str | bytes, source: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Parse a text with one JSON object a line; empty lines are skipped.

    Args:
        text: The text; bytes are UTF-8, with or without a byte order mark.
        source: File that the text is from, for messages.

    Yields:
        The place of each object, such as "pairs.jsonl, line 3", and the object.

    Raises:
        InputError: A line holds something else; the message begins with its place.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            place = f"{source}, line {number}"
            with located(place):
                value = parse_object(line)
            yield place, value


def parse_object(line: str | bytes) -> dict[str, Any]:
    """Parse a line that holds one JSON object.

    Raises:
        InputError: Not JSON, or another value.
    """
    try:
        value = json.loads(line.decode() if isinstance(line, bytes) else line)
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg} at column {error.colno}") from None
    except (
        ValueError,
        RecursionError,
    ) as error:  # no UTF-8, a huge number, too many brackets
        raise InputError(f"not JSON: {first_line(error)}") from None
    if not isinstance(value, dict):
        raise InputError(f"expected a JSON object a line, got {type(value).__name__}")
    return value


@contextmanager
def located(place: str, kind: type[InputError] = InputError) -> Iterator[None]:
    """Put a place in front of the message of an error.

    Args:
        place: File and line.
        kind: Type of the error that is raised in its place.

    Raises:
        InputError: An error of that type within the block.
    """
    try:
        yield
    except InputError as error:
        raise kind(f"{place}: {error}") from None
