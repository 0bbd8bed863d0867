"""Files of upsampled prompts: the texts a model receives instead of the prompts' own, and their author.

JSON Lines, `{"text": RAW, "upsampled": EXTENDED, "upsampler": NAME}`, and optionally a `note` about the line. A file
has the texts of one upsampler. `dsrbench upsample` writes such files; they may also be written by hand.
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
    """One prompt with its extended text.

    Attributes:
        text: The prompt's own text.
        upsampled: The text that the model receives.
        upsampler: Name of the upsampler that wrote it.
        note: Reason why `upsampled` is the prompt's own text; empty otherwise.
    """

    text: str
    upsampled: str
    upsampler: str
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Texts:
    """Texts that a generator gives its model: the prompts' own, or those of a file.

    Attributes:
        source: Path of the file; None for the prompts' own texts.
        lines: Lines of the file, by the prompt's own text.
        record: Entry of a generator's fingerprint: `raw`, or the upsampler's name and the file's sha256.
    """

    source: Path | None = None
    lines: Mapping[str, Line] = dataclasses.field(default_factory=dict)
    record: Any = "raw"

    @classmethod
    def read(cls, path: Path | None) -> Texts:
        """Read the texts of a file; for None, use the prompts' own.

        Raises:
            InputError: The file cannot be read, has no lines, or has a line of another form.
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
        """Return the text that the model receives for a prompt.

        Raises:
            InputError: The file lacks the prompt.
        """
        if self.source is None:
            return prompt.text
        if prompt.text not in self.lines:
            raise InputError(f"{self.source} lacks the prompt {prompt.text!r}; add it with: {command(self.source)}")
        return self.lines[prompt.text].upsampled


def read_lines(path: Path) -> dict[str, Line]:
    """Read the lines of a file, by the prompts' own texts, in the file's order; return none if there is no file.

    Raises:
        InputError: The file cannot be read, or has a line of another form.
    """
    return parse_lines(_read_bytes(path), path) if path.exists() else {}


def parse_lines(data: bytes, path: Path) -> dict[str, Line]:
    """Parse the bytes of a file into lines by the prompts' own texts; empty lines are skipped.

    Raises:
        InputError: A line has another form, repeats a prompt, or is by another upsampler; the message names it.
    """
    lines: dict[str, Line] = {}
    places: dict[str, str] = {}
    for where, item in iter_objects(data, path):
        line = _read_item(item, where)
        if line.text in lines:
            raise InputError(f"{where}: the prompt of {places[line.text].rpartition(', ')[2]} again; one line a prompt")
        first = next(iter(lines.values()), line)
        if line.upsampler != first.upsampler:
            raise InputError(
                f"{where}: of {line.upsampler!r}, and before it of {first.upsampler!r}; one upsampler a file"
            )
        lines[line.text], places[line.text] = line, where
    return lines


def format_lines(lines: Iterable[Line]) -> bytes:
    """Format lines as the bytes of a file, from which `parse_lines` reads equal lines."""
    fields = ({key: value for key, value in dataclasses.asdict(line).items() if value} for line in lines)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in fields).encode()


def command(path: Path) -> str:
    """Return the command that makes a file.

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
