"""The sha256 of big files, kept between runs: to hash tens of gigabytes at every start would take minutes."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path

from dsrbench.hub import cache_folder
from dsrbench.video import sha256_file

SMALL = 32 << 20
"""Bytes; files below are hashed every time."""


def remember_sha256(path: Path) -> str:
    """The sha256 of a file; of a big one that is as it was (place, size, time of change), the one found before.

    Raises:
        VideoError: It cannot be read.
    """
    stat = path.stat()
    if stat.st_size < SMALL:
        return sha256_file(path)
    key = f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
    notes = cache_folder() / "sha256.json"
    known = _read(notes)
    if key not in known:
        found = sha256_file(path)
        known = {**_read(notes), key: found}
        part = notes.with_name(f".{secrets.token_hex(8)}.tmp")
        with contextlib.suppress(OSError):  # without notes the work is done again, no more
            notes.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(known, indent=1), encoding="utf-8")
            os.replace(part, notes)
    return known[key]


def _read(notes: Path) -> dict[str, str]:
    try:
        known = json.loads(notes.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in known.items()} if isinstance(known, dict) else {}
