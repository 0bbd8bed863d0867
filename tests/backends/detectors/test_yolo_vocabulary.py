"""YOLO-World and YOLOE: saved vocabularies, live nouns with a stand-in for the package `clip`, and without it."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from dsrbench.backends.registry import detectors
from dsrbench.errors import BackendError, WeightsError

NAMES = ["yolo-world", "yoloe"]
NOUNS = ["cat", "red chair", "fox"]
OTHER_NOUNS = ["cat", "dog house"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSRBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def embed(texts):
    """An embedding a noun, the same for the same noun."""
    import torch

    rows = [torch.randn(512, generator=torch.Generator().manual_seed(sum(map(ord, text)))) for text in texts]
    return torch.nn.functional.normalize(torch.stack(rows), dim=-1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random models whose scores are near a half everywhere, each saved with two vocabularies."""
    import torch

    from dsrbench.backends.pretrained.ultralytics_import import import_ultralytics

    ultralytics, folder = import_ultralytics(), tmp_path_factory.mktemp("weights")
    for name, yaml in (("yolo-world", "yolov8s-worldv2.yaml"), ("yoloe", "yoloe-11s.yaml")):
        for kind, nouns in (("", NOUNS), ("-other", OTHER_NOUNS)):
            torch.manual_seed(0)
            model = ultralytics.YOLO(yaml)
            head = model.model.model[-1]
            for contrast in head.cv4:
                contrast.bias.data[:] = 0.0
            if name == "yoloe":
                model.set_classes(nouns, head.get_tpe(embed(nouns)[None]).detach())
            else:
                model.model.txt_feats, head.nc, model.model.names = (
                    embed(nouns)[None],
                    len(nouns),
                    dict(enumerate(nouns)),
                )
            model.save(folder / f"{name}{kind}.pt")
    return folder


@pytest.fixture
def clip(monkeypatch, tmp_path):
    """Stands in for the package: a token a noun, and its embedding; knows how often it was loaded."""
    import torch

    known: list[str] = []
    loads: list[str] = []

    def tokenize(texts, truncate):
        known.extend(text for text in texts if text not in known)
        return torch.tensor([[known.index(text)] for text in texts])

    def encode(tokens):
        return embed([known[int(token)] for token in tokens[:, 0]])

    def load(path, **_):
        loads.append(str(path))
        return types.SimpleNamespace(encode_text=encode), None

    monkeypatch.setitem(sys.modules, "clip", types.SimpleNamespace(tokenize=tokenize, load=load, loads=loads))
    monkeypatch.setattr(torch.jit, "load", lambda path, **_: loads.append(path) or encode)
    (tmp_path / "encoder").write_bytes(b"weights")
    return tmp_path / "encoder"


def create(name, weights, file="", **options):
    given = {"weights": str(weights / f"{file or name}.pt"), "image_size": "64", "threshold": "0.01"}
    return detectors.create(name, {**given, **options})


def noise(n_frames=2):
    return np.random.default_rng(5).integers(0, 256, (n_frames, 48, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_vocabulary_needs_no_clip(name, weights):
    assert "clip" not in sys.modules
    backend = create(name, weights)
    assert list(backend.instance.class_names) == NOUNS
    assert list(backend.fingerprint["weights"]) == [f"{name}.pt"]
    found = backend.instance.detect(noise(), ["Cat", "fox"])
    assert all(len(frame) > 0 for frame in found)
    swapped = backend.instance.detect(noise(), ["fox", "cat"])
    for a, b in zip(found, swapped, strict=True):
        np.testing.assert_allclose(a.xyxy[a.label == 0], b.xyxy[b.label == 1])


@pytest.mark.parametrize("name", NAMES)
def test_live_nouns_without_clip_name_the_command(name, weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "clip", None)
    detector = create(name, weights).instance
    with pytest.raises(BackendError, match=r"'dog' is not in the vocabulary") as caught:
        detector.check_labels(["cat", "dog"])
    assert "pip install git+https://github.com/ultralytics/CLIP.git" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "file"), [("yolo-world", "ViT-B-32.pt"), ("yoloe", "mobileclip_blt.ts")])
def test_live_nouns_without_the_text_encoder_say_where_it_belongs(name, file, weights, clip):
    with pytest.raises(WeightsError, match=rf"{file}; download it from https://.*text_encoder=PATH"):
        create(name, weights).instance.detect(noise(), ["cat", "dog"])


@pytest.mark.parametrize("name", NAMES)
def test_live_nouns_are_what_a_vocabulary_saved_with_them_is(name, weights, clip):
    """The same nouns by either way, and back again, on one detector."""
    labels = ["cat", "dog. house"]
    saved = create(name, weights).instance.detect(noise(), ["fox", "cat"])
    other = create(name, weights, f"{name}-other").instance.detect(noise(), OTHER_NOUNS)
    detector = create(name, weights, text_encoder=str(clip)).instance
    assert detector.check_labels(labels) == {"dog. house": "dog house"}
    assert_same(detector.detect(noise(), labels), other)
    assert_same(detector.detect(noise(), labels), other)
    assert_same(detector.detect(noise(), ["fox", "cat"]), saved)
    assert_same(detector.detect(noise(), labels), other)
    assert len(sys.modules["clip"].loads) == 1
    assert "text_encoder" in detector.fingerprint


def assert_same(a, b):
    assert sum(len(frame) for frame in a) > 0
    for one, two in zip(a, b, strict=True):
        assert one.label.tolist() == two.label.tolist()
        np.testing.assert_allclose(one.xyxy, two.xyxy, atol=0.02)
        np.testing.assert_allclose(one.score, two.score, atol=1e-4)


@pytest.mark.parametrize(("name", "other"), [("yolo-world", "yoloe"), ("yoloe", "yolo-world")])
def test_weights_of_another_family_are_refused(name, other, weights):
    with pytest.raises(WeightsError, match=f"expected one for {name}"):
        create(name, weights, other)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("labels", [["dog", "Dog."], ["cat", "..."]])
def test_nouns_that_are_none_are_refused(name, labels, weights):
    with pytest.raises(BackendError, match=r"as one noun|expected a noun"):
        create(name, weights).instance.check_labels(labels)
