"""Train a LoRA on pairs or clips: the reference is the model with its adapters off, or with those it began with."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dsrbench.alignment.activations import BlockCheckpoint
from dsrbench.alignment.checkpoint import checkpoint_folder, load_state, save_state
from dsrbench.alignment.examples import Example
from dsrbench.alignment.families import Family
from dsrbench.alignment.families.protocol import Text
from dsrbench.alignment.logs import TrainingLog, make_accelerator
from dsrbench.alignment.lora import add_lora, load_lora, norm_of_base, norm_of_change, reference, save_lora, swapped
from dsrbench.alignment.losses import (
    ClipTerms,
    PairTerms,
    compute_clip_terms,
    compute_terms,
    total_clip_loss,
    total_loss,
)
from dsrbench.alignment.rewards import RewardedClip
from dsrbench.alignment.settings import OptimizerSettings, TrainingSettings
from dsrbench.backends.pretrained.acceleration import CompiledBlocks, select_attention
from dsrbench.backends.pretrained.batches import explaining_memory
from dsrbench.errors import InputError, OptionError, TrainingError

Row = Mapping[str, float]

Terms = PairTerms | ClipTerms


class Trainer:
    """A training of one LoRA.

    Every step draws its examples, noise and times from the seed and its own number, so a training that was stopped at
    any checkpoint and goes on gives what one gives that was not.

    Args:
        family: The model.
        examples: Pairs to train on; for an objective on clips, clips with rewards.
        latents: Latents of every video of the examples, by sha256.
        texts: Features of every text of the examples.
        settings: All else.
        folder: For the state, the checkpoints and the log.
        start: Folder of the adapter to begin with, in place of one that changes nothing.
        sampler: Folder of the adapter that made the clips, which the reference has in place of `start`.
        facts: Other values that the training depends on; a folder with the state of other facts is refused.
        accelerator: Accelerator of accelerate; by default one of the settings' precision on this process's device.

    Raises:
        InputError: No examples, one that is not encoded, or a target that matches no layer.
        OptionError: A batch that cannot be divided, or a model that cannot compute activations again.
        WeightsError: The adapter to begin with cannot be read, or does not fit.
    """

    def __init__(
        self,
        family: Family,
        examples: Sequence[Example],
        latents: Mapping[str, Tensor],
        texts: Mapping[str, Text],
        settings: TrainingSettings,
        folder: Path,
        *,
        start: Path | None = None,
        sampler: Path | None = None,
        facts: Mapping[str, str] | None = None,
        accelerator: Any = None,
    ) -> None:
        self._noun = noun = "clips" if settings.loss.takes_clips else "pairs"
        if not examples:
            raise InputError(f"no {noun} to train on")
        known = set(latents)
        absent = [e for e in examples if {c.sha256 for c in e.clips} - known or e.text not in texts]
        if absent:
            raise InputError(
                f"{len(absent)} of {len(examples)} {noun} are not encoded, such as {absent[0].clips[0].video}; encode "
                f"them again (dsrbench align --only latents)"
            )
        if accelerator is None:
            accelerator = make_accelerator(settings.optimizer.precision, device=family.device)
        if torch.device(family.device).type != accelerator.device.type:
            raise OptionError(
                f"the model is on {family.device}, the training on {accelerator.device}; load the model on the latter"
            )
        optimizer = settings.optimizer
        share = accelerator.num_processes * optimizer.gradient_accumulation_steps
        if optimizer.batch_size % share:
            raise OptionError(
                f"a batch of {optimizer.batch_size} {noun} cannot be divided by "
                f"processes x gradient_accumulation_steps = {share}"
            )
        self.family, self.settings, self.folder, self.accelerator = family, settings, folder, accelerator
        self.log = TrainingLog(folder, accelerator)
        self._examples, self._latents, self._texts = list(examples), latents, texts
        self._part = optimizer.batch_size // share
        self.parameters = add_lora(
            family.transformer,
            rank=settings.lora.lora_rank,
            alpha=settings.lora.lora_alpha,
            targets=settings.lora.target_modules or family.targets,
            seed=optimizer.seed,
        )
        self._reference: dict[str, Tensor] = {}
        if start is not None:
            if settings.loss.reference == "start":
                load_lora(self.parameters, sampler or start)
                self._reference = {name: p.detach().clone() for name, p in self.parameters.items()}
            load_lora(self.parameters, start)
        self._record = {**settings.record(), **(facts or {})}
        self._base_norm = norm_of_base(family.transformer, self.parameters)
        self._compiled = prepare_transformer(family.transformer, optimizer)
        self.averages = {n: p.detach().clone() for n, p in self.parameters.items()} if optimizer.ema_decay else {}
        self._optimizer = torch.optim.AdamW(
            self.parameters.values(), lr=optimizer.learning_rate, weight_decay=optimizer.weight_decay
        )
        self.model: nn.Module = accelerator.prepare_model(family.transformer)

    def train(
        self,
        *,
        on_checkpoint: Callable[[int, Path], bool] | None = None,
        on_step: Callable[[int, int, Row], None] | None = None,
    ) -> int:
        """Train to the end, or go on from the last checkpoint.

        Args:
            on_checkpoint: Called in the main process with the step and the folder of each new adapter, and of the one a
                training goes on from; ends the training where it returns False.
            on_step: Called with the step, the number of steps, and the figures of the step.

        Returns:
            Steps done.

        Raises:
            TrainingError: The loss is not a number.
            RunMismatchError: The folder holds a training with other settings.
        """
        every, steps = self.settings.validation.save_steps, self.settings.optimizer.max_steps
        step = self._load()
        going = step == 0 or self._tell(on_checkpoint, step)  # it may have been stopped between saving and telling
        while going and step < steps:
            row = self.make_step(step)
            step += 1
            self.log.write(step, row)
            if on_step is not None:
                on_step(step, steps, row)
            if step % every == 0 or step == steps:
                self._save(step)
                going = self._tell(on_checkpoint, step)
        self.log.end()
        return step

    def _tell(self, on_checkpoint: Callable[[int, Path], bool] | None, step: int) -> bool:
        """Tell the main process of a checkpoint, and do in all processes what it answers."""
        if on_checkpoint is None:
            return True
        acc, going = self.accelerator, True
        if acc.is_main_process:
            going = on_checkpoint(step, checkpoint_folder(self.folder, step))
        return bool(acc.reduce(torch.tensor(float(going and acc.is_main_process), device=acc.device)).item())

    def make_step(self, step: int) -> dict[str, float]:
        """Take one step of the optimizer.

        Returns:
            Its figures: `loss`, `objective`, `regulariser`, `implicit_accuracy` (share of pairs whose winner gained
            more, or of clips that gained where their reward is above 1/2 and lost elsewhere), `winner_gain`,
            `loser_gain`, `margin` (their difference), `gradient_norm`, `learning_rate`, `drift` (norm of the adapter's
            change over that of the weights it changes).

        Raises:
            TrainingError: The loss is not a number, or memory ran out; nothing was changed.
        """
        s = self.settings.optimizer
        for group in self._optimizer.param_groups:
            group["lr"] = s.learning_rate * schedule(step, warm_up=s.warmup_steps, steps=s.max_steps)
        terms = self.accumulate(step)
        norm = torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), s.max_grad_norm)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        for name, average in self.averages.items():
            average.lerp_(self.parameters[name].detach(), 1 - min(s.ema_decay, (1 + step) / (10 + step)))
        return self._figures(terms, float(norm))

    def accumulate(self, step: int) -> list[Terms]:
        """Accumulate a step's gradients over parts and processes in the parameters; return this process's terms.

        Raises:
            TrainingError: The loss is not a number, or memory ran out.
        """
        acc = self.accelerator
        n_parts = self.settings.optimizer.gradient_accumulation_steps
        chosen = self._choose(step)
        terms_of_parts: list[Terms] = []
        for part in range(n_parts):
            first = (part * acc.num_processes + acc.process_index) * self._part
            last = part == n_parts - 1
            with contextlib.nullcontext() if last else acc.no_sync(self.model), self._explaining(step):
                terms = self.compute_terms(chosen[first : first + self._part], step, first)
                loss = self._compute_loss(terms, weight=self.settings.loss.reg_weight)
                if not math.isfinite(loss.item()):
                    raise TrainingError(
                        f"step {step + 1}: the loss is {loss.item()}; the last checkpoint in {self.folder} is good. "
                        f"Try a smaller learning_rate or beta"
                    )
                acc.backward(loss / n_parts)
            terms_of_parts.append(terms)
        return terms_of_parts

    def _explaining(self, step: int) -> contextlib.AbstractContextManager[None]:
        """Say of memory that ran out what helps."""
        return explaining_memory(
            lambda reason: TrainingError(
                f"step {step + 1}: out of memory with {self._part} {self._noun} at once ({reason}); what was saved is "
                f"kept. Try a larger gradient_accumulation_steps, gradient_checkpointing=true, "
                f"activation_offloading=true, precision=bf16, or clips of fewer frames"
            )
        )

    def compute_terms(self, examples: Sequence[Example], step: int, first: int) -> Terms:
        """Errors of model and reference on examples, whose noise and times depend on the step and their place in it.

        The batch has the first clip of every example, then the second of every example that is a pair.
        """
        family, device = self.family, self.accelerator.device
        columns = list(zip(*(example.clips for example in examples), strict=True))
        clips = torch.stack([self._latents[clip.sha256] for column in columns for clip in column]).float()
        noises, times = [], []
        for place in range(first, first + len(examples)):
            generator = draw_generator(self.settings.optimizer.seed, step, place)
            times.append(family.draw_times(1, generator, clips.shape[1:]))
            ours = torch.randn(clips.shape[1:], generator=generator)
            shared = self.settings.loss.shared_noise
            others = (ours if shared else torch.randn(ours.shape, generator=generator) for _ in columns[1:])
            noises.append([ours, *others])
        noise = torch.stack([row[place] for place in range(len(columns)) for row in noises]).to(device)
        clips, time = clips.to(device), torch.cat(times * len(columns)).to(device)
        texts = [{k: v.to(device) for k, v in self._texts[e.text].items()} for e in examples] * len(columns)
        noisy, target = family.add_noise(clips, noise, time), family.target(clips, noise, time)
        with self._frozen(), self.accelerator.autocast():
            frozen = self._predict(family.transformer, noisy, time, texts)
        with self.accelerator.autocast():  # another one: what the first keeps of the weights has other values
            output = self._predict(self.model, noisy, time, texts)
        if not self.settings.loss.takes_clips:
            return compute_terms(output, frozen, target)
        rewards = torch.tensor([e.reward for e in examples if isinstance(e, RewardedClip)], device=device)
        return compute_clip_terms(output, frozen, target, rewards)

    def _predict(self, model: nn.Module, noisy: Tensor, times: Tensor, texts: Sequence[Text]) -> Tensor:
        """Predict all clips at once or, where activations are computed again to save memory, each by itself.

        The backward pass then computes a block again for one clip at a time, and holds the activations of no other.
        """
        size = 1 if self.settings.optimizer.gradient_checkpointing else len(noisy)
        places = [slice(first, first + size) for first in range(0, len(noisy), size)]

        def predict() -> Tensor:
            return torch.cat([self.family.predict(model, noisy[i], times[i], texts[i]) for i in places])

        return predict() if self._compiled is None else self._compiled.run(predict)

    def _compute_loss(self, terms: Terms, *, weight: float) -> Tensor:
        s = self.settings.loss
        if isinstance(terms, ClipTerms):
            beta = self.settings.rewards.nft_beta
            return total_clip_loss(terms, objective=s.objective, beta=beta, weight=weight)
        return total_loss(terms, objective=s.objective, beta=s.beta, weight=weight, clip=s.clip)

    @contextlib.contextmanager
    def _frozen(self) -> Iterator[None]:
        """Within, the transformer is the reference; the weights are there once, whatever the reference is."""
        if self._reference:
            with torch.no_grad(), swapped(self.parameters, self._reference):
                yield
        else:
            with reference(self.family.transformer):
                yield

    def save_adapter(self, folder: Path) -> None:
        """Write the LoRA, averaged where the settings ask for it."""
        with swapped(self.parameters, self.averages or {n: p.data for n, p in self.parameters.items()}):
            save_lora(self.family.transformer, folder)

    def _choose(self, step: int) -> list[Example]:
        """Return the step's examples: all are used equally often, each pass in another order."""
        count, size, seed = len(self._examples), self.settings.optimizer.batch_size, self.settings.optimizer.seed
        places = np.arange(step * size, (step + 1) * size)
        passes = {int(place) // count for place in places}
        orders = {p: np.random.default_rng([seed, 1, p]).permutation(count) for p in passes}
        return [self._examples[orders[int(place) // count][int(place) % count]] for place in places]

    def _figures(self, parts: Sequence[Terms], norm: float) -> dict[str, float]:
        s, lora, kind = self.settings.loss, self.settings.lora, type(parts[0])
        terms = kind(*(torch.cat([getattr(t, n.name) for t in parts]).detach() for n in dataclasses.fields(kind)))
        values = {"objective": self._compute_loss(terms, weight=0.0), **terms.figures()}
        means = self.accelerator.reduce(torch.stack(list(values.values())), reduction="mean").tolist()
        row = dict(zip(values, means, strict=True))
        return {
            "loss": row["objective"] + s.reg_weight * row["regulariser"],
            **row,
            "margin": row["winner_gain"] - row["loser_gain"],
            "gradient_norm": norm,
            "learning_rate": float(self._optimizer.param_groups[0]["lr"]),
            "drift": norm_of_change(self.parameters, scale=lora.lora_alpha / lora.lora_rank) / self._base_norm,
        }

    def _load(self) -> int:
        step = load_state(
            self.folder,
            settings=self._record,
            parameters=self.parameters,
            averages=self.averages,
            optimizer=self._optimizer,
        )
        self.log.start(step)
        return step

    def _save(self, step: int) -> None:
        if self.accelerator.is_main_process:
            self.save_adapter(checkpoint_folder(self.folder, step))
            save_state(
                self.folder,
                step=step,
                settings=self._record,
                parameters=self.parameters,
                averages=self.averages,
                optimizer=self._optimizer,
            )
        self.accelerator.wait_for_everyone()


def prepare_transformer(transformer: Any, settings: OptimizerSettings) -> CompiledBlocks | None:
    """Set how activations are kept and attention is computed; the compiled blocks, or None without compilation.

    Raises:
        OptionError: The transformer cannot compute activations again or be compiled, or has no such kernel.
    """
    if settings.gradient_checkpointing:
        if not getattr(transformer, "_supports_gradient_checkpointing", False):
            raise OptionError(f"a {type(transformer).__name__} has no gradient_checkpointing; set it to false")
        keeping = BlockCheckpoint(keep_attention=settings.keep_attention, offload=settings.activation_offloading)
        transformer.enable_gradient_checkpointing(keeping)
    if settings.attention is not None:
        select_attention(transformer, settings.attention)
    return CompiledBlocks(transformer) if settings.compile else None


def schedule(step: int, *, warm_up: int, steps: int) -> float:
    """Share of the learning rate: grows along a line over the warm-up, then falls along a cosine to 0.

    >>> [round(schedule(s, warm_up=2, steps=6), 2) for s in range(7)]
    [0.5, 1.0, 1.0, 0.85, 0.5, 0.15, 0.0]
    """
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (step - warm_up) / max(steps - warm_up, 1))


def draw_generator(*numbers: int) -> torch.Generator:
    """Return a generator seeded by numbers; for a pair the training's seed, the step and the place in it."""
    return torch.Generator().manual_seed(int(np.random.default_rng(numbers).integers(2**62)))
