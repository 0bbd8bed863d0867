"""Clips and texts of all examples, encoded once into safetensors shards; a shard that is there is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from dsrbench.alignment.examples import Example
from dsrbench.alignment.families import Family
from dsrbench.alignment.families.protocol import Text
from dsrbench.errors import InputError, StoreError
from dsrbench.records import hash_json
from dsrbench.store import LocalDisk, pack_tensors
from dsrbench.video import read_clip, sha256_file

OF_A_SHARD = 64
"""Clips in a file."""


def encode_examples(
    examples: Sequence[Example],
    family: Family,
    folder: Path,
    *,
    model: str,
    find_video: Callable[[str], Path],
    on_shard: Callable[[int, int], None] | None = None,
) -> None:
    """Encode the clips and texts of examples into `folder`.

    Args:
        examples: Pairs, or clips with rewards, to train on.
        family: The model.
        folder: For the shards; those of other clips or another model are replaced.
        model: Names the model with its weights; it is part of what a shard depends on.
        find_video: From the `video` of a clip to the file.
        on_shard: Told how many shards are there, and how many there will be.

    Raises:
        InputError: A video is not the file that was scored.
        VideoError: A video cannot be read.
        StoreError: The folder cannot be written.
    """
    videos = sorted({(clip.sha256, clip.video) for example in examples for clip in example.clips})
    texts = sorted({example.text for example in examples})
    shards = [videos[i : i + OF_A_SHARD] for i in range(0, len(videos), OF_A_SHARD)]
    disk = LocalDisk(folder)
    for number, shard in enumerate(shards):
        key = _key("latents", model, [sha256 for sha256, _ in shard])
        name = f"latents-{number:05d}.safetensors"
        if _key_of(folder / name) != key:
            tensors = {sha256: _encode(family, find_video(video), sha256) for sha256, video in shard}
            disk.write_atomic(name, pack_tensors(tensors, {"key": key}))
        if on_shard is not None:
            on_shard(number + 1, len(shards))
    key = _key("texts", model, texts)
    if _key_of(folder / "texts.safetensors") != key:
        features = family.encode_text(texts)
        tensors = {f"{n}/{part}": value for n, text in enumerate(features) for part, value in text.items()}
        disk.write_atomic("texts.safetensors", pack_tensors(tensors, {"key": key, "texts": json.dumps(texts)}))
    for path in folder.glob("latents-*.safetensors"):
        if int(path.stem.partition("-")[2]) >= len(shards):
            path.unlink()


def read_encoded(folder: Path) -> tuple[dict[str, Tensor], dict[str, Text]]:
    """Latents by the sha256 of their videos, and features by text.

    Raises:
        InputError: Nothing was encoded yet.
        StoreError: A shard is damaged; the message says how to make it again.
    """
    if not (folder / "texts.safetensors").is_file():
        raise InputError(f"{folder}: no encoded pairs; encode them first (dsrbench align --only latents)")
    latents: dict[str, Tensor] = {}
    for path in sorted(folder.glob("latents-*.safetensors")):
        latents |= _read(path)[0]
    features, metadata = _read(folder / "texts.safetensors")
    texts: list[str] = json.loads(metadata["texts"])
    parts = sorted({name.partition("/")[2] for name in features})
    return latents, {text: {part: features[f"{n}/{part}"] for part in parts} for n, text in enumerate(texts)}


def _encode(family: Family, path: Path, sha256: str) -> Tensor:
    if sha256_file(path) != sha256:
        raise InputError(f"{path}: not the video the pairs were made of; its sha256 is another. Score the run again")
    return family.encode_video(read_clip(path).frames).float().cpu().contiguous()


def _read(path: Path) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            return tensors, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{path}: damaged ({error}); delete it, and run the same command again") from None


def _key_of(path: Path) -> str:
    """Read the key of a shard; empty where there is no shard, or where it cannot be read."""
    if not path.exists():
        return ""
    try:
        return _read(path)[1].get("key", "")
    except StoreError:
        return ""


def _key(*parts: object) -> str:
    return hash_json(parts)
