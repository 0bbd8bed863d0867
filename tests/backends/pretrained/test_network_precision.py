"""The precision of a network: its default by device, what autocast leaves in float32, and GPUs that lack a type."""

from __future__ import annotations

import contextlib
import copy

import numpy as np
import pytest

pytest.importorskip("transformers")

import torch

from dsrbench.backends.pretrained.devices import check_device, choose_precision, inference, reduce_weights
from dsrbench.backends.registry import depth_estimators, detectors, trackers
from dsrbench.errors import BackendError, OptionError

DEFAULTS = [
    # whether the GPU computes in bfloat16, requested precision, device, precision in force
    (True, None, "cpu", "float32"),
    (True, "float16", "cpu", "float16"),
    (True, None, "cuda:0", "bfloat16"),
    (True, "float32", "cuda:0", "float32"),
    (False, None, "cuda:0", "float32"),
    (False, "float16", "cuda:0", "float16"),
]


@pytest.fixture
def card(monkeypatch):
    """A function that makes torch say of its GPU whether it computes in bfloat16; no GPU is needed."""

    def pretend(has_bfloat16):
        monkeypatch.setattr(torch.cuda, "device", lambda _: contextlib.nullcontext())
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bfloat16)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla T4")

    return pretend


@pytest.mark.parametrize(("has_bfloat16", "dtype", "device", "expected"), DEFAULTS)
def test_the_default_depends_on_the_device(card, has_bfloat16, dtype, device, expected):
    card(has_bfloat16)
    assert choose_precision(dtype, device, on_gpu="bfloat16") == expected
    assert choose_precision(dtype, device, on_gpu="float32") == (dtype or "float32")


def test_a_gpu_without_bfloat16_says_what_to_take(card):
    card(False)
    with pytest.raises(OptionError, match="dtype bfloat16: Tesla T4 does not compute in it; take dtype=float16"):
        choose_precision("bfloat16", "cuda", on_gpu="float32")


def test_a_gpu_that_another_process_holds_is_one_line(monkeypatch):
    def refuse(*_, device):
        raise RuntimeError(f"CUDA error: all CUDA-capable devices are busy or unavailable\nmore about {device}")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", refuse)
    with pytest.raises(
        OptionError, match=r"device 'cuda' cannot be used .*busy or unavailable.*expected cpu"
    ) as caught:
        check_device(None)
    assert "\n" not in str(caught.value)


def test_a_model_that_does_not_fit_says_how_much_memory_is_free(tiny, monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.\nMore lines")

    monkeypatch.setattr(torch.nn.Module, "to", fail)
    monkeypatch.setattr("dsrbench.backends.pretrained.models.describe_free_memory", lambda _: ", of whose 8 GiB")
    with pytest.raises(BackendError, match=r"does not fit on cpu, of whose 8 GiB \(CUDA out of memory\.\); take"):
        detectors.create("owlv2", {"model": str(tiny("owlv2")), "device": "cpu", "dtype": "float32"})


NETWORKS = [
    # registry, backend, model
    (detectors, "grounding-dino", "grounding_dino"),
    (detectors, "owlv2", "owlv2"),
    (detectors, "detr", "rt_detr"),
    (trackers, "sam2", "sam2"),
    (trackers, "edgetam", "edgetam"),
    (depth_estimators, "depth-anything", "depth_anything"),
]


@pytest.mark.parametrize(("registry", "name", "model"), NETWORKS, ids=[model for _, _, model in NETWORKS])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_only_weights_that_autocast_converts_are_stored_in_it(tiny, registry, name, model, dtype):
    backend = registry.create(name, {"model": str(tiny(model)), "device": "cpu", "dtype": dtype}).instance
    assert backend.placement() == ("cpu", dtype)
    reduced = getattr(torch, dtype)
    types = {type(module): module.weight.dtype for module in backend._net.modules() if hasattr(module, "weight")}
    assert types[torch.nn.Linear] == types[torch.nn.Conv2d] == reduced
    assert types[torch.nn.LayerNorm] == torch.float32


def test_reduced_weights_give_what_autocast_gives():
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten(), torch.nn.LayerNorm(8 * 36), torch.nn.Linear(8 * 36, 4)]
    plain = torch.nn.Sequential(*layers)
    reduced = copy.deepcopy(plain)
    reduce_weights(reduced, "bfloat16")
    frames = torch.randn(2, 3, 8, 8)
    with inference("cpu", "bfloat16"):
        assert torch.equal(plain(frames), reduced(frames))
    with inference("cpu", "float32"):
        assert (plain(frames) - reduced.float()(frames)).abs().max() < 0.02
        assert not plain(frames).requires_grad


def test_boxes_keep_their_pixels_in_a_reduced_precision(tiny, monkeypatch):
    """With weights of bfloat16 and no autocast, boxes of Grounding DINO are NaN, or off by pixels."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 480, 832, 3), dtype=np.uint8)
    options = {"model": str(tiny("grounding_dino")), "device": "cpu", "threshold": "0.0001", "nms": "1"}
    chosen = []
    topk = torch.topk

    def record(scores, count, dim=-1, **options):
        values, places = topk(scores, count, dim=dim, **options)
        chosen.append(places)
        return values, places

    def replay(scores, count, dim=-1, **options):
        places = chosen.pop(0)
        return torch.gather(scores, dim, places), places

    def find_boxes(dtype):
        outputs = []
        detector = detectors.create("grounding-dino", {**options, "dtype": dtype}).instance
        detector._net.register_forward_hook(lambda net, arguments, output: outputs.append(output.pred_boxes))
        detector.detect(frames, ["cat", "chair"])
        return outputs[0]

    monkeypatch.setattr(torch, "topk", record)
    exact = find_boxes("float32")
    assert chosen, "the queries are the same in both"
    monkeypatch.setattr(torch, "topk", replay)
    reduced = find_boxes("bfloat16")
    assert reduced.dtype == torch.float32
    assert ((reduced - exact) * torch.tensor([832, 480, 832, 480])).abs().max() < 1
