"""Prompts extended by an instruction-tuned language model on this machine."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import re
from typing import Any

from dsrbench.backends.generators.upsampled import Line
from dsrbench.backends.pretrained.batches import explaining_memory
from dsrbench.backends.pretrained.models import Choice, Pretrained, import_transformers, load_pretrained, quiet
from dsrbench.backends.pretrained.snapshots import find_snapshot
from dsrbench.errors import BackendError, InputError, OptionError, WeightsError
from dsrbench.hub import HubModel
from dsrbench.types import Direction, Prompt, Relation

NAME = "upsampler"
"""Name of the upsampler in messages."""
MODEL = HubModel("Qwen/Qwen2.5-1.5B-Instruct", "Apache-2.0")
"""Default model of the upsampler."""

VERSION = 1
"""Version of the instruction and of how answers are read and checked; part of the upsampler's name."""

INSTRUCTION = """\
Rewrite a prompt for a text-to-video model so that it describes the same video in more detail.

Keep: the {subject} and the {object}, called by these very words; where the {subject} is with respect to the {object} \
at first, and where it goes after that, in this order and with the same words for directions. The {subject} moves, the \
{object} stays where it is. Bring in nothing that could be mistaken for either, and name no other directions.
Add: how both look, the place, the light, the manner of the movement, a camera that does not move.

Answer with the new prompt alone: one paragraph of three to five sentences in English, without a title, a list or \
quotation marks.

The prompt: {text}"""
"""Instruction that the language model receives, with the fields `subject`, `object` and `text`."""

_SIDES: dict[Relation | Direction, str] = {
    Relation.LEFT: r"left\w*",
    Relation.RIGHT: r"right\w*",
    Relation.TOP: r"top|atop|above|over|on|onto|upon",
    Relation.UNDER: r"under\w*|below|beneath",
    Relation.FRONT: r"front",
    Relation.BEHIND: r"behind|back",
    Direction.LEFT: r"left\w*",
    Direction.RIGHT: r"right\w*",
    Direction.UP: r"up\w*|ris\w*|ascend\w*|top",
    Direction.DOWN: r"down\w*|fall\w*|descend\w*|sink\w*|bottom",
}
"""Pattern of the words for each relation and direction, of which an answer must have one."""


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Settings with which answers are drawn.

    Attributes:
        max_tokens: Maximum number of tokens of an answer; a longer one is cut after its last complete sentence.
        temperature: Temperature of the draws; 0 always takes the likeliest token.
        seed: Random seed of the draws, joined with the prompt's text, so that answers do not depend on each other.

    Raises:
        OptionError: A value is out of range.
    """

    max_tokens: int = 200
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise OptionError(f"max_tokens must be at least 1, got {self.max_tokens}")
        if not (self.temperature >= 0 and math.isfinite(self.temperature)):
            raise OptionError(f"temperature must be a number of 0 or more, got {self.temperature}")

    def __str__(self) -> str:
        drawn = f", temperature {self.temperature:g}, seed {self.seed}" if self.temperature else ""
        return f"{self.max_tokens} tokens{drawn}"


class Upsampler:
    """A causal language model of transformers that extends prompts; its weights are loaded for the first prompt.

    Args:
        choice: The model, and where it runs.
        sampling: Settings with which its answers are drawn.

    Attributes:
        name: The model with its commit (or the hash of its files if it is a folder), the instruction's version, the
            sampling and the dtype.

    Raises:
        MissingExtraError: A package is not installed.
        WeightsError: The model is not on disk; the message has the command that fetches it.
        OptionError: A revision is given for a folder.
    """

    def __init__(self, choice: Choice, sampling: Sampling | None = None) -> None:
        import_transformers(NAME)
        self._choice, self._sampling = choice, sampling or Sampling()
        snapshot = find_snapshot(choice.model, revision=choice.revision, backend=NAME, default=MODEL)
        files = json.dumps(snapshot.fingerprint(), sort_keys=True)
        revision = snapshot.commit or hashlib.sha256(files.encode()).hexdigest()
        self.name = f"{snapshot.name}@{revision[:12]}, instruction {VERSION}, {self._sampling}, {choice.dtype}"

    def extend(self, prompt: Prompt) -> Line:
        """Extend a prompt with visual details; if the answer is rejected, keep the prompt's text and add a note.

        Raises:
            WeightsError: The model is damaged, or is no causal language model.
            OptionError: A device or a dtype that cannot be used.
            BackendError: Memory ran out.
        """
        answer, is_whole = self._ask(
            INSTRUCTION.format(**{k: getattr(prompt, k) for k in ("subject", "object", "text")})
        )
        try:
            text = read_answer(answer, is_whole=is_whole)
            check_answer(text, prompt)
        except InputError as error:
            return Line(prompt.text, prompt.text, self.name, str(error))
        return Line(prompt.text, text, self.name)

    def _ask(self, question: str) -> tuple[str, bool]:
        """Return the model's answer, and whether it is complete."""
        import torch

        net, tokenizer = self._loaded.net, self._loaded.processor
        encoded = _encode(tokenizer, question)
        inputs = {key: encoded[key].to(net.device) for key in ("input_ids", "attention_mask")}
        gpus = [net.device] if net.device.type == "cuda" else []  # the random state of other GPUs is not changed
        digest = hashlib.sha256(f"{self._sampling.seed} {question}".encode()).digest()
        problem = BackendError(
            f"{NAME}: {self._choice.model} and its answer do not fit into memory; take a smaller model, "
            f"--dtype bfloat16 or --device cpu"
        )
        with explaining_memory(lambda _: problem), quiet(), torch.inference_mode(), torch.random.fork_rng(gpus):
            torch.manual_seed(int.from_bytes(digest[:8], "big"))
            tokens = net.generate(**inputs)[0, inputs["input_ids"].shape[1] :]
        is_whole = int(tokens[-1]) in net.generation_config.eos_token_id
        return tokenizer.decode(tokens, skip_special_tokens=True), is_whole

    @functools.cached_property
    def _loaded(self) -> Pretrained:
        from transformers import GenerationConfig
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

        kinds = dict.fromkeys(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, ("AutoModelForCausalLM", "AutoTokenizer"))
        loaded = load_pretrained(self._choice, backend=NAME, default=MODEL, kinds=kinds)
        own, tokenizer = loaded.net.generation_config, loaded.processor
        ends = sorted({*_listed(own.eos_token_id), *_listed(tokenizer.eos_token_id)})
        if not ends:
            raise WeightsError(f"{self._choice.model} says of no token that it ends an answer")
        # Only the special tokens of the model's own settings are used: its penalties would change the likeliest token.
        special_tokens = {"bos_token_id": own.bos_token_id, "eos_token_id": ends}
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0]
        drawing: dict[str, Any] = {"do_sample": False}
        if self._sampling.temperature:
            drawing = {"do_sample": True, "temperature": self._sampling.temperature, "top_k": 0, "top_p": 1.0}
        loaded.net.generation_config = GenerationConfig(
            max_new_tokens=self._sampling.max_tokens, pad_token_id=pad, **special_tokens, **drawing
        )
        return loaded


