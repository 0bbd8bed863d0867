"""Every backend on a GPU: with `--device cuda` on a real one, else on a pretended one.

Tensors that stay on a device where they should leave it, or meet those of another, fail on either.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("peft")
pytest.importorskip("transformers")

import tinynetworks
from sprites.tiny import write_model
from tinylanguage import random_model
from tinypipelines import BUILDERS

CHILD = Path(__file__).with_name("run_on_gpu.py")

DETECTORS = [
    # registered name, builder of a tiny model, options
    ("grounding-dino", "grounding_dino", {}),
    ("grounding-dino", "grounding_dino", {"strict": True}),
    ("grounding-dino", "mm_grounding_dino", {}),
    ("owlv2", "owlv2", {}),
    ("omdet-turbo", "omdet_turbo", {}),
    ("sam3", "sam3", {}),
    ("detr", "rt_detr", {}),
    ("detr", "detr", {}),
    ("detr", "rt_detr", {"dtype": "bfloat16"}),
]
TRACKERS = [
    ("sam2", "sam2", {}),
    ("sam3", "sam3", {}),
    ("edgetam", "edgetam", {}),
    ("sam2", "sam2", {"storage": "cpu"}),
]
SMALL = {"height": 64, "width": 64, "frames": 9}
FAMILIES = {
    # recipe, or sprites: frames, height, width of a clip that the model makes
    "cogvideox-2b": (9, 64, 64),
    "cogvideox1.5-5b": (17, 64, 64),
    "wan2.1-1.3b": (5, 32, 48),
    "ltx": (9, 64, 96),
    "sprites": (16, 32, 48),
}


def case(check, folder, name, **options):
    told = ",".join(f"{key}={value}" for key, value in options.items())
    id = f"{check} {name} {folder.name} {told}"
    return {"id": id, "check": check, "folder": str(folder), "name": name, "options": options}


@pytest.fixture
def run(device):
    """A function that runs cases in a child, and fails with the errors of those that fail."""

    def run_cases(cases):
        lines = "\n".join(json.dumps(one) for one in cases)
        command = [sys.executable, CHILD, "pretend" if device == "cpu" else device]
        done = subprocess.run(command, input=lines, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        results = json.loads(done.stdout.splitlines()[-1])
        assert len(results) == len({one["id"] for one in cases}) == len(cases)
        failed = {id: error for id, error in results.items() if error}
        assert not failed, "\n\n".join(f"{id}: {error}" for id, error in failed.items())

    return run_cases


def test_a_gpu_refuses_what_the_others_must_not_ask(run, tmp_path):
    run([case("refusals", tmp_path, "refusals")])


@pytest.mark.slow
def test_detectors_and_trackers(run, tiny):
    cases = [case("detector", tiny(model), name, **options) for name, model, options in DETECTORS]
    run(cases + [case("tracker", tiny(model), name, **options) for name, model, options in TRACKERS])


@pytest.mark.slow
def test_networks_and_language_models(run, tmp_path):
    folders = {name: tmp_path / name for name in ("dinov2", "clip", "llama")}
    for folder in folders.values():
        folder.mkdir()
    tinynetworks.dinov2(folders["dinov2"])
    tinynetworks.clip(folders["clip"])
    random_model(folders["llama"])
    run(
        [
            case("network", folders["dinov2"], "dinov2"),
            case("network", folders["clip"], "clip"),
            case("upsampler", folders["llama"], "llama"),
        ]
    )


@pytest.mark.slow
def test_generators(run, pipeline_folder):
    run([case("generator", pipeline_folder(name), "diffusers", **SMALL) for name in BUILDERS])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_families(run, pipeline_folder, tmp_path):
    folders = {name: write_model(tmp_path / name) if name == "sprites" else pipeline_folder(name) for name in FAMILIES}
    run([case("family", folder, name, clip=FAMILIES[name]) for name, folder in folders.items()])
