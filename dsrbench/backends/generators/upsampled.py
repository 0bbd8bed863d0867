"""Files of upsampled prompts: what a model is told in place of a prompt's own text, and who wrote it.

JSON Lines, `{"text": RAW, "upsampled": EXTENDED, "upsampler": NAME}`, and a `note` where there is something to say of a
line. A file has the texts of one upsampler. `dsrbench upsample` writes such files; one written by hand does as well.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dsrbench.errors import InputError, near_matches
from dsrbench.lines import iter_objects
from dsrbench.types import Prompt

_NEEDED = ("text", "upsampled", "upsampler")
_KEYS = (*_NEEDED, "note")


@dataclasses.dataclass(frozen=True)
class Line:
    """One prompt, extended.

    Attributes:
        text: The prompt's own text.
        upsampled: The text the model is given.
        upsampler: Who wrote it.
        note: Why it is the prompt's own text after all; empty otherwise.
    """

    text: str
    upsampled: str
    upsampler: str
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Texts:
    """What a generator tells its model: every prompt's own text, or that of a file.

    Attributes:
        source: The file; None for the prompts' own texts.
        lines: Its lines, by the prompt's own text.
        record: What a generator's fingerprint says of it: `raw`, or the upsampler's name and the file's sha256.
    """

    source: Path | None = None
    lines: Mapping[str, Line] = dataclasses.field(default_factory=dict)
    record: Any = "raw"

    @classmethod
    def read(cls, path: Path | None) -> Texts:
        """The texts of a file; of None, the prompts' own.

        Raises:
            InputError: It cannot be read, has no lines, or one that is not as said above.
        """
        if path is None:
            return cls()
        data = _read_bytes(path)
        lines = parse_lines(data, path)
        if not lines:
            raise InputError(f"{path} is empty; fill it with: {command(path)}")
        upsampler = next(iter(lines.values())).upsampler
        return cls(path, lines, {"upsampler": upsampler, "sha256": hashlib.sha256(data).hexdigest()})

    def of(self, prompt: Prompt) -> str:
        """The text the model is given for a prompt.

        Raises:
            InputError: The file lacks the prompt.
        """
        if self.source is None:
            return prompt.text
        if prompt.text not in self.lines:
            raise InputError(f"{self.source} lacks the prompt {prompt.text!r}; add it with: {command(self.source)}")
        return self.lines[prompt.text].upsampled


def read_lines(path: Path) -> dict[str, Line]:
    """The lines of a file by the prompts' own texts, in its order; none where there is no file.

    Raises:
        InputError: It cannot be read, or a line is not as said above.
    """
    return parse_lines(_read_bytes(path), path) if path.exists() else {}


def parse_lines(data: bytes, path: Path) -> dict[str, Line]:
    """The lines of a file's bytes, by the prompts' own texts; empty ones are skipped.

    Raises:
        InputError: One is no such line, repeats a prompt, or is of another upsampler; the message names it.
    """
    found: dict[str, Line] = {}
    places: dict[str, str] = {}
    for where, item in iter_objects(data, path):
        line = _read_item(item, where)
        if line.text in found:
            raise InputError(f"{where}: the prompt of {places[line.text].rpartition(', ')[2]} again; one line a prompt")
        first = next(iter(found.values()), line)
        if line.upsampler != first.upsampler:
            raise InputError(
                f"{where}: of {line.upsampler!r}, and before it of {first.upsampler!r}; one upsampler a file"
            )
        found[line.text], places[line.text] = line, where
    return found


def format_lines(lines: Iterable[Line]) -> bytes:
    """The bytes of a file from which `parse_lines` reads equal lines."""
    fields = ({key: value for key, value in dataclasses.asdict(line).items() if value} for line in lines)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in fields).encode()


def command(path: Path) -> str:
    """What makes a file.

    >>> command(Path("texts.jsonl"))
    'dsrbench upsample SUITE --out texts.jsonl'
    """
    return f"dsrbench upsample SUITE --out {path}"


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); make it with: {command(path)}") from None


def _read_item(item: Mapping[str, Any], where: str) -> Line:
    for key in item:
        if key not in _KEYS:
            raise InputError(f"{where}: unknown key {key!r}{near_matches(key, _KEYS)}")
    for key in (*_NEEDED, *item):
        if not isinstance(item.get(key), str) or not item[key].strip():
            raise InputError(f"{where}: {key!r} must be a text that is not empty, got {item.get(key)!r}")
        if any("\ud800" <= character <= "\udfff" for character in item[key]):
            raise InputError(f"{where}: {key!r} has half a surrogate pair in {item[key]!r}")
    return Line(**item)
