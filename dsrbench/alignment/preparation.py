"""The choices of an alignment before anything is fetched or made: suites, backends, stages, settings."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsrbench.alignment.config import NO_SUITE, AlignConfig
from dsrbench.alignment.presets import PRESETS, adapt_to_objective
from dsrbench.alignment.settings import TrainingSettings
from dsrbench.backends.base import Generator
from dsrbench.backends.pretrained.acceleration import check_attention
from dsrbench.backends.registry import Backend
from dsrbench.backends.resolve import name_model, resolve_model
from dsrbench.errors import InputError, MissingExtraError, OptionError
from dsrbench.evaluation.defaults import (
    EMBEDDED,
    EMBEDDED_DEPTH,
    SECOND_DETECTOR,
    Choice,
    Defaults,
    choose_backends,
    follow_model,
)
from dsrbench.evaluation.request import request_generator
from dsrbench.evaluation.weights import Request
from dsrbench.prompts import Suite, read_suite

SuiteName = Suite | str | Path


@dataclasses.dataclass(frozen=True)
class Preparation:
    """A configuration with all choices made; no weights were looked at.

    Attributes:
        config: The configuration.
        generator: The base model as a generator.
        train: Prompts to train on.
        held_out: Prompts to evaluate on.
        validation: Prompts to validate checkpoints on; None for no validation.
        choice: Protocol, detector and tracker.
        second: Detector and tracker that score the evaluation again; None for no second detector.
        default_note: Words that say what was chosen by default, and why; empty where nothing was.
    """

    config: AlignConfig
    generator: Request
    train: Suite
    held_out: Suite
    validation: Suite | None
    choice: Choice
    second: Choice | None
    default_note: str

    @property
    def backends(self) -> list[Request]:
        """Every backend whose weights must be on this machine."""
        second = [self.second.detector] if self.second is not None else []
        return [self.generator, *self.choice.backends, *second]

    def make_generator(self, adapter: Path | None) -> Backend[Generator]:
        """Make the model as a generator, with the adapter in a folder on it, or without one."""
        options = {"adapter": str(adapter)} if adapter is not None else {}
        return dataclasses.replace(self.generator, options={**self.generator.options, **options}).make()

    def find_model(self) -> tuple[str, Path]:
        """Return the name of the model and its folder: the user's, the Hub's cache, or the embedded one.

        Raises:
            WeightsError: It is not on this machine.
            InputError: A model whose weights are elsewhere and cannot be trained.
        """
        from dsrbench.sprites import embedded

        model = str(self.config.model)
        generator, options = resolve_model(model)
        own = {EMBEDDED: embedded.MODEL, EMBEDDED_DEPTH: embedded.DEPTH_MODEL}
        if generator in own:
            folder = Path(options.get("folder", own[generator]))
        elif generator == "diffusers":
            from dsrbench.backends.generators.loading import find_model

            revision = self.config.options.get("generator", {}).get("revision")
            folder = find_model(options["model"], revision=revision).source.folder
        else:
            raise InputError(f"{model}: the weights of generator {generator!r} are not here to be trained")
        return name_model(model, None), folder

    def choose_settings(self, folder: Path) -> TrainingSettings:
        """Return the preset's settings, or the model family's own, as the objective and the configuration change them.

        Args:
            folder: Folder of the model.

        Raises:
            OptionError: A value out of range, pairs for an objective on clips, or an attention kernel that cannot be
                used.
            InputError: A model that no family knows.
        """
        from dsrbench.alignment.families import find_family_class

        changes, preset = self.config.training, self.config.preset
        if isinstance(changes, TrainingSettings):
            return self._check_settings(changes)
        base = find_family_class(folder).defaults if preset is None else PRESETS[preset]
        defaults = TrainingSettings().change(base)
        objective = str(changes.get("objective", defaults.loss.objective))
        return self._check_settings(adapt_to_objective(defaults, objective).change(changes))

    def _check_settings(self, settings: TrainingSettings) -> TrainingSettings:
        if settings.loss.takes_clips and (self.config.pairs is not None or self.config.per_prompt is not None):
            raise OptionError(
                f"objective {settings.loss.objective} takes all scored candidates, not pairs; leave out pairs and "
                f"per_prompt"
            )
        if settings.optimizer.attention is not None:
            check_attention(settings.optimizer.attention)
        return settings


def prepare_alignment(config: AlignConfig) -> Preparation:
    """Make the choices that a configuration leaves open.

    Raises:
        MissingExtraError: The packages of the extra `align` are not installed.
        UnknownBackendError: No such model, detector or tracker.
        PromptError: No such suite, or one that cannot be read.
        OptionError: Several processes for more than the training, or a protocol or a device that there is not.
    """
    _check_packages()
    _check_processes(config.stages_to_run)
    model_options = config.options.get("generator", {})
    generator = request_generator(str(config.model), None, model_options)
    defaults = follow_model(generator.name, generator.options)
    suites = _choose_suites(config, defaults)
    train, held_out = _read(suites["suite"]), _read(suites["held-out"])
    validation = _read(suites["validation"]) if suites["validation"] != NO_SUITE else None
    prompts = (*train, *held_out, *(validation or ()))
    choice = choose_backends(
        config.protocol,
        detector=config.detector,
        tracker=config.tracker,
        depth=config.depth,
        prompts=prompts,
        options={kind: values for kind, values in config.options.items() if kind != SECOND_DETECTOR},
        defaults=defaults,
    )
    second = None
    if config.second_detector is not None:
        own = {"detector": config.options.get(SECOND_DETECTOR, {}), "depth": config.options.get("depth", {})}
        second = choose_backends(
            "default",
            detector=config.second_detector,
            tracker=config.tracker,
            depth=config.depth,
            prompts=prompts,
            options=own,
            defaults=defaults,
        )
    description = _describe_defaults(config, defaults, suites)
    return Preparation(config, generator, train, held_out, validation, choice, second, description)


def _check_packages() -> None:
    try:
        import accelerate  # noqa: F401
        import peft  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("dsrbench align", error.name or "peft", "align") from None


def _check_processes(stages: tuple[str, ...]) -> None:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and set(stages) != {"train"}:
        raise OptionError(
            "several processes train together, all else is for one: run the other stages without torchrun, and with it "
            "--only train"
        )


def _choose_suites(config: AlignConfig, defaults: Defaults) -> dict[str, SuiteName]:
    """Choose the suites to train on, to evaluate on and to validate on, by the option that names each.

    Validation prompts are the model's own only where the prompts to train on are, or are a suite of the same family.
    """
    family = defaults.train.partition(":")[0].removesuffix("-train")
    name = config.suite.name if isinstance(config.suite, Suite) else str(config.suite)
    is_own = config.suite is None or name == family or name.startswith(f"{family}-")
    return {
        "suite": config.suite or defaults.train,
        "held-out": config.held_out or defaults.held_out,
        "validation": config.validation or (defaults.validation if is_own else NO_SUITE),
    }


def _describe_defaults(config: AlignConfig, defaults: Defaults, suites: Mapping[str, Any]) -> str:
    """Say which suites and which detector were chosen by default, and why."""
    chosen = {"suite": config.suite, "held-out": config.held_out, "validation": config.validation}
    parts = [f"{name} {suite}" for name, suite in suites.items() if chosen[name] is None]
    if not any((config.protocol, config.detector, config.tracker)):
        parts.append(defaults.describe())
    return ", ".join(parts)


def _read(suite: SuiteName) -> Suite:
    return suite if isinstance(suite, Suite) else read_suite(suite)
