"""`AlignConfig` and the settings of a training: every check is one line, and old keys are understood."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from dsrbench import AlignConfig, read_suite
from dsrbench.alignment.presets import PRESETS
from dsrbench.alignment.settings import (
    OBJECTIVE_NAMES,
    RENAMED,
    LoraSettings,
    LossSettings,
    OptimizerSettings,
    TrainingSettings,
    ValidationSettings,
    rename_settings,
)
from dsrbench.errors import OptionError

RANGES = [
    ({"objective": "ppo"}, "no objective 'ppo'"),
    ({"beta": 0}, "beta must be above 0, got 0.0"),
    ({"beta": math.nan}, "beta must be above 0, got nan"),
    ({"beta": math.inf}, "beta must be a finite number, got inf"),
    ({"reg_weight": -1}, "reg_weight must be at least 0, got -1.0"),
    ({"reg_weight": math.inf}, "reg_weight must be a finite number"),
    ({"clip": 0}, "clip must be above 0, or none, got 0.0"),
    ({"reference": "none"}, "reference must be start or base, got 'none'"),
    ({"lora_rank": 0}, "lora_rank must be at least 1, got 0"),
    ({"lora_alpha": 0}, "lora_alpha must be at least 1, got 0"),
    ({"learning_rate": 0}, "learning_rate must be above 0, got 0.0"),
    ({"learning_rate": math.inf}, "learning_rate must be a finite number"),
    ({"weight_decay": -1}, "weight_decay must be at least 0"),
    ({"weight_decay": math.inf}, "weight_decay must be a finite number"),
    ({"warmup_steps": -1}, "warmup_steps must be at least 0, got -1"),
    ({"max_steps": 0}, "max_steps must be at least 1, got 0"),
    ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps must be at least 1, got 0"),
    ({"gradient_accumulation_steps": 3}, "gradient_accumulation_steps must divide the batch_size of 8, got 3"),
    ({"max_grad_norm": 0}, "max_grad_norm must be above 0"),
    ({"ema_decay": 1}, "ema_decay must be in 0..1, 1 left out, got 1.0"),
    ({"precision": "8"}, "precision must be no or bf16, got '8'"),
    ({"seed": -1}, "seed must be at least 0, got -1"),
    ({"save_steps": 0}, "save_steps must be at least 1, got 0"),
    ({"save_total_limit": 0}, "save_total_limit must be at least 1, got 0"),
    ({"validation_prompts": 0}, "validation_prompts must be at least 1, got 0"),
    ({"validation_seeds": 0}, "validation_seeds must be at least 1, got 0"),
    ({"max_coverage_loss": 2}, "max_coverage_loss must be in 0..1, got 2.0"),
    ({"max_sharpness_change": 0.5}, "max_sharpness_change must be at least 1, got 0.5"),
    ({"nft_beta": 0}, "nft_beta must be above 0, got 0.0"),
    ({"nft_beta": math.inf}, "nft_beta must be a finite number"),
    ({"min_spread": -1}, "min_spread must be at least 0, got -1.0"),
    ({"sampler_ema": 1}, "sampler_ema must be in 0..1, 1 left out, got 1.0"),
    ({"settled_share": 1.5}, "settled_share must be in 0..1, got 1.5"),
    ({"plateau_factor": 0}, "plateau_factor must be above 0, got 0.0"),
    ({"plateau_factor": 2}, "plateau_factor must be in 0..1, 0 left out, got 2.0"),
]

TYPES = [
    ({"bta": 3}, "no setting 'bta'; did you mean 'beta'"),
    ({"beta": "much"}, "setting 'beta': expected float, got 'much'"),
    ({"beta": True}, "setting 'beta': expected float, got True"),
    ({"beta": None}, "setting 'beta': expected float, got None"),
    ({"clip": [5]}, r"setting 'clip': expected float or none, got \[5\]"),
    ({"lora_rank": 2.5}, "setting 'lora_rank': expected int, got 2.5"),
    ({"max_steps": True}, "setting 'max_steps': expected int, got True"),
    ({"precision": 16}, "setting 'precision': expected str, got 16"),
    ({"early_stop": "maybe"}, "setting 'early_stop': expected true or false, got 'maybe'"),
    ({"early_stop": 1}, "setting 'early_stop': expected bool, got 1"),
    ({"target_modules": 3}, "setting 'target_modules': expected a tuple of names, got 3"),
    ({"target_modules": ["to_q", 3]}, "setting 'target_modules': expected a tuple of names"),
    ({"target_modules": "to_q,"}, "setting 'target_modules': expected a tuple of names"),
]


TOGETHER = [
    ({"keep_attention": True}, "keep_attention needs gradient_checkpointing=true; set that too, or"),
    ({"activation_offloading": True}, "activation_offloading needs gradient_checkpointing=true; set that too, or"),
    (
        {"gradient_checkpointing": True, "keep_attention": True, "attention": "_native_math"},
        "with keep_attention, attention must be none or one of native, _native_cudnn, .*; got '_native_math'",
    ),
]
"""Settings that do not go together."""


@pytest.mark.parametrize(("changes", "words"), RANGES + TYPES + TOGETHER)
def test_a_bad_setting_is_one_line(changes, words):
    with pytest.raises(OptionError, match=words) as caught:
        TrainingSettings().change(changes)
    assert "\n" not in str(caught.value)


GROUPS = [
    (LoraSettings, {"target_modules": "to_q"}, "expected a tuple of names, got 'to_q'"),
    (OptimizerSettings, {"max_steps": "4"}, "setting 'max_steps': expected int, got '4'"),
    (ValidationSettings, {"early_stop": None}, "setting 'early_stop': expected bool, got None"),
    (LossSettings, {"beta": "30"}, "setting 'beta': expected float, got '30'"),
]


@pytest.mark.parametrize(("group", "values", "words"), GROUPS)
def test_a_group_checks_itself(group, values, words):
    with pytest.raises(OptionError, match=words):
        group(**values)


def test_every_numeric_setting_has_a_check():
    texts = {"early_stop", "gradient_checkpointing", "shared_noise", "target_modules"}
    record = TrainingSettings().change({"objective": "nft"}).record()
    assert {key for changes, _ in RANGES for key in changes} == {*record, "plateau_factor"} - texts


def test_texts_become_values():
    settings = TrainingSettings().change({"clip": "none", "beta": "1", "target_modules": "to_q,to_k", "max_steps": "7"})
    assert (settings.loss.clip, settings.loss.beta, settings.optimizer.max_steps) == (None, 1.0, 7)
    assert settings.lora.target_modules == ("to_q", "to_k")
    assert isinstance(settings.loss.beta, float)


def test_a_record_gives_the_settings_again():
    settings = TrainingSettings().change({**PRESETS["spatialalign"], "target_modules": ["to_q"]})
    assert TrainingSettings().change(settings.record()) == settings
    keys = [key for group in dataclasses.asdict(settings).values() for key in group]
    assert len(set(keys)) == len(keys)


def test_old_keys_are_renamed_to_keys_there_are():
    record = TrainingSettings().record()
    assert set(RENAMED.values()) <= set(record)
    assert not set(RENAMED) & set(record)
    old = {{new: key for key, new in RENAMED.items()}.get(key, key): value for key, value in record.items()}
    assert rename_settings(old) == record


def test_the_objectives_are_those_of_the_losses():
    losses = pytest.importorskip("dsrbench.alignment.losses")
    assert (*losses.OBJECTIVES, *losses.CLIP_OBJECTIVES) == OBJECTIVE_NAMES


def test_only_objectives_on_clips_record_their_settings():
    assert not {"nft_beta", "sampler_ema", "settled_share"} & set(TrainingSettings().record())
    settings = TrainingSettings().change({"objective": "nft", "nft_beta": 0.5})
    assert settings.record()["nft_beta"] == 0.5
    assert TrainingSettings().change(settings.record()) == settings


BAD = [
    ({"model": ""}, "expected model as a text or a path, got ''"),
    ({"model": None}, "expected model as a text or a path, got None"),
    ({"out": 3}, "expected out as a text or a path, got 3"),
    ({"suite": 3}, "expected suite as a suite, its name or its file, got 3"),
    ({"held_out": ["a"]}, "expected held_out as a suite"),
    ({"validation": False}, "expected validation as a suite"),
    ({"rounds": 0}, "expected rounds >= 1, got 0"),
    ({"rounds": None}, "expected rounds >= 1, got None"),
    ({"rounds": 1.5}, "expected rounds >= 1, got 1.5"),
    ({"pairs": 3}, "expected pairs as a file or a dataset, got 3"),
    ({"pairs": "data", "rounds": 2}, "pairs go with one round"),
    ({"candidate_seeds": "0..7"}, "expected candidate_seeds as a sequence of integers >= 0"),
    ({"candidate_seeds": []}, "expected candidate_seeds as a sequence of integers >= 0"),
    ({"seeds": [0, -1]}, "expected seeds as a sequence of integers >= 0"),
    ({"seeds": [1, 1]}, "expected each seed once"),
    ({"per_prompt": 0}, "expected per_prompt >= 1, got 0"),
    ({"per_prompt": True}, "expected per_prompt >= 1, got True"),
    ({"stages": "train"}, r"expected stages as a sequence of names, such as \['candidates'\], got 'train'"),
    ({"stages": []}, "expected stages as a sequence of names"),
    ({"stages": ["trian"]}, "no 'trian' among stages; did you mean 'train'"),
    ({"preset": "paper"}, "no preset 'paper'. Known: spatialalign"),
    ({"preset": 3}, "expected preset as a name, got 3"),
    ({"preset": "spatialalign", "training": TrainingSettings()}, "preset goes with settings by key"),
    ({"training": ["beta=3"]}, "expected the settings of the training by key"),
    ({"training": {"bta": 3}}, "no setting 'bta'; did you mean 'beta'"),
    ({"training": {"beta": "much"}}, "setting 'beta': expected float, got 'much'"),
    ({"log_with": "wandb"}, "expected log_with as a sequence of names"),
    ({"log_with": ["wandbb"]}, "no 'wandbb' among log_with; did you mean 'wandb'"),
    ({"protocol": 1}, "expected protocol as a name, got 1"),
    ({"detector": 1}, "expected detector as a name, got 1"),
    ({"tracker": 1}, "expected tracker as a name, got 1"),
    ({"depth": 1}, "expected depth as a name, got 1"),
    ({"second_detector": 1}, "expected second_detector as a name, got 1"),
    ({"dinov2": 1}, "expected dinov2 as a name, got 1"),
    ({"clip_iqa": 1}, "expected clip_iqa as a name, got 1"),
    ({"options": 3}, "expected the options of backends by kind, got 3"),
    ({"options": {"detectr": {}}}, "unknown kind 'detectr' of options; did you mean 'detector'"),
    ({"options": {"detector": 3}}, "expected the options of the detector by name, got 3"),
    ({"options": {"second_detector": {"a": 1}}}, "option second_detector.a needs a second detector"),
    ({"offline": "no"}, "expected offline as true or false, got 'no'"),
]


@pytest.mark.parametrize(("values", "words"), BAD)
def test_a_bad_configuration_is_one_line(values, words):
    with pytest.raises(OptionError, match=words) as caught:
        AlignConfig(**{"out": "runs/x", **values})
    assert "\n" not in str(caught.value)


def test_every_field_of_the_configuration_is_checked():
    assert {key for values, _ in BAD for key in values} == {field.name for field in dataclasses.fields(AlignConfig)}


def test_a_configuration_needs_only_where_to_put_things():
    config = AlignConfig(out="runs/x")
    assert (config.model, list(config.candidate_seeds), list(config.seeds)) == ("sprites", [*range(8)], [*range(5)])
    assert AlignConfig(model=Path("model"), out=Path("x"), suite=read_suite("sprites"), log_with=()).rounds == 1


def test_pairs_that_are_given_take_the_place_of_candidates():
    assert AlignConfig(out="x").stages_to_run == ("candidates", "pairs", "latents", "train", "evaluate")
    assert AlignConfig(out="x", pairs="data").stages_to_run == ("pairs", "latents", "train", "evaluate")
    assert AlignConfig(out="x", pairs="data", stages=["latents"]).stages_to_run == ("pairs", "latents")
    assert AlignConfig(out="x", pairs="data", stages=["train"]).stages_to_run == ("train",)
