"""`AlignConfig`: everything that an alignment is asked to do, in one value."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsrbench.alignment.presets import check_preset
from dsrbench.alignment.settings import TrainingSettings, convert_settings
from dsrbench.errors import OptionError, near_matches

if TYPE_CHECKING:
    from dsrbench.backends.protocols import Options
    from dsrbench.prompts import Suite

STAGES = ("candidates", "pairs", "latents", "train", "evaluate")
"""Stages of a round, in the order in which they are run."""

TRACKERS = ("tensorboard", "wandb")
"""Trackers by name; each is the package it needs."""

NO_SUITE = "none"
"""Name of the validation suite that stands for no validation."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlignConfig:
    """Everything that an alignment is asked to do; None leaves a choice to the defaults, which follow the model.

    Attributes:
        model: Model to train: the embedded model `sprites`, a recipe's name, a folder, or an id in the Hub's cache.
        out: Folder for everything; an alignment that it holds a part of is gone on with.
        suite: Prompts to train on: a suite, its name, or its file.
        held_out: Prompts to evaluate base and adapter on.
        validation: Prompts that every checkpoint is validated on; `none` for no validation.
        rounds: Number of rounds of self-improvement, at least 1.
        pairs: Pairs to train on in place of candidates: a file of `dsrbench pairs`, or a dataset.
        candidate_seeds: Seeds of the candidates of every prompt.
        seeds: Seeds of the evaluation, the same for base and adapter.
        per_prompt: Largest number of pairs of a prompt; None for all.
        stages: Stages to run, of `STAGES`; others are taken as they were left.
        preset: Name of settings of the training, of `PRESETS`; by default the model's own.
        training: Settings of the training: a mapping of those that differ from the preset by key (`{"beta": 15}`), as
            text or as values, or all of them.
        log_with: Trackers that the training is followed in as well, of `TRACKERS`.
        protocol: Name of a protocol.
        detector: Name of the detector, which is the reward.
        tracker: Name of the tracker.
        depth: Name of the depth estimator, for prompts that need one.
        options: Options of backends by kind (`detector`, `tracker`, `generator`, `second_detector`, `depth`), as text
            or as values.
        second_detector: Name of a detector that is not the reward, which scores the evaluation as well.
        dinov2: Model of its quality figure: a folder, an id in the Hub's cache, or `none`.
        clip_iqa: CLIP of CLIP-IQA, likewise.
        offline: Whether to refuse to fetch weights that are missing.

    Raises:
        OptionError: A value of another kind or out of range, or two that exclude each other.
    """

    model: str | Path = "sprites"
    out: str | Path
    suite: Suite | str | Path | None = None
    held_out: Suite | str | Path | None = None
    validation: Suite | str | Path | None = None
    rounds: int = 1
    pairs: str | Path | None = None
    candidate_seeds: Sequence[int] = tuple(range(8))
    seeds: Sequence[int] = tuple(range(5))
    per_prompt: int | None = None
    stages: Sequence[str] = STAGES
    preset: str | None = None
    training: TrainingSettings | Mapping[str, Any] = dataclasses.field(default_factory=dict)
    log_with: Sequence[str] = ("tensorboard",)
    protocol: str | None = None
    detector: str | None = None
    tracker: str | None = None
    depth: str | None = None
    options: Options = dataclasses.field(default_factory=dict)
    second_detector: str | None = None
    dinov2: str | None = None
    clip_iqa: str | None = None
    offline: bool = False

    def __post_init__(self) -> None:
        from dsrbench.evaluation.defaults import check_second_detector
        from dsrbench.evaluation.request import check_options, check_seeds

        self._check_names()
        self._check_counts()
        check_seeds("candidate_seeds", self.candidate_seeds)
        check_seeds("seeds", self.seeds)
        check_options(self.options)
        check_second_detector(self.second_detector, self.options)
        _check_members("stages", self.stages, STAGES)
        _check_members("log_with", self.log_with, TRACKERS, least=0)
        self._check_training()
        if self.pairs is not None and self.rounds > 1:
            raise OptionError("pairs go with one round: further rounds make candidates of their own")

    @property
    def stages_to_run(self) -> tuple[str, ...]:
        """Stages that are left to do where pairs are given: these have no candidates, and come before their latents."""
        if self.pairs is None:
            return tuple(self.stages)
        stages = tuple(stage for stage in self.stages if stage != "candidates")
        return ("pairs", *stages) if "latents" in stages and "pairs" not in stages else stages

    def _check_names(self) -> None:
        from dsrbench.prompts import Suite

        paths = {"model": self.model, "out": self.out}
        for name, path in paths.items():
            if not isinstance(path, str | Path) or not str(path):
                raise OptionError(f"expected {name} as a text or a path, got {path!r}")
        if self.pairs is not None and not isinstance(self.pairs, str | Path):
            raise OptionError(f"expected pairs as a file or a dataset, got {self.pairs!r}")
        suites = {"suite": self.suite, "held_out": self.held_out, "validation": self.validation}
        for name, suite in suites.items():
            if suite is not None and not isinstance(suite, str | Path | Suite):
                raise OptionError(f"expected {name} as a suite, its name or its file, got {suite!r}")
        names = {
            "preset": self.preset,
            "protocol": self.protocol,
            "detector": self.detector,
            "tracker": self.tracker,
            "depth": self.depth,
            "second_detector": self.second_detector,
            "dinov2": self.dinov2,
            "clip_iqa": self.clip_iqa,
        }
        for name, value in names.items():
            if value is not None and not isinstance(value, str):
                raise OptionError(f"expected {name} as a name, got {value!r}")

    def _check_counts(self) -> None:
        for name, count in {"rounds": self.rounds, "per_prompt": self.per_prompt}.items():
            is_open = name == "per_prompt" and count is None
            if not is_open and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
                raise OptionError(f"expected {name} >= 1, got {count!r}")
        if not isinstance(self.offline, bool):
            raise OptionError(f"expected offline as true or false, got {self.offline!r}")

    def _check_training(self) -> None:
        check_preset(self.preset)
        if isinstance(self.training, TrainingSettings):
            if self.preset is not None:
                raise OptionError("preset goes with settings by key, not with TrainingSettings, which are all of them")
        elif isinstance(self.training, Mapping):
            convert_settings(self.training)
        else:
            raise OptionError(f"expected the settings of the training by key, got {self.training!r}")


def _check_members(name: str, values: Sequence[str], names: Sequence[str], *, least: int = 1) -> None:
    """Check that names are a sequence of known ones.

    Raises:
        OptionError: They are not; near matches are named.
    """
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) < least:
        raise OptionError(f"expected {name} as a sequence of names, such as {list(names[:1])}, got {values!r}")
    for value in values:
        if value not in names:
            raise OptionError(f"no {value!r} among {name}{near_matches(str(value), names)}")
