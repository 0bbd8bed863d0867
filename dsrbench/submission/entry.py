"""`entry.json`: the model, the suite, the backends, and the claimed figures of an entry."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dsrbench.errors import InputError, OptionError
from dsrbench.records import from_json, to_json
from dsrbench.store import BackendRecord, SuiteRecord
from dsrbench.store.manifest import SCALED, describe_counts, with_counts
from dsrbench.types import FrameCounts

SCHEMA = 1

FILE = "entry.json"

MAX_BYTES = 256 * 1024
"""Maximum size of the file, in bytes."""

MAX_TEXT = 500
"""Maximum length of a text, in characters."""

MAX_SEEDS = 100
"""Maximum number of seeds."""

MAX_PROBLEMS = 50
"""Maximum number of problems reported for one entry."""

MAX_SHOWN = 6
"""Maximum number of problems in one line."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
"""Pattern of an entry's name, which is a valid folder name on every disk."""

MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")

LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .+_-]{0,63}")

HEX = re.compile(r"[0-9a-f]{64}")

BACKEND = ("name", "version", "options", "fingerprint")
"""Fields of a backend's record."""


class SubmissionError(InputError):
    """An entry that is not accepted.

    Attributes:
        problems: All reasons, a line each.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        more = [f"and {len(problems) - MAX_SHOWN} more"] if len(problems) > MAX_SHOWN else []
        super().__init__(f"the entry is not accepted: {'; '.join([*problems[:MAX_SHOWN], *more])}")


@dataclasses.dataclass(frozen=True)
class ModelFacts:
    """The model of an entry.

    Attributes:
        id: Hub id or name.
        revision: Commit or version; empty where unknown.
        parameters: Number of weights; None where unknown.
        license: License of the weights; empty where unknown.
        open: Whether the weights are available.
        url: https address of a page about the model; empty for none.
    """

    id: str = ""
    revision: str = ""
    parameters: int | None = None
    license: str = ""
    open: bool = True
    url: str = ""


@dataclasses.dataclass(frozen=True)
class Entry:
    """The contents of `entry.json`; an entry of published figures has a name, model, suite and notes alone.

    Attributes:
        name: Name of the entry and of its folder.
        model: Model that made the videos.
        suite: Suite of the prompts, without their number.
        seeds: Seeds of every prompt.
        detector: Record of the detector.
        tracker: Record of the tracker.
        generator: Record of the generator; None for videos made elsewhere.
        depth: Record of the depth estimator; None where no prompt needs one.
        protocol: Name of the protocol, the preset of backends and counts.
        stride: Distance of the frames that the detector saw, in frames.
        counts: Frame counts of the score; None scales the published ones to each video's length.
        base: Name of the entry this one was aligned from; empty for none.
        notes: Notes for readers.
        dsrbench: Version of dsrbench that made the entry.
        claim: Claimed figures, as in the JSON of a `Summary`; not trusted.
    """

    name: str = ""
    model: ModelFacts = ModelFacts()
    suite: SuiteRecord = SuiteRecord()
    seeds: tuple[int, ...] = ()
    detector: BackendRecord = BackendRecord()
    tracker: BackendRecord = BackendRecord()
    generator: BackendRecord | None = None
    depth: BackendRecord | None = None
    claim: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    protocol: str = "default"
    stride: int = 1
    counts: FrameCounts | None = None
    base: str = ""
    notes: str = ""
    dsrbench: str = ""

    def record(self) -> dict[str, Any]:
        """Return the JSON object of `entry.json`."""
        values = {"schema": SCHEMA, **to_json(self), "counts": describe_counts(self.counts)}
        del values["suite"]["n_prompts"]
        if self.depth is None:
            del values["depth"]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Entry:
        """Read the JSON object of `entry.json`, which has been checked.

        Raises:
            InputError: A value has another type.
        """
        return from_json(cls, with_counts(values))


def read_entry(folder: Path) -> Entry:
    """Read and check `entry.json`.

    Raises:
        SubmissionError: The file is missing, too large, or no JSON, or fields are malformed; the error names them all.
    """
    return parse_entry(read_capped(folder / FILE, MAX_BYTES))


def read_capped(path: Path, max_bytes: int) -> bytes:
    """Read a file up to a maximum size.

    Raises:
        SubmissionError: The file is larger, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise SubmissionError(f"{path.name} cannot be read ({error.strerror})") from None
    if len(data) > max_bytes:
        raise SubmissionError(f"{path.name} is larger than the {max_bytes:,} bytes it may have")
    return data


def parse_entry(data: bytes) -> Entry:
    """Parse and check the bytes of an `entry.json`; raise the errors of `read_entry`."""
    try:
        row = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise SubmissionError(f"{FILE} is nested too deeply") from None
    except ValueError as error:
        raise SubmissionError(f"{FILE} is no JSON in UTF-8 ({error})") from None
    if not isinstance(row, dict):
        raise SubmissionError(f"{FILE} must hold an object, got {type(row).__name__}")
    if type(row.get("schema")) is not int or row["schema"] != SCHEMA:
        raise SubmissionError(f"{FILE} has schema {str(row.get('schema'))[:20]!r}; this dsrbench reads {SCHEMA}")
    problems = _find_problems(row)
    if problems:
        raise SubmissionError(*problems)
    return Entry.from_json(row)


def check_text(text: object, *, max_length: int = MAX_TEXT) -> str:
    r"""Return the problem of a text; empty for a valid one.

    Control characters, marks that change the direction of writing, and invisible characters are refused.

    >>> check_text("Wan 2.1"), check_text("a\u202eb")
    ('', 'has the character U+202E, which is not shown')
    """
    if not isinstance(text, str):
        return f"must be text, got {type(text).__name__}"
    if len(text) > max_length:
        return f"has {len(text)} characters, at most {max_length} are allowed"
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            return f"has the character U+{ord(character):04X}, which is not shown"
    return ""


