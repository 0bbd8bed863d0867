"""The base of families of diffusers pipelines: parts loaded when they are asked for, encoders, noise."""

from __future__ import annotations

import abc
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from dsrbench.alignment.families.protocol import Text
from dsrbench.backends.generators.loading import explaining, quiet
from dsrbench.backends.generators.recipe import match_recipe
from dsrbench.errors import BackendError, InputError, WeightsError, first_line

TIMESTEPS = 1000
"""Number of noise levels that these models were trained on; sigma is a share of it."""


class PipelineFamily(abc.ABC):
    """A text-to-video pipeline of diffusers, trained by flow matching unless a subclass says otherwise.

    The transformer is loaded for training, text encoder and VAE for encoding, so that a stage holds what it needs.

    Attributes:
        recipe: Recipe of the model; it names the layers for the LoRA.
        targets: These layers.
        device: Device of the model, as torch names it.

    Args:
        folder: Saved by the pipeline.
        device: Device to compute on, as torch names it.
        dtype: Precision of the frozen weights.
    """

    defaults: Mapping[str, Any] = {}

    def __init__(self, folder: Path, *, device: str = "cpu", dtype: str = "float32") -> None:
        self._index: dict[str, Any] = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        self.recipe = match_recipe(folder, self._index["_class_name"])
        self.targets = self.recipe.lora_targets
        self._folder, self.device, self._dtype = folder, device, getattr(torch, dtype)

    @functools.cached_property
    def transformer(self) -> Any:
        """The transformer alone."""
        return self._load(self._index["transformer"][1], "transformer", self._dtype).to(self.device)

    @functools.cached_property
    def vae(self) -> Any:
        """The VAE alone, in float32."""
        return self._load(self._index["vae"][1], "vae", torch.float32).to(self.device)

    @functools.cached_property
    def _encoder(self) -> Any:
        """The pipeline with nothing but its text encoder."""
        import diffusers

        others = dict.fromkeys((name for name in ("transformer", "transformer_2", "vae") if name in self._index), None)
        with quiet(), explaining(f"{self.recipe.name}, text encoder"):
            pipeline = getattr(diffusers, self._index["_class_name"]).from_pretrained(
                self._folder,
                dtype=getattr(torch, self.recipe.dtype if self.device != "cpu" else "float32"),
                local_files_only=True,
                use_safetensors=True,
                **others,
            )
            return pipeline.to(self.device)

    @functools.cached_property
    def _scheduler(self) -> dict[str, Any]:
        return self._read("scheduler/scheduler_config.json")

    def _read(self, name: str) -> dict[str, Any]:
        values: dict[str, Any] = json.loads((self._folder / name).read_text(encoding="utf-8"))
        return values

    def _load(self, cls: str, part: str, dtype: Any) -> Any:
        import diffusers

        if not hasattr(diffusers, cls):
            raise BackendError(f"diffusers {diffusers.__version__} has no {cls}; install a newer one")
        with quiet(), explaining(f"{self.recipe.name}, {part}"):
            try:
                return getattr(diffusers, cls).from_pretrained(
                    self._folder / part, dtype=dtype, local_files_only=True, use_safetensors=True
                )
            except (OSError, ValueError, KeyError) as error:
                reason = first_line(error)
                raise WeightsError(f"{self._folder / part}: cannot be loaded ({reason})") from None

    @abc.abstractmethod
    def encode_text(self, texts: Sequence[str]) -> list[Text]:
        """Features of each text."""

    @torch.no_grad()
    def encode_video(self, frames: NDArray[np.uint8]) -> Tensor:
        """Latents of a clip of a size the model makes, RGB uint8 `[T, H, W, 3]`: the mode of the VAE's distribution.

        Raises:
            InputError: A size or a frame count the model does not make.
        """
        count, height, width = frames.shape[:3]
        recipe = self.recipe
        fits = recipe.round_frames(count), recipe.round_size(height), recipe.round_size(width)
        if fits != (count, height, width):
            raise InputError(
                f"{recipe.name} makes {recipe.frame_rule} frames, in multiples of {recipe.size_multiple} pixels, "
                f"got {count} frames of {width}x{height}"
            )
        pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2)[None].to(self.device)
        with explaining(f"{recipe.name}, encoding {count} frames of {width}x{height}"):
            encoded = self.vae.encode(pixels.float() / 127.5 - 1).latent_dist.mode()
        return self.scale(encoded)[0]

    @abc.abstractmethod
    def scale(self, latents: Tensor) -> Tensor:
        """Latents of the VAE `[B, C, T, h, w]` as the transformer takes them."""

    def draw_times(self, count: int, generator: Generator, shape: Sequence[int]) -> Tensor:
        """Noise levels sigma in 0..1 for latents of a shape: uniform ones, shifted as when videos are made."""
        return self.shift(torch.rand(count, generator=generator), shape)

    def shift(self, uniform: Tensor, shape: Sequence[int]) -> Tensor:
        """Noise levels from numbers in 0..1."""
        shift = float(self._scheduler.get("flow_shift") or self._scheduler.get("shift") or 1.0)
        return shift * uniform / (1 + (shift - 1) * uniform)

    def add_noise(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Mix latents and noise: (1 - sigma) x + sigma noise."""
        sigma = times.view(-1, *[1] * (latents.ndim - 1))
        return (1 - sigma) * latents + sigma * noise

    def target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Return the velocity, noise - x."""
        return noise - latents

    @abc.abstractmethod
    def predict(self, model: nn.Module, noisy: Tensor, times: Tensor, texts: Sequence[Text]) -> Tensor:
        """Return the output of `model`, `[B, ...]`."""

    def _pad(self, texts: Sequence[Text], name: str, length: int) -> Tensor:
        """Return one feature of several texts, with zeros up to a length, `[B, length, ...]`."""
        parts = [text[name] for text in texts]
        padded = parts[0].new_zeros(len(parts), length, *parts[0].shape[1:])
        for row, part in zip(padded, parts, strict=True):
            row[: len(part)] = part
        return padded
