"""Training of the changes for prompts with depth: seeded, resumable, of train triples alone, over a fixed base."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from factories.sprites import SETTINGS, write_model  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from dsrbench.prompts import parse_prompt  # noqa: E402
from dsrbench.sprites.embedded import find_base, find_weights_folder, read_sums  # noqa: E402
from dsrbench.sprites.model.loading import CHANGES, load_pipeline  # noqa: E402
from dsrbench.sprites.split import split_depth_triples  # noqa: E402
from dsrbench.sprites.training.adapter import encode_depth_clips, make_adapter, train_adapter  # noqa: E402
from dsrbench.sprites.training.latents import WITH_DEPTH, draw_foreground, read_clips  # noqa: E402
from dsrbench.sprites.training.loop import Clock  # noqa: E402

TEXT = "In a meadow, a cat is in front of a box, then the cat walks behind the box."


class Stops:
    """A clock that stops every run after a few looks."""

    def __init__(self, looks):
        self.looks = looks

    def is_over(self):
        self.looks -= 1
        return self.looks < 0


def run_stages(folder, clock=None):
    clock = clock or Clock(None)
    return all(stage(folder, SETTINGS, clock) for stage in (encode_depth_clips, train_adapter))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    write_model(folder / "model")
    assert run_stages(folder)
    return folder


def changes_of(folder):
    tensors = load_file(folder / "depth-model" / CHANGES)
    return tensors | load_file(folder / "depth-model" / "text_encoder" / "diffusion_pytorch_model.safetensors")


def test_the_result_is_small_whole_and_can_be_loaded(trained):
    folder = find_weights_folder("depth-model", trained / "depth-model")
    assert find_base(folder) == trained / "model"
    assert {value.dtype for value in changes_of(trained).values()} == {torch.float16}
    assert any(value.abs().max() > 0 for name, value in changes_of(trained).items() if name.endswith(".up"))
    pipeline = load_pipeline(folder)
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline(TEXT, num_inference_steps=1).frames.shape == (1, 16, 32, 48, 3)
    card = (folder / "README.md").read_text()
    assert "the 500 of the train split" in card
    assert "| `adapter_rank` | `2` |" in card
    assert str(trained) not in card + (folder / "model_index.json").read_text()


def test_the_base_is_left_alone(trained, tmp_path):
    assert read_sums(trained / "model") == read_sums(write_model(tmp_path / "model"))
    find_weights_folder("model", trained / "model")


def test_clips_are_of_train_triples(trained):
    latents, texts = read_clips(trained, SETTINGS, WITH_DEPTH)
    assert latents.shape == (8, 4, 16, 8, 12)
    triples = {(p.subject, p.object, p.type) for p in map(parse_prompt, texts)}
    assert triples <= set(split_depth_triples()["train"])
    shown = draw_foreground(SETTINGS, WITH_DEPTH)
    assert shown.shape == (8, 16, 8, 12)
    assert 0.05 < shown.mean() < 0.5


def test_an_interrupted_training_ends_with_the_same_changes(trained, tmp_path):
    write_model(tmp_path / "model")
    runs = 0
    while not run_stages(tmp_path, Stops(2)):
        runs += 1
        assert runs < 10
    assert runs >= 2
    whole, pieces = changes_of(trained), changes_of(tmp_path)
    assert whole.keys() == pieces.keys()
    for name, value in whole.items():
        torch.testing.assert_close(pieces[name], value, msg=name)
    lines = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert [(line["stage"], line["step"]) for line in lines] == [("adapter", 4)]


def test_a_finished_training_is_left_alone(trained):
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}
    assert run_stages(trained)
    assert before == {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}


def test_only_the_changes_and_the_text_encoder_are_trained(trained):
    networks, _, progress = make_adapter(trained, SETTINGS)
    optimized = {id(p) for o in progress.optimizers for group in o.param_groups for p in group["params"]}
    for name, parameter in networks.named_parameters():
        is_trained = name.startswith("text_encoder.") or name.endswith((".up", ".down"))
        assert (id(parameter) in optimized) == is_trained == parameter.requires_grad, name
    fresh = networks["text_encoder"].embedding.weight[-2:].detach()
    assert np.isfinite(fresh.numpy()).all()
    assert (fresh[0] - fresh[1]).abs().max() > 0.1
