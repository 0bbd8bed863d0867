"""Write JSON Schemas of the files that dsrbench writes, from the records that its code reads and writes them with.

Run: python docs/make_schemas.py [--check]
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsrbench.analysis.summary import Summary
from dsrbench.store.manifest import SCALED, RunManifest
from dsrbench.submission.entry import Entry
from dsrbench.types import FrameCounts

OUT = Path(__file__).resolve().parent / "schemas"
RECORDS = {"run": RunManifest, "summary": Summary, "entry": Entry}
SIMPLE = {str: "string", bool: "boolean", int: "integer", type(None): "null"}


def schema_of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a type; records are added to `definitions`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in SIMPLE:
        return {"type": SIMPLE[kind]}
    if kind is float:  # a number that is not finite is null in JSON
        return {"type": ["number", "null"]}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [schema_of(one, definitions) for one in arguments]}
    if origin is tuple:
        return {"type": "array", "items": schema_of(arguments[0], definitions)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": schema_of(arguments[1], definitions)}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [member.value for member in kind]}
    if dataclasses.is_dataclass(kind):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = {}  # a record may have itself in it
            definitions[kind.__name__] = record_schema(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    return {}


def record_schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a record, with the descriptions of its docstring."""
    hints = typing.get_type_hints(kind)
    described = {}
    for base in reversed(kind.__mro__):
        attributes = inspect.cleandoc(base.__doc__ or "").partition("Attributes:")[2]
        entries = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)$", attributes, re.M)
        described |= {name: " ".join(text.split()) for name, text in entries}
    properties = {}
    for field in dataclasses.fields(kind):
        value = schema_of(hints[field.name], definitions)
        if hints[field.name] == FrameCounts | None:  # see dsrbench.store.manifest.describe_counts
            value["anyOf"][1] = {"const": SCALED}
        name = field.metadata.get("json", field.name)
        properties[name] = {"description": described[field.name], **value} if field.name in described else value
    return {"type": "object", "properties": properties}


def make(name: str) -> str:
    """Return the text of a schema."""
    definitions: dict[str, Any] = {}
    kind = RECORDS[name]
    schema = record_schema(kind, definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind.__name__}
    summary = " ".join((kind.__doc__ or "").partition("\n\n")[0].split())
    whole = {**head, "description": summary, **schema, "$defs": dict(sorted(definitions.items()))}
    return json.dumps(whole, indent=1) + "\n"


def main() -> None:
    """Write the schemas, or name those that are not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="Write nothing; end with 1 where a schema is not current.")
    check = parser.parse_args().check
    OUT.mkdir(exist_ok=True)
    stale = []
    for name in RECORDS:
        path, text = OUT / f"{name}.schema.json", make(name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if check and stale:
        sys.exit(f"{', '.join(stale)}: not current; run python docs/make_schemas.py")


if __name__ == "__main__":
    main()
