"""DINOv2 and CLIP-IQA on tiny random models of the real classes: wiring, not judgement."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import tinynetworks  # noqa: E402

from dsrbench.errors import WeightsError  # noqa: E402
from dsrbench.quality.networks import ClipIqa, Dinov2, find_networks  # noqa: E402


@pytest.fixture(scope="module")
def dinov2(tmp_path_factory):
    return tinynetworks.dinov2(tmp_path_factory.mktemp("dinov2"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return tinynetworks.clip(tmp_path_factory.mktemp("clip"))


def crops(*seeds):
    return [np.random.default_rng(s).integers(0, 255, (12 + s, 20, 3), dtype=np.uint8) for s in seeds]


def test_dinov2_compares_crops_of_any_size_by_the_class_token(dinov2):
    network = Dinov2(str(dinov2))
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    same = network(frames, crops(1, 1, 1))["identity_dinov2"]
    assert same == pytest.approx(1, abs=1e-5)
    assert network(frames, crops(1, 2, 3))["identity_dinov2"] < same
    assert np.isnan(network(frames, [])["identity_dinov2"])
    net = transformers.Dinov2Model.from_pretrained(dinov2).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(dinov2)
    square = [np.random.default_rng(s).integers(0, 255, (28, 28, 3), dtype=np.uint8) for s in (1, 2)]
    with torch.no_grad():
        a, b = net(**processor(images=square, return_tensors="pt")).last_hidden_state[:, 0]
    expected = torch.cosine_similarity(a, b, dim=0).item()
    assert network(frames, square)["identity_dinov2"] == pytest.approx(expected, abs=1e-4)


def test_clip_iqa_is_the_share_of_the_better_text(clip):
    network = ClipIqa(str(clip))
    frames = np.random.default_rng(0).integers(0, 255, (20, 40, 48, 3), dtype=np.uint8)
    found = network(frames, [])
    model, processor = transformers.CLIPModel.from_pretrained(clip).eval(), None
    processor = transformers.CLIPProcessor.from_pretrained(clip)
    for name, texts in (
        ("clip_natural", ["Natural photo.", "Synthetic photo."]),
        ("clip_quality", ["Good photo.", "Bad photo."]),
    ):
        with torch.no_grad():
            inputs = processor(text=texts, images=list(frames), return_tensors="pt", padding=True)
            expected = model(**inputs).logits_per_image.softmax(dim=1)[:, 0].mean().item()
        assert found[name] == pytest.approx(expected, abs=1e-4)
        assert 0 < found[name] < 1


def test_what_is_not_there_is_left_out_unless_it_was_named(dinov2, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    networks, notes = find_networks(str(dinov2), None)
    assert [type(network) for network in networks] == [Dinov2]
    assert notes == [
        "no figures of openai/clip-vit-large-patch14: not in the cache; fetch it with: hf download "
        "openai/clip-vit-large-patch14"
    ]
    assert find_networks("none", "none") == ([], [])
    with pytest.raises(WeightsError, match="no such folder: nowhere"):
        find_networks("nowhere", "none")
    with pytest.raises(WeightsError, match="holds a model of the type 'dinov2'"):
        ClipIqa(str(dinov2))(np.zeros((1, 8, 8, 3), np.uint8), [])
