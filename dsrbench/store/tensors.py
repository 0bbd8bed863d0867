"""Tensors as safetensors bytes: equal tensors and notes give equal bytes.

The safetensors library writes the notes of a file in an order that changes from call to call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

ALIGNMENT = 8
"""The header's length is a multiple of this many bytes, so that the tensors after it are aligned."""


def pack_tensors(tensors: Mapping[str, Any], notes: Mapping[str, str]) -> bytes:
    """Pack tensors with notes as the bytes of a safetensors file.

    Args:
        tensors: Torch tensors on the CPU, by name; made contiguous where they are not.
        notes: Texts by name, kept as the metadata of the file.
    """
    from safetensors.torch import save

    return sort_notes(save({name: value.contiguous() for name, value in tensors.items()}, metadata=dict(notes) or None))


def sort_notes(data: bytes) -> bytes:
    """Sort the metadata of a safetensors file by name; the tensors stay as they are.

    Args:
        data: The whole file.

    >>> def file(header: str) -> bytes:
    ...     return len(header).to_bytes(8, "little") + header.encode()
    >>> sort_notes(file('{"__metadata__":{"b":"2","a":"1"}}      ')) == file('{"__metadata__":{"a":"1","b":"2"}}      ')
    True
    """
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]
