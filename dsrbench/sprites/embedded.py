"""The folders of weights that come with the package, or are trained anew: where they are, and whether they are whole.

Every folder has a `SHA256SUMS`, which `sha256sum -c SHA256SUMS` reads as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from dsrbench.errors import VideoError, WeightsError
from dsrbench.video import sha256_file

Kind = Literal["model", "detector"]

WEIGHTS = Path(__file__).parent / "weights"
MODEL = WEIGHTS / "model"
DETECTOR = WEIGHTS / "detector"

EMBEDDED: dict[str, Path] = {"model": MODEL, "detector": DETECTOR}
"""Where the embedded model and detector are."""

SUMS = "SHA256SUMS"

ENTRY = {"model": "model_index.json", "detector": "config.json"}
"""The file by which a folder is known to be one of its kind."""

ANEW = "train anew with: dsrbench sprites train FOLDER"


def write_sums(folder: Path) -> None:
    """Write the sha256 of every file below a folder into its `SHA256SUMS`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS)
    lines = [f"{sha256_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def find_weights_folder(kind: Kind, folder: Path | None) -> Path:
    """Find a folder of weights, and check every file of it against its `SHA256SUMS`.

    Args:
        kind: What it must hold.
        folder: Where it is; by default the embedded one.

    Raises:
        WeightsError: The folder, one of its files or its `SHA256SUMS` is absent, or a file is not what was written.
    """
    found = EMBEDDED[kind] if folder is None else Path(folder)
    remedy = f"reinstall dsrbench, or {ANEW}" if folder is None else ANEW
    if not (found / ENTRY[kind]).is_file():
        raise WeightsError(f"{found}: no sprites {kind} here, expected a folder with {ENTRY[kind]}; {remedy}")
    sums = read_sums(found, remedy)
    if ENTRY[kind] not in sums:
        raise WeightsError(f"{found / SUMS}: says nothing of {ENTRY[kind]}; {remedy}")
    for name, expected in sums.items():
        try:
            got = sha256_file(found / name)
        except VideoError as error:
            raise WeightsError(f"{error}; {remedy}") from None
        if got != expected:
            raise WeightsError(
                f"{found / name}: altered, expected sha256 {expected[:12]}..., got {got[:12]}...; {remedy}"
            )
    return found


def read_sums(folder: Path, remedy: str = ANEW) -> dict[str, str]:
    """The names in a folder's `SHA256SUMS`, and the digest each file should have.

    Raises:
        WeightsError: It is absent or cannot be read; the message ends with `remedy`.
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no lines of digest and file"
        raise WeightsError(f"{folder / SUMS}: cannot be read ({reason}); {remedy}") from None
