"""The learned detector's maps, peaks, degradations and loss, and the backend on a tiny network."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import numpy as np  # noqa: E402
from factories.sprites import SETTINGS  # noqa: E402

from dsrbench.backends import registry  # noqa: E402
from dsrbench.backends.detectors.sprites import SpritesDetector  # noqa: E402
from dsrbench.errors import PromptError, WeightsError  # noqa: E402
from dsrbench.sprites.embedded import write_sums  # noqa: E402
from dsrbench.sprites.model.autoencoder import SpritesAutoencoder  # noqa: E402
from dsrbench.sprites.model.detector import REACH, SpritesDetectorNet, find_peaks  # noqa: E402
from dsrbench.sprites.training.detector import (  # noqa: E402
    degrade,
    detection_loss,
    draw_labelled,
    draw_maps,
    overlay,
    tear,
)
from dsrbench.sprites.training.loop import make_generators  # noqa: E402
from dsrbench.sprites.world import ANIMALS, OBJECTS  # noqa: E402

NOUNS = [*ANIMALS, *OBJECTS]


def logits(heat):
    return torch.logit(torch.from_numpy(heat)[None].clamp(1e-4, 1 - 1e-4))


def test_peaks_of_true_maps_are_the_true_boxes():
    boxes = np.array([[4.0, 10, 17, 22], [30, 3, 41, 14], [20, 18, 33, 30], [np.nan] * 4])
    heat, sides, counts = draw_maps(["cat", "cat", "box", "box"], boxes)
    ((found, scores, nouns),) = find_peaks(logits(heat), torch.from_numpy(sides)[None], 0.5)
    by_noun = {noun: sorted(found[nouns == NOUNS.index(noun)].tolist()) for noun in ("cat", "box")}
    np.testing.assert_allclose(by_noun["cat"], boxes[:2], atol=1e-4)
    np.testing.assert_allclose(by_noun["box"], boxes[2:3], atol=1e-4)
    assert scores.min() > 0.99
    assert counts.sum() > 20


def test_the_loss_is_least_for_the_truth():
    _, targets = draw_labelled(6, np.random.default_rng(0))
    heat, sides, _ = targets
    right = torch.logit(heat.clamp(1e-4, 1 - 1e-4))
    best = detection_loss(right, sides, targets).item()
    assert best < 0.2
    assert detection_loss(torch.full_like(right, -6.0), sides, targets) > best + 1
    assert detection_loss(right, sides + 2, targets).item() == pytest.approx(best + 0.4, abs=1e-3)


def test_degraded_frames_differ_but_keep_their_range():
    frames, _ = draw_labelled(12, np.random.default_rng(1))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        autoencoder = SpritesAutoencoder(**SETTINGS.autoencoder)
    degraded = degrade(frames, autoencoder, *make_generators(0, 1))
    assert degraded.shape == frames.shape
    assert degraded.abs().max() <= 1
    assert (degraded - frames).abs().mean(dim=(1, 2, 3)).min() > 0.005
    torch.testing.assert_close(degraded, degrade(frames, autoencoder, *make_generators(0, 1)))


def test_maps_have_the_size_of_their_targets():
    frames, targets = draw_labelled(2, np.random.default_rng(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        heat, sides = SpritesDetectorNet(channels=8, blocks=1)(frames)
    assert (heat.shape, sides.shape) == (targets[0].shape, targets[1].shape)
    assert 0 < sides.min() < REACH < sides.max()


def test_the_backend(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        SpritesDetectorNet(channels=8, blocks=1).save_pretrained(tmp_path / "net")
    write_sums(tmp_path / "net")
    backend = registry.detectors.create("sprites", {"folder": str(tmp_path / "net"), "threshold": "0.001"})
    frames = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3)).astype(np.uint8)
    found = backend.instance.detect(frames, ["duck", "table"])
    assert len(found) == 3
    boxes = np.concatenate([f.xyxy for f in found])
    assert len(boxes)
    assert 32 < boxes[:, 2].max() <= 96
    assert {label for f in found for label in f.label.tolist()} <= {0, 1}
    assert len(backend.fingerprint["weights"]["diffusion_pytorch_model.safetensors"]) == 64
    with pytest.raises(PromptError, match="no 'horse'"):
        backend.instance.check_labels(["horse"])
    with pytest.raises(WeightsError, match="no sprites detector here"):
        SpritesDetector(folder=tmp_path)
    (tmp_path / "net" / "diffusion_pytorch_model.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(WeightsError, match=r"diffusion_pytorch_model\.safetensors: altered, expected sha256"):
        SpritesDetector(folder=tmp_path / "net")
    write_sums(tmp_path / "net")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        SpritesDetector(folder=tmp_path / "net")


def test_a_torn_sprite_is_no_sprite_and_others_stay():
    frame = np.zeros((32, 48, 3), np.uint8)
    frame[4:16, 2:14] = np.arange(12 * 12 * 3).reshape(12, 12, 3) % 251
    boxes = np.array([[2.0, 4, 14, 16], [30, 10, 40, 20], [35, 12, 46, 24]])
    torn_boxes = boxes.copy()
    torn = tear(frame, torn_boxes, np.random.default_rng(0))
    assert np.isnan(torn_boxes[0]).all()
    np.testing.assert_array_equal(torn_boxes[1:], boxes[1:])  # they touch: neither is torn
    assert (torn[4:16, 2:14] != frame[4:16, 2:14]).any()
    np.testing.assert_array_equal(np.sort(torn, axis=None), np.sort(frame, axis=None))
    torn[4:16, 2:14] = 0
    assert not torn.any()


def test_in_an_overlay_what_moved_is_a_ghost():
    frame, other = np.full((32, 48, 3), 200, np.uint8), np.full((32, 48, 3), 100, np.uint8)
    boxes, later = np.array([[2.0, 4, 14, 16], [30, 10, 40, 20]]), np.array([[20.0, 4, 32, 16], [30, 10, 40, 20]])
    mixed = overlay(frame, boxes, other, later, np.random.default_rng(0))
    assert 130 < mixed.mean() < 170
    assert np.isnan(boxes[0]).all()
    assert boxes[1].tolist() == [30, 10, 40, 20]
    hardly = np.array([[2.0, 4, 14, 16]])
    assert overlay(frame, hardly, other, hardly + np.array([0, 0, 4, 0]), np.random.default_rng(0)) is frame
    assert hardly[0].tolist() == [2, 4, 14, 16], "who moved a little is left as it was"
