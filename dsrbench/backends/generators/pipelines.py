"""Generator `diffusers`: text-to-video pipelines of diffusers that have a recipe."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.metadata
import importlib.util
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import Generator
from dsrbench.backends.generators.adapter import check_scale, find_adapter
from dsrbench.backends.generators.footprint import Footprint, measure_footprint
from dsrbench.backends.generators.loading import Placement, explaining, find_model, load_pipeline, quiet
from dsrbench.backends.generators.settings import Overrides, settle
from dsrbench.backends.generators.timing import time_clip
from dsrbench.backends.generators.upsampled import Texts
from dsrbench.backends.pretrained.acceleration import CompiledBlocks
from dsrbench.backends.pretrained.devices import check_device
from dsrbench.errors import InputError, MissingExtraError, OptionError
from dsrbench.types import Clip, NoClip, Prompt
from dsrbench.video import sha256_file

logger = logging.getLogger("dsrbench")

DEFAULT = "wan2.1-1.3b"
"""Recipe that is used without a model's name."""
RECIPE = "recipe"
"""Value of the option `negative_prompt` that takes the recipe's text."""


class Pipelines(Generator):
    """A text-to-video model of diffusers, from the Hub's cache or a folder.

    Options that are not set have the values of the model's recipe, its authors' own settings. The noise of a clip is
    drawn on the CPU and depends on its seed alone, not on batch or device. The model receives the prompts' own texts,
    or those of a file of upsampled prompts.

    Args:
        model: A recipe's name, a folder saved by a pipeline, or an id on the Hub. The recipe of a folder or an id is
            found from the pipeline's class and configuration.
        revision: A branch, tag or commit on the Hub.
        steps: Number of denoising steps.
        guidance: Scale of classifier-free guidance.
        height: Height of a frame in pixels, rounded to a size the model can make.
        width: Width of a frame in pixels, rounded likewise.
        frames: Number of frames of a clip, rounded likewise.
        fps: Frames per second.
        negative_prompt: Text that describes what the model should avoid; `recipe` for its authors' text.
        dtype: `float32`, `float16` or `bfloat16`, for all components.
        device: Device name of torch; by default CUDA if torch can use it, else the CPU.
        offload: `none`, `model` (unused components stay in main memory) or `sequential` (unused layers stay there:
            slow, least memory).
        vae_tiling: Whether to decode videos tile by tile, which needs less memory.
        batch: Number of clips made at once.
        adapter: A LoRA in diffusers' format: a `.safetensors` file, its folder, or an id in the Hub's cache.
        adapter_scale: Factor of the adapter's change.
        upsampled: A file of `dsrbench upsample`; the model receives its texts instead of the prompts' own.
        compile: Whether to compile the blocks of the transformer; the first clip takes minutes longer, later ones less.
        attention: Attention kernel of diffusers, such as `_native_cudnn` or `flash`; by default that of torch.

    Raises:
        MissingExtraError: A package is not installed.
        WeightsError: The model, or a part of it, is not on disk.
        InputError: A folder that is no pipeline, a pipeline without a recipe, or a file without upsampled prompts.
        OptionError: An option out of range.
    """

    name = "diffusers"
    extra = "generate"

    def __init__(
        self,
        *,
        model: str = DEFAULT,
        revision: str | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        height: int | None = None,
        width: int | None = None,
        frames: int | None = None,
        fps: float | None = None,
        negative_prompt: str = RECIPE,
        dtype: str | None = None,
        device: str | None = None,
        offload: str = "none",
        vae_tiling: bool = False,
        batch: int = 1,
        adapter: Path | None = None,
        adapter_scale: float = 1.0,
        upsampled: Path | None = None,
        compile: bool = False,
        attention: str | None = None,
    ) -> None:
        if batch < 1:
            raise OptionError(f"batch must be at least 1, got {batch}")
        _check_packages("torch", "diffusers", "transformers")
        self.batch = batch
        self.model = find_model(model, revision=revision)
        if self.model.source.needs_sentencepiece:
            _check_packages("sentencepiece")
        if offload != "none":
            _check_packages("accelerate")
        words = None if negative_prompt == RECIPE else negative_prompt
        overrides = Overrides(height, width, frames, fps, steps, guidance, words, dtype)
        self.settings, self.notes = settle(self.model.recipe, overrides)
        file = find_adapter(adapter) if adapter is not None else None
        self._placement = Placement(device, offload, vae_tiling, file, check_scale(adapter_scale), attention)
        self._placement.check()
        self._texts = Texts.read(upsampled)
        self._compiles = compile
        self.fingerprint = {
            **self.model.fingerprint,
            "recipe": self.model.recipe.name,
            "settings": self.settings.record(),
            "call": dict(self.model.recipe.call),
            "scheduler": dict(self.model.recipe.scheduler) if self.model.is_released else {},
            "adapter": sha256_file(file) if file is not None else None,
            "text": self._texts.record,
            "packages": {name: importlib.metadata.version(name) for name in ("torch", "diffusers", "transformers")},
        }

    def placement(self) -> tuple[str, str]:
        """Return the device, as torch names it, and the precision of the weights."""
        return check_device(self._placement.device), self.settings.dtypes["default"]

    def footprint(self) -> Footprint:
        """Return the footprint of the model, measured on its files; on a GPU of CUDA, a clip is timed as well."""
        source = self.model.source
        folders = {**{part: source.folder / part for part in source.components}, **self.model.parts}
        files = {part: sorted(folder.glob("*.safetensors")) for part, folder in folders.items()}
        footprint = measure_footprint(self.model.recipe, self.settings, self._placement.offload, files)
        device, _ = self.placement()
        if not device.startswith("cuda") or self._placement.offload != "none":
            return footprint
        with contextlib.suppress(Exception):  # those of diffusers are not documented, and an estimate may do without
            seconds = time_clip(self.model, self.settings, device, attention=self._placement.attention)
            footprint = dataclasses.replace(footprint, timed=seconds)
        return footprint

    def check_prompt(self, prompt: Prompt) -> None:
        """Check that there is a text for a prompt.

        Raises:
            InputError: The file of upsampled prompts lacks it.
        """
        self._texts.of(prompt)

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> Iterator[Clip | NoClip]:
        """Yield one clip per (prompt, seed) pair, in order, or a `NoClip` if a clip has values that are not finite.

        Raises:
            InputError: Unequal numbers of prompts and seeds, or a prompt the file of upsampled ones lacks.
            WeightsError: The weights cannot be loaded.
            BackendError: Memory ran out; the message says which options need less.
        """
        if len(prompts) != len(seeds):
            raise InputError(f"expected a seed a prompt, got {len(prompts)} prompts and {len(seeds)} seeds")
        for first in range(0, len(prompts), self.batch):
            part = slice(first, first + self.batch)
            texts = [self._texts.of(prompt) for prompt in prompts[part]]
            for text, seed, video in zip(texts, seeds[part], self._make(texts, seeds[part]), strict=True):
                yield self._finish(video, text, seed)

    def _make(self, texts: list[str], seeds: Sequence[int]) -> NDArray[np.floating[Any]]:
        """Make videos of texts, float `[B, T, H, W, 3]` in 0..1, NaN where the model failed."""
        pipe, settings = self._pipeline, self.settings

        def make() -> NDArray[np.floating[Any]]:
            return np.asarray(pipe(**self._arguments(texts, seeds)).frames)

        size = f"{settings.frames} frames of {settings.width}x{settings.height}, {len(texts)} at once"
        with quiet(), explaining(f"{self.model.recipe.name}, {size}"), np.errstate(invalid="ignore"):
            return make() if self._compiled is None else self._compiled.run(make)

    def _arguments(self, texts: list[str], seeds: Sequence[int]) -> dict[str, Any]:
        """Return the arguments of a call of the pipeline, with generators that nothing was drawn from yet."""
        import torch

        recipe, settings = self.model.recipe, self.settings
        arguments: dict[str, Any] = {
            "prompt": texts,
            "height": settings.height,
            "width": settings.width,
            "num_frames": settings.frames,
            "num_inference_steps": settings.steps,
            "generator": [torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            "output_type": "np",
            **recipe.call,
        }
        if settings.negative_prompt:
            arguments["negative_prompt"] = [settings.negative_prompt] * len(texts)
        if recipe.guidance_argument != "guider":
            arguments[recipe.guidance_argument] = settings.guidance
        if recipe.fps_argument:
            arguments[recipe.fps_argument] = settings.fps
        return arguments

    def _finish(self, video: NDArray[np.floating[Any]], text: str, seed: int) -> Clip | NoClip:
        broken = ~np.isfinite(video).all(axis=(1, 2, 3))
        if broken.any():
            return NoClip(
                f"{broken.sum()} of {len(video)} frames have NaN; another dtype may help "
                f"(now {', '.join(f'{part} {name}' for part, name in self.settings.dtypes.items())})"
            )
        frames = np.rint(video.clip(0, 1) * 255).astype(np.uint8)
        black = int((frames.reshape(len(frames), -1).max(axis=1) == 0).sum())
        if black:
            logger.warning("seed %d of %r: %d of %d frames are black", seed, text, black, len(frames))
        notes = {"frames": len(frames), "fps": self.settings.fps, "black_frames": black}
        return Clip(frames, self.settings.fps, text, {"seed": seed, **notes})

    @functools.cached_property
    def _pipeline(self) -> Any:
        """The pipeline, loaded when the first clip is made."""
        return load_pipeline(self.model, self.settings, self._placement)

    @functools.cached_property
    def _compiled(self) -> CompiledBlocks | None:
        """The compiled blocks of the pipeline; None without compilation."""
        return CompiledBlocks(getattr(self._pipeline, self.model.recipe.lora)) if self._compiles else None


def _check_packages(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("generator 'diffusers'", package, "generate")
