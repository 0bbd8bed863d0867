"""The weights that come with the package: whole, small, described, and as good as they are said to be."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from cli.clips import dsrbench  # noqa: E402

from dsrbench import score_tracks  # noqa: E402
from dsrbench.backends.depth.sprites import SpritesDepth  # noqa: E402
from dsrbench.backends.detectors.sprites import SpritesDetector  # noqa: E402
from dsrbench.backends.generators.sprites import Sprites, SpritesWithDepth  # noqa: E402
from dsrbench.backends.trackers.assignment import Assignment  # noqa: E402
from dsrbench.errors import InputError, WeightsError  # noqa: E402
from dsrbench.prompts import read_suite  # noqa: E402
from dsrbench.sprites.embedded import DEPTH_MODEL, EMBEDDED, MODEL, find_base, find_weights_folder  # noqa: E402
from dsrbench.sprites.model.pipeline import SpritesPipeline  # noqa: E402
from dsrbench.sprites.world import FPS, HEIGHT, WIDTH, draw_spec, render_clip  # noqa: E402
from dsrbench.store import Run  # noqa: E402

USES = {"model": Sprites, "detector": SpritesDetector, "depth": SpritesDepth, "depth-model": SpritesWithDepth}


@pytest.mark.parametrize("folder", EMBEDDED.values(), ids=EMBEDDED)
def test_they_are_whole_and_have_a_card(folder):
    assert find_weights_folder(folder.name, None) == folder
    assert (folder / "README.md").read_text().startswith("---\nlicense: apache-2.0\n")
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pkl", ".ckpt")]
    for config in folder.rglob("*.json"):
        assert "/" not in json.loads(config.read_text()).get("_name_or_path", "")


@pytest.mark.parametrize(("kind", "use"), USES.items())
def test_altered_weights_are_refused(tmp_path, kind, use):
    folder = shutil.copytree(EMBEDDED[kind], tmp_path / kind)
    use(folder=folder)
    file = sorted(folder.rglob("*.safetensors"))[0]
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(WeightsError, match=r"safetensors: altered, expected sha256 .*sprites train"):
        use(folder=folder)
    file.unlink()
    with pytest.raises(WeightsError, match="No such file"):
        use(folder=folder)


def test_the_changes_for_depth_are_small_and_of_the_embedded_model():
    assert sum(path.stat().st_size for path in DEPTH_MODEL.rglob("*")) < 2e6
    assert find_base(DEPTH_MODEL) == MODEL
    generator = SpritesWithDepth()
    for prompt in read_suite("sprites-depth"):
        generator.check_prompt(prompt)


def test_the_detector_finds_what_was_rendered():
    detector, found, places, decided = SpritesDetector(), 0, 0, []
    for number, prompt in enumerate(read_suite("sprites-test").prompts[::5]):
        rng = np.random.default_rng(number)
        frames, truth = render_clip(draw_spec(prompt, rng), rng)
        seen = detector.detect(frames, [prompt.subject, prompt.object])
        for t, detections in enumerate(seen):
            for label, box in enumerate((truth.subject[t], truth.object[t])):
                if not np.isnan(box).any():
                    places += 1
                    ours = detections.xyxy[detections.label == label]
                    found += bool(len(ours)) and np.abs(ours - box).max(axis=1).min() < 4
        tracks = Assignment().associate(seen, prompt=prompt, size=(WIDTH, HEIGHT), fps=FPS)
        decided.append(score_tracks(tracks, prompt).passes() == score_tracks(truth, prompt).passes())
    assert found / places > 0.97
    assert np.mean(decided) >= 0.95


def test_noise_and_empty_scenes_are_no_animals():
    noise = np.random.default_rng(0).integers(0, 255, (8, HEIGHT, WIDTH, 3), dtype=np.uint8)
    plain = np.full((8, HEIGHT, WIDTH, 3), 190, np.uint8)
    for frames in (noise, plain):
        assert sum(map(len, SpritesDetector().detect(frames, ["cat", "box", "duck", "ball"]))) <= 1


def test_clips_of_other_sizes_cannot_be_made():
    pipeline = SpritesPipeline.from_pretrained(MODEL)
    prompt = read_suite("sprites").prompts[0].text
    for wrong, message in (
        ({"num_frames": 81}, "num_frames = 16 only, got 81"),
        ({"height": 480}, "height = 32 only, got 480"),
        ({"width": 832}, "width = 48 only, got 832"),
    ):
        with pytest.raises(InputError, match=message):
            pipeline(prompt, **wrong)


def test_eval_without_arguments_but_a_limit(tmp_path):
    done = dsrbench("eval", "--limit", "20", cwd=tmp_path, timeout=400)
    assert done.returncode == 0, done.stderr
    first, second, *_ = done.stderr.splitlines()
    assert first == "by default: suite sprites, seeds 0..4, detector sprites (the embedded model has its own detector)"
    assert second == "20 samples of 1 model(s), suite sprites: runs/sprites-sprites"
    samples = Run.open(tmp_path / "runs/sprites-sprites").samples()
    assert sum(s.score.status.value == "scored" for s in samples) >= 15
    assert len({s.prompt.id for s in samples}) == 4
    manifest = Run.open(tmp_path / "runs/sprites-sprites").manifest
    assert (manifest.generator.name, manifest.detector.name, manifest.tracker.name) == (
        *("sprites", "sprites", "assignment"),
    )


@pytest.mark.slow
def test_the_base_is_worth_measuring(tmp_path):
    """Accuracy, coverage, and the variety of what goes wrong, on the whole suite."""
    done = dsrbench("eval", cwd=tmp_path, timeout=900)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "runs/sprites-sprites/report/summary.json").read_text())
    assert summary["n_samples"] == 300
    assert 0.2 <= summary["accuracy"]["0.7"]["value"] <= 0.4
    assert summary["coverage"] >= 0.85
    assert sum(count > 0 for count in summary["by_diagnosis"].values()) >= 4
    accuracies = [part["accuracy_0.7"]["value"] for part in summary["by_relation"].values()]
    assert max(accuracies) - min(accuracies) >= 0.1


@pytest.mark.slow
def test_the_base_for_depth_is_worth_measuring(tmp_path):
    """Accuracy and coverage on the whole suite with depth, with the embedded depth network."""
    done = dsrbench("eval", "--model", "sprites-depth", cwd=tmp_path, timeout=900)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("by default: suite sprites-depth, seeds 0..4, detector sprites")
    (folder,) = (tmp_path / "runs").iterdir()
    summary = json.loads((folder / "report" / "summary.json").read_text())
    assert summary["n_samples"] == 300
    assert 0.2 <= summary["accuracy"]["0.7"]["value"] <= 0.5
    assert summary["coverage"] >= 0.9