def read_answer(answer: str, *, is_whole: bool) -> str:
    r"""Return the text of an answer on one line, without the marks that some models put around it.

    Args:
        answer: Text that the model wrote.
        is_whole: Whether the answer is complete; otherwise it is cut after its last complete sentence.

    Raises:
        InputError: No text is left.

    >>> read_answer('<think>A cat.</think> "A grey cat.\n It wal', is_whole=False)
    'A grey cat.'
    """
    answer_text = answer.rpartition("</think>")[2].partition("<think>")[0]  # an unfinished thought leaves no text
    text = " ".join(answer_text.replace("\ufffd", "").split())
    if not is_whole:
        text = text[: max(text.rfind(mark) for mark in ".!?") + 1]
    text = text.strip(" \"'“”`*")
    if not text:
        raise InputError(
            "the answer is empty" if is_whole else "the answer has no sentence that ends; allow more tokens"
        )
    return text


def check_answer(text: str, prompt: Prompt) -> None:
    """Check that a text still names the prompt's subject, its object and the directions that its text names.

    Raises:
        InputError: One of them is missing; the message names it.
    """
    for clause in prompt.clauses:
        for role, noun in zip(("subject", "object"), clause.nouns, strict=False):
            if not _has(text, r"\s+".join(map(re.escape, noun.split())) + "(?:s|es)?"):
                raise InputError(f"the answer lost the {role} {noun!r}")
        directions: tuple[Relation | Direction, ...] = (clause.direction,) if clause.direction else clause.relations
        for direction in dict.fromkeys(directions):
            if _has(prompt.text, _SIDES[direction]) and not _has(text, _SIDES[direction]):
                raise InputError(f"the answer lost the direction {direction.name.lower()!r}")


def _has(text: str, pattern: str) -> bool:
    return re.search(rf"(?<!\w)(?:{pattern})(?!\w)", text, re.IGNORECASE) is not None


def _encode(tokenizer: Any, question: str) -> Any:
    """Encode the question as tokens `[1, N]`, with the model's chat template if it has one."""
    if tokenizer.chat_template is None:
        return tokenizer(f"{question}\n\nThe new prompt:", return_tensors="pt")
    message = [{"role": "user", "content": question}]
    return tokenizer.apply_chat_template(
        message, add_generation_prompt=True, return_tensors="pt", return_dict=True, enable_thinking=False
    )


def _listed(ends: int | list[int] | None) -> list[int]:
    return ends if isinstance(ends, list) else [] if ends is None else [ends]
