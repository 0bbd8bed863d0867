"""`sprites`: the tiny text-to-video model that comes with the package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dsrbench.errors import InputError, MissingExtraError, OptionError, WeightsError
from dsrbench.prompts import compose_text
from dsrbench.sprites.world import FPS, Gait, check_prompt
from dsrbench.types import Clip, Prompt
from dsrbench.video import sha256_file

EMBEDDED = Path(__file__).parents[1] / "sprites" / "weights" / "model"
"""Where the embedded model is."""


class Sprites:
    """The embedded model: 16 frames of 48 x 32 pixels, a few tenths of a second a clip on a CPU.

    Prompts are put into the canonical sentence it was trained on; the text used goes with each clip.

    Args:
        steps: Euler steps.
        guidance: Classifier-free guidance; 1 turns it off.
        batch: Clips made at once; noise depends on prompt and seed alone.
        enlarge: Times each pixel is repeated along both sides, for people's eyes and for the video's colours.
        folder: A folder saved by the model's pipeline; by default the embedded one.
        threads: Threads; by default as many as torch takes.

    Raises:
        MissingExtraError: torch or diffusers is not installed.
        WeightsError: Weights absent, altered, or of another model.
        OptionError: An option out of range.
    """

    name = "sprites"
    extra = "sprites"

    def __init__(
        self,
        *,
        steps: int = 12,
        guidance: float = 3.5,
        batch: int = 10,
        enlarge: int = 6,
        folder: Path | None = None,
        threads: int | None = None,
    ) -> None:
        for name, value in (("steps", steps), ("batch", batch), ("enlarge", enlarge), ("threads", threads)):
            if value is not None and value < 1:
                raise OptionError(f"{name} must be at least 1, got {value}")
        self._steps, self._guidance, self._batch, self._enlarge = steps, guidance, batch, enlarge
        found = EMBEDDED if folder is None else Path(folder)
        if not (found / "model_index.json").is_file():
            raise WeightsError(f"{found}: no sprites model here; expected a folder with model_index.json")
        try:
            import torch

            from dsrbench.sprites.model.pipeline import SpritesPipeline
        except ImportError as error:
            raise MissingExtraError("generator 'sprites'", error.name or "torch", "sprites") from None
        if threads is not None:
            torch.set_num_threads(threads)
        self._torch: Any = torch
        try:
            self._pipeline = SpritesPipeline.from_pretrained(found, local_files_only=True)
        except Exception as error:  # what diffusers and safetensors raise for damaged files is not documented
            raise WeightsError(f"{found}: the sprites model cannot be loaded ({error})") from error
        self._pipeline.set_progress_bar_config(disable=True)
        files = sorted(found.rglob("*.safetensors"))
        self.fingerprint = {
            "weights": {str(path.relative_to(found)): sha256_file(path) for path in files},
            "torch": str(torch.__version__),
        }

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> Iterator[Clip]:
        """Yield one clip per (prompt, seed) pair, in order.

        Raises:
            PromptError: A noun, relation type or scene the world does not know; before any clip is made.
            InputError: Unequal numbers of prompts and seeds.
        """
        if len(prompts) != len(seeds):
            raise InputError(f"expected a seed a prompt, got {len(prompts)} prompts and {len(seeds)} seeds")
        texts = [canonical_text(prompt) for prompt in prompts]
        for first in range(0, len(prompts), self._batch):
            part = slice(first, first + self._batch)
            noise = [
                self._torch.Generator().manual_seed(noise_seed(p, s))
                for p, s in zip(prompts[part], seeds[part], strict=True)
            ]
            made = self._pipeline(
                texts[part], num_inference_steps=self._steps, guidance_scale=self._guidance, generator=noise
            ).frames
            for text, frames, seed in zip(texts[part], made, seeds[part], strict=True):
                large = frames.repeat(self._enlarge, axis=1).repeat(self._enlarge, axis=2)
                yield Clip(large, FPS, text, {"seed": seed})


def canonical_text(prompt: Prompt) -> str:
    """The sentence the model was trained on, with the prompt's verb where the model knows it.

    Raises:
        PromptError: The world cannot show the prompt.
    """
    check_prompt(prompt)
    words = prompt.text.lower().split()
    verb = next((gait.value for gait in Gait if gait.value in words), None)
    return compose_text(
        subject=prompt.subject, object=prompt.object, relations=prompt.relations, scene=prompt.scene, verb=verb
    )


def noise_seed(prompt: Prompt, seed: int) -> int:
    """A seed of the noise that depends on the prompt's fields and on the sample's seed, not on the batch."""
    fields = f"{prompt.subject} {prompt.object} {prompt.type} {prompt.scene}".encode()
    return int(np.random.default_rng([seed, *fields]).integers(2**62))
