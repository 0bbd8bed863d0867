"""Compiled blocks and attention kernels change no clip, and what cannot be had is one line."""

from __future__ import annotations

import logging

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import torch
from factories.pipelines import cogvideox_2b, wan21_1_3b

from dsrbench.backends.generators.pipelines import Pipelines
from dsrbench.backends.pretrained.acceleration import CompiledBlocks, list_attentions, select_attention
from dsrbench.errors import OptionError
from dsrbench.types import Prompt, Relation

PROMPT = Prompt("p", "a cat", "cat", "box", (Relation.LEFT, Relation.RIGHT))
SMALL = {"steps": 2, "frames": 5, "height": 32, "width": 48, "dtype": "float32", "device": "cpu"}


@pytest.fixture(scope="module")
def wan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wan")
    wan21_1_3b(folder)
    return folder


def make(folder, **options):
    (clip,) = Pipelines(model=str(folder), **SMALL, **options).generate([PROMPT], [0])
    return clip.frames.astype(int)


@pytest.mark.slow
def test_compiled_blocks_make_the_same_clip(wan):
    plain, compiled = make(wan), make(wan, compile=True)
    assert np.abs(plain - compiled).max() <= 1


@pytest.mark.slow
@pytest.mark.usefixtures("no_compiler")
def test_a_compiler_that_fails_is_one_line_and_the_same_clip(wan, monkeypatch, caplog, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))  # nothing may be compiled already

    torch._dynamo.reset()
    plain = make(wan)
    with caplog.at_level(logging.WARNING, "dsrbench"):
        assert (make(wan, compile=True) == plain).all()
    (line,) = [record.getMessage() for record in caplog.records if record.name == "dsrbench"]
    assert line.startswith("the blocks cannot be compiled (")
    assert line.endswith("going on without compilation")
    assert "\n" not in line


def test_an_error_of_the_model_is_none_of_the_compiler(wan):
    from diffusers import WanTransformer3DModel

    blocks = CompiledBlocks(WanTransformer3DModel.from_pretrained(wan / "transformer"))

    def fail():
        raise ValueError("a bad call")

    with pytest.raises(ValueError, match="a bad call"):
        blocks.run(fail)


def test_attention_of_another_kernel_makes_the_same_clip(wan):
    assert np.abs(make(wan) - make(wan, attention="_native_math")).max() <= 1


def test_other_transformers_keep_their_kernel(wan):
    from diffusers import WanTransformer3DModel

    ours, other = (WanTransformer3DModel.from_pretrained(wan / "transformer").eval() for _ in range(2))
    select_attention(ours, "_native_math")
    clip, times, text = torch.randn(1, 16, 2, 4, 6), torch.tensor([500.0]), torch.randn(1, 8, ours.config.text_dim)
    counts = []
    for transformer in (ours, other):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile, torch.no_grad():
            transformer(clip, times, text)
        names = [event.key for event in profile.key_averages()]
        counts.append(sum("_scaled_dot_product_attention_math" in name for name in names))
    assert counts == [1, 0]


def test_a_kernel_that_does_not_exist_names_those_that_do(wan):
    with pytest.raises(OptionError, match=r"attention must be one of flash, .*; got 'fast'"):
        make(wan, attention="fast")


def test_a_kernel_that_is_not_installed_says_why(wan):
    assert "flash" in list_attentions()
    with pytest.raises(OptionError, match="attention 'flash' cannot be used here"):
        make(wan, attention="flash")


@pytest.mark.parametrize("kernel", ["fast", "flash", "flash_hub"])
def test_a_kernel_is_checked_before_weights_are_loaded(wan, kernel, monkeypatch):
    monkeypatch.setattr("dsrbench.backends.generators.pipelines.load_pipeline", lambda *_: pytest.fail("loaded"))
    with pytest.raises(OptionError, match="attention"):
        Pipelines(model=str(wan), **SMALL, attention=kernel)


def test_kernels_whose_code_is_fetched_from_the_hub_are_refused():
    from diffusers.models.attention_dispatch import AttentionBackendName

    fetched = [kernel.value for kernel in AttentionBackendName if kernel.value.endswith("_hub")]
    assert fetched
    assert set(fetched).isdisjoint(list_attentions())
    with pytest.raises(OptionError, match="attention must be one of"):
        select_attention(torch.nn.Linear(2, 2), fetched[0])


def test_a_module_without_blocks():
    with pytest.raises(OptionError, match="a Linear has no list of blocks to compile"):
        CompiledBlocks(torch.nn.Linear(2, 2))
    with pytest.raises(OptionError, match="a Linear has no choice of attention kernels"):
        select_attention(torch.nn.Linear(2, 2), "native")


@pytest.mark.slow
def test_a_transformer_that_lists_no_repeated_blocks_is_compiled_too(tmp_path):
    cogvideox_2b(tmp_path)
    plain, compiled = make(tmp_path), make(tmp_path, compile=True)
    assert np.abs(plain - compiled).max() <= 1
