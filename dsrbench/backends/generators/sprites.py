"""Generator `sprites`: the small text-to-video model that is part of the package."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dsrbench.backends.base import Generator
from dsrbench.backends.generators.adapter import check_scale, find_adapter, load_adapter
from dsrbench.errors import InputError, MissingExtraError, OptionError, PromptError
from dsrbench.prompts import compose_text
from dsrbench.sprites import embedded
from dsrbench.sprites.model.vocabulary import encode_text, list_depth_words, list_words
from dsrbench.sprites.world import DEPTH_TYPES, FPS, FRAMES, HEIGHT, TYPES, WIDTH, Gait, check_prompt
from dsrbench.types import DEFAULT_WORDING, Clip, Prompt
from dsrbench.video import sha256_file


class Sprites(Generator):
    """The embedded model: clips of 16 frames of 48 x 32 pixels, made in a few tenths of a second each on a CPU.

    Prompts are rewritten as the canonical sentence that the model was trained on, except those in a requested wording,
    which the model reads unchanged. Each clip records the text used. The model ignores punctuation.

    Args:
        steps: Number of Euler steps.
        guidance: Scale of classifier-free guidance; 1 turns it off.
        batch: Number of clips made at once; a clip's noise depends on its prompt and seed alone.
        enlarge: Factor by which frames are enlarged, by repeating pixels along both sides.
        folder: A folder saved by the model's pipeline; by default the embedded one.
        adapter: A LoRA in diffusers' format, a `.safetensors` file or its folder.
        adapter_scale: Factor of the adapter's change.
        threads: Number of CPU threads; by default torch's own number.

    Raises:
        MissingExtraError: torch, diffusers or, for an adapter, peft is not installed.
        WeightsError: The weights are absent, altered, or of another model.
        OptionError: An option is out of range.
    """

    name = "sprites"
    extra = "sprites"
    kind: embedded.Kind = "model"

    def __init__(
        self,
        *,
        steps: int = 12,
        guidance: float = 3.5,
        batch: int = 10,
        enlarge: int = 6,
        folder: Path | None = None,
        adapter: Path | None = None,
        adapter_scale: float = 1.0,
        threads: int | None = None,
    ) -> None:
        for name, value in (("steps", steps), ("batch", batch), ("enlarge", enlarge), ("threads", threads)):
            if value is not None and value < 1:
                raise OptionError(f"{name} must be at least 1, got {value}")
        if not math.isfinite(guidance):
            raise OptionError(f"guidance must be a finite number, got {guidance}")
        self.batch = batch
        self._steps, self._guidance, self._enlarge, self._threads = steps, guidance, enlarge, threads
        for package in ("torch", "diffusers"):
            if importlib.util.find_spec(package) is None:
                raise MissingExtraError(f"generator {self.name!r}", package, "sprites")
        self._folder = embedded.find_weights_folder(self.kind, folder)
        base = embedded.find_base(self._folder)
        self._types = TYPES if base is None else DEPTH_TYPES
        self._adapter = find_adapter(adapter) if adapter is not None else None
        self._adapter_scale = check_scale(adapter_scale)
        self.fingerprint = {
            "weights": list_weights(self._folder, base),
            "adapter": sha256_file(self._adapter) if self._adapter is not None else None,
            "clip": {"frames": FRAMES, "fps": FPS, "width": WIDTH * enlarge, "height": HEIGHT * enlarge},
            "text": "canonical",
            "torch": importlib.metadata.version("torch"),
        }

    def check_prompt(self, prompt: Prompt) -> None:
        """Check that the world can show a prompt.

        Raises:
            PromptError: The world does not know a noun, the relation type or the scene.
        """
        given_text(prompt, self._types)

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> Iterator[Clip]:
        """Yield one clip per (prompt, seed) pair, in order.

        Raises:
            PromptError: The world does not know a noun, the relation type or the scene; raised before any clip is made.
            InputError: Unequal numbers of prompts and seeds.
            WeightsError: The weights cannot be loaded.
        """
        if len(prompts) != len(seeds):
            raise InputError(f"expected a seed a prompt, got {len(prompts)} prompts and {len(seeds)} seeds")
        texts = [given_text(prompt, self._types) for prompt in prompts]
        for first in range(0, len(prompts), self.batch):
            part = slice(first, first + self.batch)
            videos = self._make(
                texts[part], [noise_seed(p, s) for p, s in zip(prompts[part], seeds[part], strict=True)]
            )
            for text, frames, seed in zip(texts[part], videos, seeds[part], strict=True):
                large = frames.repeat(self._enlarge, axis=1).repeat(self._enlarge, axis=2)
                yield Clip(large, FPS, text, {"seed": seed})

    def _make(self, texts: Sequence[str], noise_seeds: Sequence[int]) -> Any:
        import torch

        noise = [torch.Generator().manual_seed(seed) for seed in noise_seeds]
        pipeline = self._pipeline
        return pipeline(texts, num_inference_steps=self._steps, guidance_scale=self._guidance, generator=noise).frames

    @functools.cached_property
    def _pipeline(self) -> Any:
        """The pipeline, loaded when the first clip is made."""
        import torch
        from diffusers.utils import logging

        from dsrbench.sprites.model.loading import load_pipeline

        logging.disable_progress_bar()
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        pipeline = load_pipeline(self._folder)
        if self._adapter is not None:
            load_adapter(pipeline.transformer, self._adapter, scale=self._adapter_scale)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


class SpritesWithDepth(Sprites):
    """The embedded model, trained further on prompts with "in front of" and "behind", of which it follows some.

    Its transformer is that of `sprites` with a low-rank change, which is merged when the model is loaded. It takes the
    options of `sprites`; `folder` is the folder `depth-model` of a training.
    """

    name = "sprites-depth"
    kind = "depth-model"


def list_weights(folder: Path, base: Path | None) -> dict[str, str]:
    """Return the sha256 of the weights in a folder, and of those of the base model that they are changes of."""
    names = embedded.read_sums(folder).items()
    weights = {name: sha256 for name, sha256 in names if name.endswith(".safetensors")}
    if base is not None:
        used = {name: sha256 for name, sha256 in embedded.read_sums(base).items() if name.endswith(".safetensors")}
        weights |= {f"base/{name}": sha256 for name, sha256 in used.items() if not name.startswith("text_encoder/")}
    return weights


def canonical_text(prompt: Prompt, types: Sequence[str] = TYPES) -> str:
    """Return the sentence that the model was trained on, with the prompt's verb if the model knows it.

    Args:
        prompt: The prompt.
        types: Relation types that the model was trained on.

    Raises:
        PromptError: The world cannot show the prompt, or the model was not trained on its relation type.
    """
    if prompt.type in DEPTH_TYPES and prompt.type not in types:
        raise PromptError(f"the model sprites does not know {prompt.type!r}; the model sprites-depth does")
    check_prompt(prompt, types=types)
    words = prompt.text.lower().split()
    verb = next((gait.value for gait in Gait if gait.value in words), None)
    return compose_text(
        subject=prompt.subject, object=prompt.object, relations=prompt.relations, scene=prompt.scene, verb=verb
    )


def given_text(prompt: Prompt, types: Sequence[str] = TYPES) -> str:
    """Return the text that the model receives: the canonical sentence, or that of a requested wording.

    Args:
        prompt: The prompt.
        types: Relation types that the model was trained on.

    Raises:
        PromptError: The world cannot show the prompt, or the model does not know a word of the wording.
    """
    canonical = canonical_text(prompt, types)
    if prompt.wording in ("", DEFAULT_WORDING):
        return canonical
    words = list_words() if types == TYPES else [*list_words(), *list_depth_words()]
    encode_text(prompt.text, words)
    return prompt.text


def noise_seed(prompt: Prompt, seed: int) -> int:
    """Derive the seed of the noise from the prompt's fields and the sample's seed, independent of the batch."""
    fields = f"{prompt.subject} {prompt.object} {prompt.type} {prompt.scene}".encode()
    return int(np.random.default_rng([seed, *fields]).integers(2**62))
