"""Settings of a training in groups, spelled as TRL, peft and diffusers spell them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from dsrbench.alignment.checks import (
    check_above_zero,
    check_at_least,
    check_finite,
    check_type,
    check_types,
    check_with,
    list_types,
)
from dsrbench.errors import OptionError, near_matches

PAIR_OBJECTIVES = ("dpo", "ipo", "sft")

CLIP_OBJECTIVES = ("nft", "rwr")
"""Objectives that take every scored candidate with its reward, in place of pairs."""

OBJECTIVE_NAMES = (*PAIR_OBJECTIVES, *CLIP_OBJECTIVES)

PRECISIONS = ("no", "bf16")

REFERENCES = ("start", "base")

KEPT_ATTENTIONS = ("native", "_native_cudnn", "_native_efficient", "_native_flash")
"""Attention kernels of diffusers whose outputs can be kept: those of torch that are one operation each."""


@dataclasses.dataclass(frozen=True)
class LoraSettings:
    """The LoRA.

    Attributes:
        lora_rank: Rank of the two matrices.
        lora_alpha: Scale of the LoRA: its change is multiplied by lora_alpha / lora_rank.
        target_modules: Names of the layers it is put on; empty for the model's own.

    Raises:
        OptionError: A value of another type, or out of range.
    """

    lora_rank: int = 16
    lora_alpha: int = 16
    target_modules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_types(self)
        check_at_least(self, 1, "lora_rank", "lora_alpha")


@dataclasses.dataclass(frozen=True)
class OptimizerSettings:
    """The optimizer (AdamW), the batches, and the precision.

    Attributes:
        learning_rate: Learning rate after the warm-up.
        weight_decay: Weight decay.
        warmup_steps: Steps over which the learning rate grows; afterwards it falls along a cosine to 0.
        max_steps: Steps of the optimizer.
        batch_size: Pairs (or clips, for an objective on clips) in a step, over all processes and accumulated parts.
        gradient_accumulation_steps: Parts into which a process divides its share of a batch, to save memory.
        max_grad_norm: Gradients are scaled down to this norm.
        ema_decay: Decay of averaged weights, which are then what is saved, in 0..1 without 1; 0 for no average.
        precision: `no` for float32, or `bf16`; the LoRA is float32 in both.
        gradient_checkpointing: Whether to compute activations again in the backward pass, to save memory; the clips of
            a batch then go through the model one by one.
        keep_attention: Whether `gradient_checkpointing` keeps the outputs of attention, which are slow to compute, and
            computes only the rest of a block again: later steps are shorter and take more memory.
        activation_offloading: Whether what `gradient_checkpointing` keeps waits in the memory of the machine in place
            of that of the GPU.
        compile: Whether to compile the blocks of the transformer; the first step takes minutes longer, later ones less.
        attention: Attention kernel of diffusers, such as `_native_cudnn` or `flash`; None for that of torch.
        seed: Random seed of the training.

    Raises:
        OptionError: A value of another type or out of range, or a batch that cannot be divided.
    """

    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    warmup_steps: int = 20
    max_steps: int = 300
    batch_size: int = 8
    gradient_accumulation_steps: int = 1
    max_grad_norm: float = 1.0
    ema_decay: float = 0.0
    precision: str = "no"
    gradient_checkpointing: bool = False
    keep_attention: bool = False
    activation_offloading: bool = False
    compile: bool = False
    attention: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        if self.precision not in PRECISIONS:
            raise OptionError(f"precision must be no or bf16, got {self.precision!r}")
        check_at_least(self, 1, "max_steps", "batch_size", "gradient_accumulation_steps")
        check_at_least(self, 0, "weight_decay", "warmup_steps", "seed")
        check_above_zero(self, "learning_rate", "max_grad_norm")
        check_finite(self, "learning_rate", "weight_decay")
        if not 0 <= self.ema_decay < 1:
            raise OptionError(f"ema_decay must be in 0..1, 1 left out, got {self.ema_decay}")
        if self.batch_size % self.gradient_accumulation_steps:
            raise OptionError(
                f"gradient_accumulation_steps must divide the batch_size of {self.batch_size}, "
                f"got {self.gradient_accumulation_steps}"
            )
        check_with(self, "gradient_checkpointing", "keep_attention", "activation_offloading")
        if self.keep_attention and self.attention not in (None, *KEPT_ATTENTIONS):
            names = ", ".join(KEPT_ATTENTIONS)
            raise OptionError(f"with keep_attention, attention must be none or one of {names}; got {self.attention!r}")

    @property
    def dtype(self) -> str:
        """Precision of the frozen weights, as torch names it."""
        return "bfloat16" if self.precision == "bf16" else "float32"


@dataclasses.dataclass(frozen=True)
class ValidationSettings:
    """Checkpoints, and what is found out about each of them.

    Attributes:
        save_steps: Steps between checkpoints, each of which is validated.
        save_total_limit: Number of the newest checkpoints that are kept, besides the best one.
        validation_prompts: Largest number of prompts of a validation, spread evenly over its suite.
        validation_seeds: Clips of each prompt of a validation, of seeds 0 and up.
        early_stop: Whether a checkpoint that has degenerated, by one of the next two, ends the training.
        max_coverage_loss: Largest difference by which coverage may fall below the base's, in 0..1.
        max_sharpness_change: Largest factor by which mean sharpness may differ from the base's, at least 1.

    Raises:
        OptionError: A value of another type, or out of range.
    """

    save_steps: int = 50
    save_total_limit: int = 3
    validation_prompts: int = 40
    validation_seeds: int = 2
    early_stop: bool = True
    max_coverage_loss: float = 0.1
    max_sharpness_change: float = 2.0

    def __post_init__(self) -> None:
        check_types(self)
        check_at_least(
            self, 1, "save_steps", "save_total_limit", "validation_prompts", "validation_seeds", "max_sharpness_change"
        )
        if not 0 <= self.max_coverage_loss <= 1:
            raise OptionError(f"max_coverage_loss must be in 0..1, got {self.max_coverage_loss}")


@dataclasses.dataclass(frozen=True)
class LossSettings:
    """The loss.

    Attributes:
        objective: `dpo`, `ipo`, or `sft` on the winners alone, of pairs; `nft` (DiffusionNFT) or `rwr`
            (reward-weighted regression) of all scored candidates with rewards. The regulariser is added to any of them.
        beta: Strength of the preference, for `dpo` and `ipo`.
        reg_weight: lambda of the regulariser.
        clip: Bound of DPO's margin; None for no bound.
        shared_noise: Whether winner and loser of a pair get the same noise (the paper draws two).
        reference: Frozen model of the loss from the second round on: `start`, the model the round begins with, whose
            gains the round adds to, or `base`. In the first round these are the same. For `nft` and `rwr`, `start` is
            the model that makes the round's candidates.

    Raises:
        OptionError: A value of another type, or out of range.
    """

    objective: str = "dpo"
    beta: float = 30.0
    reg_weight: float = 15.0
    clip: float | None = 5.0
    shared_noise: bool = True
    reference: str = "start"

    def __post_init__(self) -> None:
        check_types(self)
        if self.objective not in OBJECTIVE_NAMES:
            raise OptionError(f"no objective {self.objective!r}{near_matches(self.objective, OBJECTIVE_NAMES)}")
        if self.reference not in REFERENCES:
            raise OptionError(f"reference must be start or base, got {self.reference!r}")
        check_above_zero(self, "beta")
        check_at_least(self, 0, "reg_weight")
        check_finite(self, "beta", "reg_weight")
        if self.clip is not None and not self.clip > 0:
            raise OptionError(f"clip must be above 0, or none, got {self.clip}")

    @property
    def takes_clips(self) -> bool:
        """Whether the objective takes clips with rewards in place of pairs."""
        return self.objective in CLIP_OBJECTIVES


@dataclasses.dataclass(frozen=True)
class RewardSettings:
    """Settings of `nft` and `rwr`, which other objectives do not have in their records.

    Attributes:
        nft_beta: b of `nft`, above 0: smaller moves the model further from the reference for the same reward.
        min_spread: Smallest standard deviation of a prompt's scores that advantages are divided by; above 0 it keeps
            small differences, such as those between clips that all pass, from counting as much as large ones.
        sampler_ema: Share of the sampler of a round in the sampler of the next, in 0..1 without 1; the rest is the
            round's adapter. The sampler makes the candidates and is the reference.
        settled_share: Share of its candidates that a prompt keeps in the next round if all of them followed it, or
            none, in 0..1; what is saved goes to the other prompts. 1 gives every prompt the same number.
        plateau_factor: Factor of the learning rate after every round that validated no better than an earlier one, in
            0..1 without 0; 1 leaves the learning rate as it is.

    Raises:
        OptionError: A value of another type, or out of range.
    """

    nft_beta: float = 0.3
    min_spread: float = 0.0
    sampler_ema: float = 0.25
    settled_share: float = 0.5
    plateau_factor: float = 0.3

    def __post_init__(self) -> None:
        check_types(self)
        check_above_zero(self, "nft_beta", "plateau_factor")
        if self.plateau_factor > 1:
            raise OptionError(f"plateau_factor must be in 0..1, 0 left out, got {self.plateau_factor}")
        check_at_least(self, 0, "min_spread")
        check_finite(self, "nft_beta", "min_spread")
        if not 0 <= self.sampler_ema < 1:
            raise OptionError(f"sampler_ema must be in 0..1, 1 left out, got {self.sampler_ema}")
        if not 0 <= self.settled_share <= 1:
            raise OptionError(f"settled_share must be in 0..1, got {self.settled_share}")


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """All settings of a training. The key of a setting is unique over the groups.

    Attributes:
        lora: The LoRA.
        optimizer: The optimizer, the batches, and the precision.
        validation: Checkpoints and their validation.
        loss: The loss.
        rewards: Settings of `nft` and `rwr`.
    """

    lora: LoraSettings = LoraSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    validation: ValidationSettings = ValidationSettings()
    loss: LossSettings = LossSettings()
    rewards: RewardSettings = RewardSettings()

    def change(self, changes: Mapping[str, Any]) -> TrainingSettings:
        """Return the settings with other values.

        Args:
            changes: Values by key, as text or as values.

        Raises:
            OptionError: No such key, a value of another type, or one that is out of range.

        >>> TrainingSettings().change({"beta": "1", "max_steps": 20}).loss.beta
        1.0
        """
        values = convert_settings(changes)
        groups = {
            group.name: dataclasses.replace(getattr(self, group.name), **_select(group.default, values))
            for group in dataclasses.fields(self)
        }
        return dataclasses.replace(self, **groups)

    def record(self) -> dict[str, Any]:
        """Return the settings by key, as JSON values, without those that the objective does not have.

        Settings of speed that are as in versions without them are left out, so that trainings of these go on; so is
        `plateau_factor`, whose effect is the learning rate.
        """
        groups = dataclasses.asdict(self)
        del groups["rewards"]["plateau_factor"]
        if not self.loss.takes_clips:
            del groups["rewards"]
        for key in ("compile", "attention", "keep_attention", "activation_offloading"):
            if not groups["optimizer"][key]:
                del groups["optimizer"][key]
        values = {key: value for group in groups.values() for key, value in group.items()}
        return {**values, "target_modules": list(self.lora.target_modules)}


RENAMED = {
    "rank": "lora_rank",
    "alpha": "lora_alpha",
    "targets": "target_modules",
    "warm_up": "warmup_steps",
    "steps": "max_steps",
    "batch": "batch_size",
    "accumulation": "gradient_accumulation_steps",
    "max_norm": "max_grad_norm",
    "ema": "ema_decay",
    "every": "save_steps",
    "keep": "save_total_limit",
    "weight": "reg_weight",
}
"""Keys of earlier versions, on the command line and in files, with the keys that they have now."""


def rename_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the keys that settings have now, whatever version wrote them.

    >>> rename_settings({"rank": 2, "beta": 30.0})
    {'lora_rank': 2, 'beta': 30.0}
    """
    return {RENAMED.get(key, key): value for key, value in values.items()}


def convert_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as values of their types; ranges are not checked.

    Args:
        values: Values by key, as text or as values.

    Raises:
        OptionError: No such key, or a value of another type.
    """
    types = _read_types()
    for key in values:
        if key not in types:
            raise OptionError(f"no setting {key!r}{near_matches(key, types)}")
    return {key: _convert(key, value, types[key]) for key, value in values.items()}


def _read_types() -> dict[str, Any]:
    """Return the type of every setting by key."""
    groups = (type(group.default) for group in dataclasses.fields(TrainingSettings))
    return {key: kind for group in groups for key, kind in typing.get_type_hints(group).items()}


def _select(group: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that belong to a group."""
    return {field.name: values[field.name] for field in dataclasses.fields(group) if field.name in values}


def _convert(key: str, value: Any, kind: Any) -> Any:
    from dsrbench.backends.registry import convert_text

    if typing.get_origin(kind) is tuple:
        converted = tuple(value.split(",")) if isinstance(value, str) else value
        converted = tuple(converted) if isinstance(converted, list) else converted
    else:
        converted = convert_text(value, kind, f"setting {key!r}")
        if float in list_types(kind) and type(converted) is int:
            converted = float(converted)
    check_type(key, converted, kind)
    return converted
