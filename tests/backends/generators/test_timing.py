"""The time of a clip from one and two blocks: what is built, what is added up, and where nothing is timed."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import torch

from dsrbench.backends.generators import pipelines, timing
from dsrbench.backends.generators.pipelines import Pipelines
from dsrbench.backends.generators.timing import time_clip

SIZES = {
    # recipe: size of a clip that its tiny model makes
    "wan2.1-1.3b": {"frames": 5, "height": 32, "width": 48},
    "cogvideox-2b": {"frames": 9, "height": 64, "width": 64},
    "cogvideox1.5-5b": {"frames": 17, "height": 64, "width": 64},
    "ltx": {"frames": 9, "height": 64, "width": 96},
}


def open_model(folder, recipe, **options):
    return Pipelines(model=str(folder(recipe)), steps=30, dtype="float32", device="cpu", **SIZES[recipe], **options)


@pytest.mark.parametrize("recipe", SIZES)
def test_a_clip_is_timed_with_one_block_and_with_two(pipeline_folder, recipe, monkeypatch):
    built, build = [], timing._build

    def record(*arguments, n_layers):
        pipe, n_real = build(*arguments, n_layers=n_layers)
        blocks = [len(part) for part in pipe.transformer.children() if isinstance(part, torch.nn.ModuleList)]
        built.append((pipe.text_encoder, max(blocks), n_real))
        return pipe, n_real

    monkeypatch.setattr(timing, "_build", record)
    pipeline = open_model(pipeline_folder, recipe)
    assert time_clip(pipeline.model, pipeline.settings, "cpu") > 0
    n_real = built[0][2]
    assert built == [(None, 1, n_real), (None, 2, n_real)]
    assert "_pipeline" not in vars(pipeline), "no weights are read"


def test_steps_blocks_and_decoding_are_added_up(pipeline_folder, monkeypatch):
    pipeline = open_model(pipeline_folder, "wan2.1-1.3b")
    seconds = iter([(2.0, 10.0), (2.0, 17.0), (5.0, 0.0)])  # of a step, and of a call: latents, frames, two blocks
    monkeypatch.setattr(timing, "_time_steps", lambda *_, **__: next(seconds))
    monkeypatch.setattr(timing, "_build", lambda *_, **__: (None, 4))
    assert time_clip(pipeline.model, pipeline.settings, "cpu") == 30 * (2 + 3 * 3) + 7


def test_a_pipeline_without_known_texts_is_not_timed(pipeline_folder):
    pipeline = open_model(pipeline_folder, "wan2.1-1.3b")
    recipe = dataclasses.replace(pipeline.model.recipe, pipeline="MochiPipeline")
    assert time_clip(dataclasses.replace(pipeline.model, recipe=recipe), pipeline.settings, "cpu") is None


def test_every_known_pipeline_has_a_recipe(pipeline_folder):
    classes = {open_model(pipeline_folder, recipe).model.recipe.pipeline for recipe in SIZES}
    assert classes == set(timing.TEXTS)


def fail(*_, **__):
    raise RuntimeError("CUDA error: out of memory")


TIMED = [
    # device, offload, what times, what the footprint says
    ("cuda", "none", lambda *_, **__: 12.5, 12.5),
    ("cuda:1", "none", lambda *_, **__: 12.5, 12.5),
    ("cpu", "none", fail, None),
    ("cuda", "model", fail, None),
    ("cuda", "none", fail, None),
]


@pytest.mark.parametrize(("device", "offload", "measure", "expected"), TIMED)
def test_only_on_a_gpu_and_never_at_the_cost_of_the_rest(
    pipeline_folder, monkeypatch, device, offload, measure, expected
):
    pipeline = open_model(pipeline_folder, "wan2.1-1.3b")
    pipeline._placement = dataclasses.replace(pipeline._placement, device=device, offload=offload)
    monkeypatch.setattr(pipelines, "check_device", lambda device: device)
    monkeypatch.setattr(pipelines, "time_clip", measure)
    footprint = pipeline.footprint()
    assert footprint.timed == expected
    assert footprint.basis == "measured"
