"""A vision-language model of transformers that answers questions about pictures with probabilities.

The pictures go through the chat template of the model as images, which the families below have in common. Instruction-
tuned models that answer at once are fit for this; those that think first are not, as the first token is what counts.

| model | parameters | license |
|---|---|---|
| HuggingFaceTB/SmolVLM2-256M-Video-Instruct, -500M-, SmolVLM2-2.2B-Instruct | 0.3, 0.5, 2.2 billion | Apache-2.0 |
| Qwen/Qwen3-VL-2B-Instruct, -4B-, -8B- | 2, 4, 9 billion | Apache-2.0 |
| Qwen/Qwen2.5-VL-7B-Instruct | 8 billion | Apache-2.0 |
| Qwen/Qwen2.5-VL-3B-Instruct | 4 billion | Qwen Research License, not for commercial use |
| OpenGVLab/InternVL3_5-2B-HF, -4B-HF, -8B-HF | 2, 5, 9 billion | Apache-2.0 |

Weights take two bytes a parameter in bfloat16, four in float32. Of InternVL the repositories that end in HF are needed:
the others hold code of their own, which is never run.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dsrbench.analysis.judgments import ClaimAnswers
from dsrbench.backends.pretrained.batches import Batches, is_out_of_memory
from dsrbench.backends.pretrained.models import Choice, Pretrained, import_transformers, load_pretrained, quiet
from dsrbench.backends.pretrained.snapshots import find_snapshot
from dsrbench.errors import BackendError, OptionError, WeightsError, first_line
from dsrbench.hub import HubModel
from dsrbench.judging.questions import VERSION, Part, Question, Wording, ask_claim
from dsrbench.types import Clause, Floats

if TYPE_CHECKING:
    from PIL.Image import Image

NAME = "judge"
"""Name of the judge in messages."""

MODEL = HubModel("Qwen/Qwen3-VL-4B-Instruct", "Apache-2.0")
"""Default model."""

MAX_FRAMES = 64
"""Maximum number of pictures of the beginning and of the end."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """The answer to a question, averaged over its wordings.

    Attributes:
        probabilities: Probability of each answer; they sum to 1.
        mass: Probability that the model gives to all of them, before that.
    """

    probabilities: Floats
    mass: float


class Judge:
    """A vision-language model that is asked about claims; its weights are loaded for the first question.

    Args:
        choice: The model, and where it runs.
        frames: Number of pictures of the beginning and of the end; the whole has twice as many.
        batch_size: Maximum number of questions in a batch. Batches never mix samples, so that answers do not depend on
            which sample was the first of a run.

    Attributes:
        name: The model with its commit (or the hash of its files if it is a folder), the version of the questions, the
            number of pictures and the precision.
        frames: Number of pictures of the beginning and of the end.

    Raises:
        MissingExtraError: A package is not installed.
        WeightsError: The model is not on disk; the message has the command that fetches it.
        OptionError: A number out of range, or a revision for a folder.
    """

    def __init__(self, choice: Choice, *, frames: int = 4, batch_size: int = 4) -> None:
        self._batches = make_batches(frames, batch_size)
        import_transformers(NAME)
        self._choice, self.frames = choice, frames
        snapshot = find_snapshot(choice.model, revision=choice.revision, backend=NAME, default=MODEL)
        files = json.dumps(snapshot.fingerprint(), sort_keys=True)
        revision = snapshot.commit or hashlib.sha256(files.encode()).hexdigest()
        self.name = f"{snapshot.name}@{revision[:12]}, questions {VERSION}, {frames} frames, {choice.dtype}"

    def judge(self, clause: Clause, pictures: Mapping[Part, Sequence[Image]]) -> tuple[ClaimAnswers, float]:
        """Answer all questions about a claim.

        Args:
            clause: The claim.
            pictures: Pictures of each part of the video.

        Returns:
            The answers, and the mean mass of the questions.

        Raises:
            WeightsError: The model is damaged, or cannot be asked about pictures.
            BackendError: Not even one question fits into memory, or the answers are no numbers.
        """
        questions = ask_claim(clause)
        answers = {question.name: self.ask(question, pictures[question.part]) for question in questions}
        choice = next(question for question in questions if question.name == "choice")
        probabilities = [round(float(p), 6) for p in answers["choice"].probabilities]
        yes = {name: round(float(a.probabilities[0]), 6) for name, a in answers.items() if name != "choice"}
        by_type = dict(zip(choice.answers, probabilities, strict=True))
        return ClaimAnswers(yes, by_type), float(np.mean([answer.mass for answer in answers.values()]))

    def ask(self, question: Question, pictures: Sequence[Image]) -> Answer:
        """Ask a question in all of its wordings, and average the answers; errors as for `judge`."""
        rows = self._batches.run(question.wordings, lambda part: self._forward(part, pictures))
        probabilities = np.mean([probabilities for probabilities, _ in rows], axis=0)
        return Answer(probabilities, float(np.mean([mass for _, mass in rows])))

    def _forward(self, wordings: Sequence[Wording], pictures: Sequence[Image]) -> list[tuple[Floats, float]]:
        """Return the probabilities of the words of each wording, and their mass."""
        import torch

        loaded = self._loaded
        chats = [[{"role": "user", "content": _make_content(wording, pictures)}] for wording in wordings]
        with quiet(), torch.inference_mode():
            try:
                texts = loaded.processor.apply_chat_template(chats, add_generation_prompt=True)
                inputs = self._encode(texts, pictures)
            except Exception as error:  # of the template, or of a processor that takes no or other pictures
                if is_out_of_memory(error):
                    raise
                raise WeightsError(
                    f"{self._choice.model} cannot be asked about {len(pictures)} pictures ({first_line(error)}); take "
                    f"an instruction-tuned vision-language model such as {MODEL.id}"
                ) from error
            logits = loaded.net(**inputs.to(loaded.device, dtype=loaded.dtype), **self._last_token).logits[:, -1]
            log_shares = logits.double().log_softmax(dim=-1).cpu()
        return [self._read(row, wording.words) for row, wording in zip(log_shares, wordings, strict=True)]

    def _encode(self, texts: Sequence[str], pictures: Sequence[Image]) -> Any:
        """Return the inputs of the network, padded on the left, so that the last token is that before the answer."""
        processor = self._loaded.processor
        begin = processor.tokenizer.bos_token
        # SmolVLM takes frames of videos whole, too; in tiles, a few pictures would fill its context
        whole = {"do_image_splitting": False} if hasattr(processor.image_processor, "do_image_splitting") else {}
        return processor(
            text=list(texts),
            images=[list(pictures)] * len(texts),
            add_special_tokens=begin is None or not texts[0].startswith(begin),  # the template may have written it
            padding=True,
            padding_side="left",
            return_tensors="pt",
            **whole,
        )

    def _read(self, log_shares: Any, words: tuple[str, ...]) -> tuple[Floats, float]:
        shares = np.array([float(log_shares[ids].exp().sum()) for ids in self._first_tokens(words)])
        mass = float(shares.sum())
        if not math.isfinite(mass):
            raise BackendError(
                f"the answers of {self._choice.model} are no numbers in {self._choice.dtype}; take --precision "
                f"{'bfloat16' if self._choice.dtype == 'float16' else 'float32'}, or another model"
            )
        return (shares / mass if mass > 0 else np.full(len(words), 1 / len(words))), min(mass, 1.0)

    @functools.cache  # noqa: B019  # a judge lives as long as its command
    def _first_tokens(self, words: tuple[str, ...]) -> list[list[int]]:
        """Return the tokens an answer can begin with, of each word; a token that several share tells nothing."""
        tokenizer = self._loaded.processor.tokenizer
        spelled = [{word, word.lower()} if len(word) > 1 else {word} for word in words]
        tokens = [
            {tokenizer.encode(space + form, add_special_tokens=False)[0] for form in forms for space in ("", " ")}
            for forms in spelled
        ]
        unique = [own - set().union(*(other for other in tokens if other is not own)) for own in tokens]
        if not all(unique):
            raise WeightsError(
                f"the tokenizer of {self._choice.model} begins {' and '.join(words)} with the same token, so the first "
                f"token does not tell them apart; take another model"
            )
        return [sorted(own) for own in unique]

    @functools.cached_property
    def _last_token(self) -> dict[str, int]:
        """The option that saves the logits of all tokens but the last, of the models that have it."""
        has_option = "logits_to_keep" in inspect.signature(self._loaded.net.forward).parameters
        return {"logits_to_keep": 1} if has_option else {}

    @functools.cached_property
    def _loaded(self) -> Pretrained:
        from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

        kinds = dict.fromkeys(
            MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, ("AutoModelForImageTextToText", "AutoProcessor")
        )
        loaded = load_pretrained(self._choice, backend=NAME, default=MODEL, kinds=kinds)
        for part, what in (("image_processor", "image processor"), ("chat_template", "chat template")):
            if getattr(loaded.processor, part, None) is None:
                raise WeightsError(
                    f"{self._choice.model} has no {what}, so it cannot be asked about pictures; take an "
                    f"instruction-tuned vision-language model such as {MODEL.id}"
                )
        return loaded


def make_batches(frames: int, batch_size: int) -> Batches:
    """Make batches of questions about pictures; nothing is loaded.

    Args:
        frames: Number of pictures of the beginning and of the end.
        batch_size: Maximum number of questions in a batch.

    Raises:
        OptionError: A number out of range.
    """
    if not 1 <= frames <= MAX_FRAMES:
        raise OptionError(f"frames must be in 1..{MAX_FRAMES}, got {frames}")
    return Batches(batch_size, backend=NAME, unit="question")


def _make_content(wording: Wording, pictures: Sequence[Image]) -> list[dict[str, Any]]:
    return [*({"type": "image"} for _ in pictures), {"type": "text", "text": wording.text}]
