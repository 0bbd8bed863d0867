"""Load and save the pipeline: a whole one, or one whose transformer is a low-rank change of a base model's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diffusers import FlowMatchEulerDiscreteScheduler
from safetensors.torch import load_file, save_file
from torch import nn

from dsrbench.errors import WeightsError
from dsrbench.sprites.embedded import BASE, ENTRY, find_base
from dsrbench.sprites.model.low_rank import merge_changes, read_changes
from dsrbench.sprites.model.pipeline import SpritesPipeline
from dsrbench.sprites.model.text import SpritesTextEncoder

CHANGES = "transformer/low_rank.safetensors"
"""File of the low-rank changes in a folder."""

BASE_FILES = ("autoencoder", "transformer")
"""Components of the base model that a folder with changes needs."""


def load_pipeline(folder: Path) -> SpritesPipeline:
    """Load the pipeline of a checked folder in single precision; low-rank changes are merged into the weights.

    Raises:
        WeightsError: The weights cannot be read, or the base of the changes is not there.
    """
    base = find_base(folder)
    try:
        if base is None:
            whole: SpritesPipeline = SpritesPipeline.from_pretrained(folder, local_files_only=True)
            return whole
        pipeline: SpritesPipeline = SpritesPipeline.from_pretrained(
            base,
            local_files_only=True,
            text_encoder=SpritesTextEncoder.from_pretrained(folder / "text_encoder", local_files_only=True).float(),
            scheduler=FlowMatchEulerDiscreteScheduler(),
        )
        merge_changes(pipeline.transformer, load_file(folder / CHANGES))
    except WeightsError:
        raise
    except Exception as error:  # the errors of diffusers and safetensors for damaged files are not documented
        raise WeightsError(f"{folder}: the sprites model cannot be loaded ({error})") from error
    return pipeline


def save_changes(
    folder: Path, text_encoder: SpritesTextEncoder, transformer: nn.Module, *, base: dict[str, str]
) -> None:
    """Save a text encoder and the low-rank changes of a transformer, in half precision.

    Args:
        folder: Existing folder.
        text_encoder: Text encoder in half precision.
        transformer: Transformer with changes, from `add_changes`.
        base: Sums of the files of the base model, by name.
    """
    text_encoder.save_pretrained(folder / "text_encoder")
    tensors = {name: value.half().contiguous() for name, value in read_changes(transformer).items()}
    (folder / CHANGES).parent.mkdir()
    save_file(tensors, folder / CHANGES)
    weights = {
        name: sha256
        for name, sha256 in sorted(base.items())
        if name.endswith(".safetensors") and name.partition("/")[0] in BASE_FILES
    }
    index: dict[str, Any] = {"_class_name": "SpritesPipeline", BASE: weights}
    (folder / ENTRY["depth-model"]).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
