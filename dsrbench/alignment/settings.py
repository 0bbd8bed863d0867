"""All that decides what a training makes, in one value, and the named presets."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from dsrbench.alignment.losses import OBJECTIVES
from dsrbench.errors import OptionError, near_matches


@dataclasses.dataclass(frozen=True)
class AlignSettings:
    """Settings of a training.

    Attributes:
        objective: `dpo`, `ipo`, or `sft` on the winners alone; the regulariser is added to any of them.
        beta: Strength of the preference.
        weight: lambda of the regulariser.
        clip: Bound of DPO's margin; None for none.
        shared_noise: Whether winner and loser of a pair get the same noise (the paper draws two).
        rank: Rank of the LoRA.
        alpha: Scale of the LoRA: its change is multiplied by alpha / rank.
        targets: Names of the layers it is put on; empty for the model's own.
        learning_rate: Learning rate of AdamW after the warm-up.
        weight_decay: Weight decay of AdamW.
        warm_up: Steps over which the learning rate grows; afterwards it falls along a cosine to nothing.
        steps: Steps of the optimizer.
        batch: Pairs a step, over all processes and accumulated parts.
        accumulation: Parts a process makes of its share of a batch, to save memory.
        max_norm: Gradients are scaled down to this norm.
        ema: Decay of averaged weights, which are then what is saved; 0 for none.
        precision: `no` for float32, or `bf16`; the LoRA is float32 in either.
        gradient_checkpointing: Compute activations again in the backward pass, to save memory.
        seed: Random seed of the training.
        reference: From the second round on, the frozen model of the loss: `start`, the one the round begins with, whose
            gains the round adds to, or `base`. In the first round these are one.
        every: Steps between checkpoints, each of which is validated.
        keep: Checkpoints kept: so many of the newest, and the best.
        validation_prompts: Most prompts of a validation, spread evenly over its suite.
        validation_seeds: Clips a prompt of a validation, seeds 0 and up.
        early_stop: Whether a checkpoint that has degenerated, by either of the next two, ends the training.
        max_coverage_loss: Most by which coverage may fall below the base's, 0..1.
        max_sharpness_change: Most by which mean sharpness may be multiplied or divided, against the base's.
    """

    objective: str = "dpo"
    beta: float = 30.0
    weight: float = 15.0
    clip: float | None = 5.0
    shared_noise: bool = True
    rank: int = 16
    alpha: int = 16
    targets: tuple[str, ...] = ()
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    warm_up: int = 20
    steps: int = 300
    batch: int = 8
    accumulation: int = 1
    max_norm: float = 1.0
    ema: float = 0.0
    precision: str = "no"
    gradient_checkpointing: bool = False
    seed: int = 0
    reference: str = "start"
    every: int = 50
    keep: int = 3
    validation_prompts: int = 40
    validation_seeds: int = 2
    early_stop: bool = True
    max_coverage_loss: float = 0.1
    max_sharpness_change: float = 2.0

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise OptionError(f"no objective {self.objective!r}{near_matches(self.objective, OBJECTIVES)}")
        if self.precision not in ("no", "bf16"):
            raise OptionError(f"precision must be no or bf16, got {self.precision!r}")
        if self.reference not in ("start", "base"):
            raise OptionError(f"reference must be start or base, got {self.reference!r}")
        counts = ("rank", "alpha", "steps", "batch", "accumulation", "every", "keep")
        bounds = [
            *(
                (name, "at least 1", getattr(self, name) >= 1)
                for name in (*counts, "validation_prompts", "validation_seeds", "max_sharpness_change")
            ),
            *((name, "above 0", getattr(self, name) > 0) for name in ("beta", "learning_rate", "max_norm")),
            ("clip", "above 0, or none", self.clip is None or self.clip > 0),
            *((name, "at least 0", getattr(self, name) >= 0) for name in ("weight", "weight_decay", "warm_up")),
            *(
                (name, "a finite number", math.isfinite(getattr(self, name)))
                for name in ("beta", "learning_rate", "weight", "weight_decay")
            ),
            ("ema", "in 0..1, 1 left out", 0 <= self.ema < 1),
            ("max_coverage_loss", "in 0..1", 0 <= self.max_coverage_loss <= 1),
        ]
        for name, bound, holds in bounds:
            if not holds:
                raise OptionError(f"{name} must be {bound}, got {getattr(self, name)}")
        if self.batch % self.accumulation:
            raise OptionError(f"accumulation must divide the batch of {self.batch}, got {self.accumulation}")

    @property
    def dtype(self) -> str:
        """Precision of the frozen weights."""
        return "bfloat16" if self.precision == "bf16" else "float32"

    def record(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {**dataclasses.asdict(self), "targets": list(self.targets)}


PRESETS: dict[str, dict[str, Any]] = {
    "spatialalign": {
        "objective": "dpo",
        "beta": 1.0,
        "weight": 0.5,
        "clip": 5.0,
        "shared_noise": False,
        "rank": 16,
        "alpha": 16,
        "learning_rate": 1e-4,
        "warm_up": 300,
        "steps": 3000,
        "batch": 48,
        "precision": "bf16",
        "gradient_checkpointing": True,
    },
}
"""Settings by name: those of the paper (arXiv 2602.22745). The adapter it published is of step 2,400."""
