"""LoRA adapters in diffusers' format: find the file of an adapter and load it into a model."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

from dsrbench.backends.pretrained.pipelines import find_cached
from dsrbench.backends.pretrained.snapshots import is_hub_id
from dsrbench.errors import MissingExtraError, OptionError, WeightsError, first_line

WEIGHT_NAME = "pytorch_lora_weights.safetensors"
"""File name of an adapter's weights, as diffusers saves them."""


def find_adapter(path: Path) -> Path:
    """Find the weights of an adapter: a `.safetensors` file, the folder that holds one, or an id in the Hub's cache.

    Raises:
        WeightsError: There is no such file, or there are several and none has diffusers' name.
        MissingExtraError: peft is not installed.
    """
    if not path.exists() and is_hub_id(path.as_posix()):
        cached = find_cached(path.as_posix(), None)
        if cached is None:
            raise WeightsError(
                f"adapter {path}: no such file or folder, and not in the Hub's cache; fetch it with: hf download {path}"
            )
        path = cached
    if path.is_dir():
        files = sorted(path.glob("*.safetensors"))
        named = [file for file in files if file.name == WEIGHT_NAME] or files
        if len(named) != 1:
            raise WeightsError(f"adapter {path}: expected a folder with {WEIGHT_NAME}, got {len(files)} .safetensors")
        path = named[0]
    if path.suffix != ".safetensors" or not path.is_file():
        raise WeightsError(f"adapter {path}: expected a .safetensors file, or a folder with {WEIGHT_NAME}")
    if importlib.util.find_spec("peft") is None:
        raise MissingExtraError("an adapter", "peft", "align")
    return path


def check_scale(scale: float) -> float:
    """Return the factor of an adapter's change after checking that it is a finite number.

    Raises:
        OptionError: The factor is infinite or NaN.
    """
    if not math.isfinite(scale):
        raise OptionError(f"adapter_scale must be a finite number, got {scale}")
    return scale


def load_adapter(model: Any, file: Path, *, scale: float) -> None:
    """Load an adapter into a diffusers model.

    Args:
        model: A ModelMixin with diffusers' adapter methods.
        file: Weights from `find_adapter`; keys with or without the prefix `transformer.` or `unet.`.
        scale: Factor of the adapter's change.

    Raises:
        WeightsError: The adapter is damaged, or was made for another model.
    """
    import logging

    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            keys = list(opened.keys())
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"adapter {file}: not a safetensors file ({error})") from None
    prefix = next((part for part in ("transformer", "unet") if any(k.startswith(f"{part}.") for k in keys)), None)
    try:
        logging.getLogger("diffusers").setLevel(logging.ERROR)
        model.load_lora_adapter(
            file.parent,
            weight_name=file.name,
            prefix=prefix,
            adapter_name="default",
            local_files_only=True,
            use_safetensors=True,
        )
        _check_loaded(model, keys, prefix)
        model.set_adapters("default", scale)
    except WeightsError as error:
        raise WeightsError(f"adapter {file}: {error}") from None
    except Exception as error:  # the errors of peft and diffusers for an adapter of another model are not documented
        raise WeightsError(f"adapter {file}: does not fit the model ({first_line(error)})") from error


def _check_loaded(model: Any, keys: list[str], prefix: str | None) -> None:
    """Check that diffusers loaded every matrix; it leaves out those it cannot place, with a warning at most."""
    start = f"{prefix}." if prefix else ""
    expected = {key[len(start) :] for key in keys if ".lora_" in key}
    loaded = {name.replace(".default.", ".") for name in model.state_dict() if ".lora_" in name}
    if not expected or expected != loaded:
        raise WeightsError(
            f"does not fit the model: {len(expected & loaded)} of its {len(expected)} matrices have a place"
        )
