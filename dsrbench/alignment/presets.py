"""Named presets of settings, and defaults that follow the objective."""

from __future__ import annotations

from typing import Any

from dsrbench.alignment.settings import CLIP_OBJECTIVES, TrainingSettings
from dsrbench.errors import OptionError, near_matches

PRESETS: dict[str, dict[str, Any]] = {
    "spatialalign": {
        "objective": "dpo",
        "beta": 1.0,
        "reg_weight": 0.5,
        "clip": 5.0,
        "shared_noise": False,
        "lora_rank": 16,
        "lora_alpha": 16,
        "learning_rate": 1e-4,
        "warmup_steps": 300,
        "max_steps": 3000,
        "batch_size": 48,
        "precision": "bf16",
        "gradient_checkpointing": True,
    },
}
"""Settings by name: those of the paper (arXiv 2602.22745). The adapter it published is of step 2,400."""


def adapt_to_objective(settings: TrainingSettings, objective: str) -> TrainingSettings:
    """Return settings that were chosen for pairs as defaults of an objective; those on clips have others.

    A step has as many clips as before, and there is no regulariser: the loss itself holds the model near the sampler.

    >>> adapted = adapt_to_objective(TrainingSettings(), "nft")
    >>> adapted.optimizer.batch_size, adapted.loss.reg_weight
    (16, 0.0)
    """
    if objective not in CLIP_OBJECTIVES:
        return settings
    return settings.change({"batch_size": 2 * settings.optimizer.batch_size, "reg_weight": 0.0})


def check_preset(name: str | None) -> None:
    """Check that a preset is known.

    Raises:
        OptionError: No such preset; near matches are named.
    """
    if name is not None and name not in PRESETS:
        raise OptionError(f"no preset {name!r}{near_matches(name, PRESETS)}")
