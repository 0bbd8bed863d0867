"""bf16 beside float32, activations that are computed again, and two processes beside one."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("accelerate")

from factories.pairs import write_pairs  # noqa: E402
from factories.pipelines import wan21_1_3b  # noqa: E402
from factories.sprites import write_model  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from dsrbench.alignment.families import find_family  # noqa: E402
from dsrbench.alignment.latents import encode_examples, read_encoded  # noqa: E402
from dsrbench.alignment.logs import make_accelerator  # noqa: E402
from dsrbench.alignment.settings import TrainingSettings  # noqa: E402
from dsrbench.alignment.trainer import Trainer  # noqa: E402
from dsrbench.errors import OptionError, TrainingError  # noqa: E402

SETTINGS = TrainingSettings().change(
    {
        "max_steps": 4,
        "batch_size": 4,
        "warmup_steps": 1,
        "lora_rank": 2,
        "lora_alpha": 4,
        "learning_rate": 1e-2,
        "save_steps": 4,
    }
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A model, pairs, and the folder of their latents."""
    folder = tmp_path_factory.mktemp("precision")
    model = write_model(folder / "model")
    pairs = write_pairs(folder, count=4)
    encode_examples(pairs, find_family(model), folder / "latents", model="tiny", find_video=lambda name: folder / name)
    return model, pairs, folder / "latents"


def make(data, folder, *, start=None, **changes):
    model, pairs, latents = data
    settings = SETTINGS.change(changes)
    accelerator = make_accelerator(settings.optimizer.precision)
    family = find_family(model, dtype=settings.optimizer.dtype)
    return Trainer(family, pairs, *read_encoded(latents), settings, folder, start=start, accelerator=accelerator)


def gradients(trainer, step=0):
    terms = trainer.accumulate(step)
    return torch.cat([p.grad.flatten() for p in trainer.parameters.values()]), terms


def test_bf16_stays_within_its_bounds_of_float32(data, tmp_path):
    """Bounds: losses of the first four steps within 2 %, the direction of the first gradient within 3 degrees."""
    exact, rounded = make(data, tmp_path / "a"), make(data, tmp_path / "b", precision="bf16")
    frozen = {p.dtype for n, p in rounded.family.transformer.named_parameters() if "lora" not in n}
    assert frozen == {torch.bfloat16}
    assert {p.dtype for p in rounded.parameters.values()} == {torch.float32}
    cosine = torch.cosine_similarity(gradients(exact)[0], gradients(rounded)[0], dim=0)
    assert cosine > math.cos(math.radians(3))
    exact, rounded = make(data, tmp_path / "c"), make(data, tmp_path / "d", precision="bf16")
    for step in range(4):
        a, b = exact.make_step(step), rounded.make_step(step)
        assert b["loss"] == pytest.approx(a["loss"], rel=0.02)
    assert b["regulariser"] > 0


def test_bf16_begins_at_exactly_ln_2(data, tmp_path):
    row = make(data, tmp_path, precision="bf16").make_step(0)
    assert (row["objective"], row["regulariser"]) == (pytest.approx(math.log(2), abs=1e-7), 0)


def test_a_later_round_in_bf16_learns(data, tmp_path):
    make(data, tmp_path / "one", precision="bf16").train()
    start = tmp_path / "one" / "checkpoint-000004"
    trainer = make(data, tmp_path / "two", precision="bf16", start=start)
    assert trainer.make_step(0)["regulariser"] == 0
    assert trainer.make_step(1)["regulariser"] > 0
    exact = make(data, tmp_path / "three", start=start)
    rounded = make(data, tmp_path / "four", precision="bf16", start=start)
    a, b = gradients(exact)[0], gradients(rounded)[0]
    assert a.norm() > 0
    assert torch.cosine_similarity(a, b, dim=0) > 0.98


WAYS = (
    {"gradient_checkpointing": True},
    {"gradient_checkpointing": True, "keep_attention": True, "attention": "native"},
    {"attention": "_native_math"},
    pytest.param({"compile": True}, marks=pytest.mark.slow),
    pytest.param({"compile": True, "gradient_checkpointing": True}, marks=pytest.mark.slow),
    pytest.param({"compile": True, "gradient_checkpointing": True, "keep_attention": True}, marks=pytest.mark.slow),
)
"""Settings of speed and memory."""


@pytest.mark.parametrize("ways", WAYS, ids=str)
def test_ways_to_compute_change_no_gradient(ways, tmp_path):
    model = wan21_1_3b(tmp_path / "model")
    pairs = write_pairs(tmp_path, count=1)
    family = find_family(model)
    latents = {c.sha256: torch.randn(16, 2, 4, 4) for c in (pairs[0].winner, pairs[0].loser)}
    texts = {pairs[0].text: family.encode_text([pairs[0].text])[0]}
    found = []
    for changes in ({}, ways):
        settings = SETTINGS.change({"batch_size": 1, **changes})
        trainer = Trainer(find_family(model), pairs, latents, texts, settings, tmp_path / str(len(found)))
        first = next(p for n, p in trainer.parameters.items() if "lora_B" in n)
        torch.nn.init.constant_(first, 0.1)
        found.append(gradients(trainer)[0])
    assert found[0].norm() > 0
    torch.testing.assert_close(found[0], found[1])


def test_a_model_that_cannot_compute_activations_again_says_so(data, tmp_path):
    with pytest.raises(OptionError, match="SpritesTransformer has no gradient_checkpointing; set it to false"):
        make(data, tmp_path, gradient_checkpointing=True)


def test_memory_that_runs_out_is_one_line_with_advice(data, tmp_path):
    trainer = make(data, tmp_path)

    def burst(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nmore")

    trainer.family.transformer.register_forward_pre_hook(burst)
    with pytest.raises(TrainingError) as caught:
        trainer.make_step(0)
    assert str(caught.value).startswith("step 1: out of memory with 4 pairs at once (CUDA out of memory.")
    assert "gradient_checkpointing=true" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_two_processes_give_the_gradients_of_one_with_twice_the_accumulation(data, tmp_path, device):
    if device != "cpu":
        pytest.skip("accelerate gives each process a GPU of its own, and one may be all there is")
    whole = make(data, tmp_path / "one", gradient_accumulation_steps=2)
    start = {
        name: torch.randn(p.shape, generator=torch.Generator().manual_seed(5)) / 30
        for name, p in whole.parameters.items()
    }
    save_file(start, tmp_path / "start.safetensors")
    for name, parameter in whole.parameters.items():
        parameter.data.copy_(start[name])
    whole.accumulate(0)
    alone = {name: p.grad.cpu() for name, p in whole.parameters.items()}
    (tmp_path / "settings.json").write_text(json.dumps(SETTINGS.record()))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    script = Path(__file__).with_name("two_processes.py")
    done = subprocess.run(
        [*torchrun, script, data[0], data[2].parent, tmp_path],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(script.parents[1]), *sys.path])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    both = load_file(tmp_path / "gradients.safetensors")
    assert both.keys() == alone.keys()
    assert sum(value.abs().sum() for value in both.values()) > 0
    for name, value in both.items():
        torch.testing.assert_close(value, alone[name], rtol=1e-4, atol=1e-7)
