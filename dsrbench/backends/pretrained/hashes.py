"""Hashes of large files, stored between runs: hashing tens of gigabytes at every start would take minutes."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path

from dsrbench.hub import cache_folder
from dsrbench.video import sha256_file

MIN_STORED_BYTES = 32 << 20
"""Size from which the hash of a file is stored, bytes; smaller files are hashed every time."""


def remember_sha256(path: Path) -> str:
    """Return the sha256 of a file; a large file whose path, size and time are unchanged is not hashed again.

    Raises:
        VideoError: The file cannot be read.
    """
    stat = path.stat()
    if stat.st_size < MIN_STORED_BYTES:
        return sha256_file(path)
    key = f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
    notes = cache_folder() / "sha256.json"
    hashes = _read(notes)
    if key not in hashes:
        sha256 = sha256_file(path)
        hashes = {**_read(notes), key: sha256}
        part = notes.with_name(f".{secrets.token_hex(8)}.tmp")
        with contextlib.suppress(OSError):  # a hash that cannot be stored is computed again next time
            notes.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(hashes, indent=1), encoding="utf-8")
            os.replace(part, notes)
    return hashes[key]


def _read(notes: Path) -> dict[str, str]:
    try:
        hashes = json.loads(notes.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in hashes.items()} if isinstance(hashes, dict) else {}