def _matches(pattern: re.Pattern[str]) -> Callable[[object], str]:
    def check(value: object) -> str:
        good = isinstance(value, str) and pattern.fullmatch(value)
        return "" if good else f"must be letters, digits and . _ - as in {pattern.pattern!r}, got {str(value)[:60]!r}"

    return check


def _optional(check: Callable[[object], str]) -> Callable[[object], str]:
    return lambda value: "" if value == "" else check(value)


def _check_url(value: object) -> str:
    if problem := check_text(value):
        return problem
    text = str(value)
    try:
        parts = urlsplit(text)
        good = parts.scheme == "https" and bool(parts.hostname) and not parts.username and parts.netloc.isascii()
    except ValueError:
        good = False
    good = good and not re.search(r"[\s<>\"'\\`]", text)
    return "" if good else f"must be an https address, got {text[:60]!r}"


def _whole(low: int, high: int) -> Callable[[object], str]:
    def check(value: object) -> str:
        good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return "" if good else f"must be a whole number in {low}..{high}, got {str(value)[:40]!r}"

    return check


def _check_seeds(value: object) -> str:
    good = isinstance(value, list) and 0 < len(value) <= MAX_SEEDS and not any(map(_whole(0, 2**31 - 1), value))
    return "" if good and len(set(value)) == len(value) else f"must be 1 to {MAX_SEEDS} different whole numbers"  # type: ignore[arg-type, call-overload]


def _check_counts(value: object) -> str:
    if value == SCALED:
        return ""
    names = [field.name for field in dataclasses.fields(FrameCounts)]
    if not isinstance(value, dict) or set(value) != set(names):
        return f'must be "scaled" or an object with {", ".join(names)}'
    if problem := next(filter(None, map(_whole(0, 10_000), value.values())), ""):
        return problem
    try:
        FrameCounts(**value)
    except InputError as error:
        return f"must be frame counts ({error})"
    return ""


def _check_backend(value: object) -> str:
    if not isinstance(value, dict) or set(value) != set(BACKEND):
        return f"must be an object with {', '.join(BACKEND)}"
    if not (isinstance(value["options"], dict) and isinstance(value["fingerprint"], dict)):
        return "must have objects as options and fingerprint"
    return _matches(NAME)(value["name"]) or check_text(value["version"]) or _check_json(value)


def _check_json(value: object, depth: int = 6) -> str:
    """Return the problem of a JSON value that is not shallow, or has long texts, many members or numbers not finite."""
    if isinstance(value, dict | list):
        if depth == 0:
            return "is nested too deeply"
        if len(value) > 500:
            return f"has {len(value)} members, at most 500 are allowed"
        items = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        return next((problem for item in items if (problem := _check_json(item, depth - 1))), "")
    if isinstance(value, str):
        return check_text(value)
    finite = value is None or isinstance(value, bool) or (isinstance(value, int | float) and math.isfinite(value))
    return "" if finite else "has a number that is not finite"


_FIELDS: dict[str, Callable[[object], str]] = {
    "name": _matches(NAME),
    "seeds": _check_seeds,
    "detector": _check_backend,
    "tracker": _check_backend,
    "generator": lambda value: "" if value is None else _check_backend(value),
    "depth": _check_backend,
    "protocol": _matches(NAME),
    "stride": _whole(1, 10_000),
    "counts": _check_counts,
    "base": _optional(_matches(NAME)),
    "notes": check_text,
    "dsrbench": check_text,
    "claim": lambda value: _check_json(value) if isinstance(value, dict) else "must be an object",
}
_OPTIONAL = ("depth",)
"""Fields that an entry need not have."""
_MODEL: dict[str, Callable[[object], str]] = {
    "id": _matches(MODEL_ID),
    "revision": _optional(_matches(NAME)),
    "parameters": lambda value: "" if value is None else _whole(1, 10**14)(value),
    "license": _optional(_matches(LICENSE)),
    "open": lambda value: "" if isinstance(value, bool) else "must be true or false",
    "url": _optional(_check_url),
}
_SUITE: dict[str, Callable[[object], str]] = {
    "name": _matches(NAME),
    "version": _optional(_matches(NAME)),
    "sha256": _matches(HEX),
}


def _find_problems(row: Mapping[str, Any]) -> list[str]:
    problems = []
    parts: Sequence[tuple[str, Any, Mapping[str, Callable[[object], str]]]] = (
        ("", {name: value for name, value in row.items() if name not in ("schema", "model", "suite")}, _FIELDS),
        ("model.", row.get("model"), _MODEL),
        ("suite.", row.get("suite"), _SUITE),
    )
    for prefix, values, checks in parts:
        if not isinstance(values, dict):
            problems.append(f"{prefix.rstrip('.')} must be an object with {', '.join(checks)}")
            continue
        problems += [f"{prefix}{name} is not there" for name in checks if name not in values and name not in _OPTIONAL]
        problems += [f"{prefix}{str(name)[:60]!r} is no field of an entry" for name in values if name not in checks]
        for name in checks.keys() & values.keys():
            if problem := checks[name](values[name]):
                problems.append(f"{prefix}{name} {problem}")
    return sorted(problems)[:MAX_PROBLEMS]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def check_name(name: str) -> str:
    """Return the name of an entry, checked.

    Raises:
        OptionError: The name is malformed.
    """
    if problem := _matches(NAME)(name):
        raise OptionError(f"the name of an entry {problem}")
    return name
