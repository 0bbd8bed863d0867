"""Folders of sprites weights, embedded in the package or trained by the user: find and check them.

Every folder has a `SHA256SUMS`, which `sha256sum -c SHA256SUMS` can check as well.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from dsrbench.errors import VideoError, WeightsError
from dsrbench.video import sha256_file

Kind = Literal["model", "detector", "depth", "depth-model"]
"""Kind of a folder of weights."""

WEIGHTS = Path(__file__).parent / "weights"
MODEL = WEIGHTS / "model"
DETECTOR = WEIGHTS / "detector"
DEPTH = WEIGHTS / "depth"
DEPTH_MODEL = WEIGHTS / "depth-model"

EMBEDDED: dict[str, Path] = {"model": MODEL, "detector": DETECTOR, "depth": DEPTH, "depth-model": DEPTH_MODEL}
"""Folders of the embedded model, detector, depth network, and changes of the model for depth, by kind."""

SUMS = "SHA256SUMS"
"""Name of the file of hashes."""

ENTRY = {
    "model": "model_index.json",
    "detector": "config.json",
    "depth": "config.json",
    "depth-model": "model_index.json",
}
"""File that a folder of weights must have, by kind."""

BASE = "base"
"""Key of the base model's files and their sha256 in the `model_index.json` of changes of a model."""

ANEW = "train anew with: dsrbench sprites train FOLDER"
"""Advice that ends the messages about altered weights."""


def write_sums(folder: Path) -> None:
    """Write the sha256 of every file in a folder and its subfolders into the folder's `SHA256SUMS`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS)
    lines = [f"{sha256_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def find_weights_folder(kind: Kind, folder: Path | None) -> Path:
    """Find a folder of weights, and check each of its files against its `SHA256SUMS`.

    Args:
        kind: Kind of the weights.
        folder: Path of the folder; by default the embedded one.

    Raises:
        WeightsError: The folder, one of its files or its `SHA256SUMS` is absent, or a file was altered.
    """
    path = EMBEDDED[kind] if folder is None else Path(folder)
    remedy = f"reinstall dsrbench, or {ANEW}" if folder is None else ANEW
    if not (path / ENTRY[kind]).is_file():
        raise WeightsError(f"{path}: no sprites {kind} here, expected a folder with {ENTRY[kind]}; {remedy}")
    sums = read_sums(path, remedy)
    if ENTRY[kind] not in sums:
        raise WeightsError(f"{path / SUMS}: says nothing of {ENTRY[kind]}; {remedy}")
    for name, expected in sums.items():
        try:
            got = sha256_file(path / name)
        except VideoError as error:
            raise WeightsError(f"{error}; {remedy}") from None
        if got != expected:
            raise WeightsError(
                f"{path / name}: altered, expected sha256 {expected[:12]}..., got {got[:12]}...; {remedy}"
            )
    return path


def read_sums(folder: Path, remedy: str = ANEW) -> dict[str, str]:
    """Read the expected sha256 of each file from a folder's `SHA256SUMS`.

    Raises:
        WeightsError: The file is absent or cannot be read; the message ends with `remedy`.
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no lines of digest and file"
        raise WeightsError(f"{folder / SUMS}: cannot be read ({reason}); {remedy}") from None


def find_base(folder: Path) -> Path | None:
    """Find the model that the weights of a folder are changes of: the folder `model` beside it, or the embedded model.

    Args:
        folder: Folder of a model, or of changes of a model.

    Returns:
        Checked folder of the base model; None for a folder that holds a whole model.

    Raises:
        WeightsError: The base model is not there, or one of its files was altered.
    """
    try:
        expected = json.loads((folder / ENTRY["model"]).read_text(encoding="utf-8")).get(BASE)
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"{folder / ENTRY['model']}: cannot be read ({error}); {ANEW}") from None
    if expected is None:
        return None
    for base in (folder.parent / "model", MODEL):
        if (base / SUMS).is_file() and expected.items() <= read_sums(base).items():
            return find_weights_folder("model", base)
    raise WeightsError(
        f"{folder}: the model that these are changes of is neither in {folder.parent}/model nor embedded"
    )
