"""Depth estimators of `transformers`, on tiny random models saved to a folder and loaded as a user would."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from dsrbench.backends.base import DepthEstimator
from dsrbench.backends.depth.depth_anything import MAX_SIDE
from dsrbench.backends.registry import depth_estimators
from dsrbench.errors import OptionError, WeightsError
from dsrbench.records import to_json

MODELS = [
    # model, whether its output is the distance
    ("depth_anything", False),
    ("metric_depth_anything", True),
    ("glpn", True),
    ("zoedepth", True),
]
each = pytest.mark.parametrize(("model", "distance"), MODELS, ids=[model[0] for model in MODELS])


def create(tiny, model, /, **options):
    return depth_estimators.create("depth-anything", {"model": str(tiny(model)), **options})


def noise(n_frames=3, size=(80, 48), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n_frames, size[1], size[0], 3), dtype=np.uint8)


@each
def test_a_folder_is_a_depth_estimator(tiny, model, distance):
    backend = create(tiny, model)
    assert isinstance(backend.instance, DepthEstimator)
    assert backend.instance.distance is distance
    assert len(backend.fingerprint["weights"]["model.safetensors"]) == 64
    json.dumps(to_json(backend.record()))
    maps = backend.instance.estimate(noise())
    assert (maps.dtype, maps.ndim, len(maps)) == (np.float32, 3, 3)
    assert np.isfinite(maps).all()
    # the shape of the frames is kept
    assert maps.shape[2] / maps.shape[1] == pytest.approx(80 / 48, rel=0.3)


@each
def test_a_distance_is_turned_into_nearness(tiny, model, distance):
    near = create(tiny, model, distance="false").instance.estimate(noise(1))
    far = create(tiny, model, distance="true").instance.estimate(noise(1))
    assert np.corrcoef(near.ravel(), far.ravel())[0, 1] < 0.5
    by_default = create(tiny, model).instance.estimate(noise(1))
    np.testing.assert_allclose(by_default, far if distance else near)


@each
def test_a_batch_is_what_its_frames_are_alone(tiny, model, distance):
    frames = noise(5)
    alone = create(tiny, model, batch="1").instance.estimate(frames)
    together = create(tiny, model, batch="3").instance.estimate(frames)
    np.testing.assert_allclose(alone, together, rtol=2e-3, atol=1e-4)
    assert not np.array_equal(alone[0], alone[1])


def test_large_maps_are_averaged_down(tiny, monkeypatch):
    backend = create(tiny, "depth_anything").instance
    whole = backend.estimate(noise())
    monkeypatch.setattr("dsrbench.backends.depth.depth_anything.MAX_SIDE", whole.shape[2] // 2)
    small = backend.estimate(noise())
    assert (small.shape[2], small.mean()) == (whole.shape[2] // 2, pytest.approx(whole.mean(), rel=1e-3))
    assert whole.shape[2] <= MAX_SIDE


def test_memory_that_runs_out_halves_the_batch(tiny, monkeypatch, caplog):
    import torch

    backend = create(tiny, "depth_anything", batch="4").instance
    expected = backend.estimate(noise(6))
    forward = backend._forward

    def cramped(frames):
        if len(frames) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(frames)

    monkeypatch.setattr(backend, "_forward", cramped)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(backend.estimate(noise(6)), expected, rtol=2e-3, atol=1e-4)
    assert "going on with 2 at a time" in caplog.text


def test_reduced_precision(tiny):
    plain = create(tiny, "depth_anything").instance.estimate(noise())
    reduced = create(tiny, "depth_anything", dtype="bfloat16").instance.estimate(noise())
    np.testing.assert_allclose(reduced, plain, atol=0.05 * np.ptp(plain))


BAD = [
    ({"batch": "0"}, OptionError, "at least 1 frame"),
    ({"dtype": "int8"}, OptionError, "dtype must be one of"),
    ({"distance": "maybe"}, OptionError, "true or false"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD)
def test_bad_options(tiny, options, error, message):
    with pytest.raises(error, match=message):
        create(tiny, "depth_anything", **options)


def test_a_model_of_another_kind(tiny):
    with pytest.raises(WeightsError, match=r"holds a model of the type 'rt_detr_v2'; depth-anything takes"):
        create(tiny, "rt_detr")


def test_offline_it_says_how_to_fetch(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"dsrbench backends pull depth-anything"):
        depth_estimators.create("depth-anything")
