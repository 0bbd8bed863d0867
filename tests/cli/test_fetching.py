"""Weights that are missing: fetched by the command that needs them, from a Hub of our own, or all named at once."""

from __future__ import annotations

import pytest
from clips import dsrbench, error_line
from fakes.hub import FakeHub, Repo

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from dsrbench.store import Run

COGVIDEOX, DINO, SAM2 = "zai-org/CogVideoX-5b", "IDEA-Research/grounding-dino-base", "facebook/sam2.1-hiera-large"
SMALL = [
    word
    for option in ("height=64", "width=128", "frames=9", "steps=1", "dtype=float32")
    for word in ("-o", f"generator.{option}")
]
PROMPT = "A cat is on the left of a chair, then the cat walks to the right of the chair."


def repo(folder):
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    made = Repo()
    made.commit(files)
    return made


@pytest.fixture(scope="module")
def hub(pipeline_folder, tiny):
    with FakeHub() as hub:
        hub.repos = {
            COGVIDEOX: repo(pipeline_folder("cogvideox-5b")),
            DINO: repo(tiny("grounding_dino")),
            SAM2: repo(tiny("sam2")),
        }
        yield hub


def run(hub, place, *arguments, **more):
    settings = {
        "DSRBENCH_CACHE": str(place / "cache"),
        "HF_HOME": str(place / "home"),
        "CUDA_VISIBLE_DEVICES": "",
        **more,
    }
    return dsrbench(*arguments, cwd=place, env=hub.environment(**settings))


def test_a_model_and_a_protocol_are_fetched_and_run(hub, tmp_path):
    """The first command of a user, from an empty cache: small weights under the ids of the real ones."""
    (tmp_path / "prompts.txt").write_text(f"{PROMPT}\n")
    asked = ("eval", "--model", "cogvideox", "--suite", "prompts.txt", "--seeds", "0", *SMALL)
    asked += ("--protocol", "spatialalign", "--out", "run")
    done = run(hub, tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("fetching")]
    assert [line.partition(":")[0] for line in lines] == [f"fetching {name}" for name in (COGVIDEOX, DINO, SAM2)]
    assert [line.partition(" MB, ")[2] for line in lines] == ["CogVideoX License", "Apache-2.0", "Apache-2.0"]
    manifest = Run.open(tmp_path / "run").manifest
    assert manifest.protocol == "spatialalign"
    assert manifest.generator.options["model"] == "cogvideox-5b"
    assert manifest.detector.fingerprint["commit"] == hub.repos[DINO].commits[0][0]
    again = run(hub, tmp_path, *asked, "--offline")
    assert again.returncode == 0, again.stderr
    assert "fetching" not in again.stderr


@pytest.mark.parametrize(("flags", "settings"), [(["--offline"], {}), ([], {"HF_HUB_OFFLINE": "1"})])
def test_offline_names_every_command_at_once(hub, tmp_path, flags, settings):
    done = run(hub, tmp_path, "eval", "--model", "cogvideox", "--protocol", "spatialalign", *flags, **settings)
    line = error_line(done, 7)
    assert f"offline, and not on this machine: {COGVIDEOX}, {DINO}, {SAM2}. " in line
    assert line.endswith(
        "run: dsrbench backends pull cogvideox-5b && dsrbench backends pull grounding-dino && "
        "dsrbench backends pull sam2"
    )
    assert "by default: suite dsr-core, seeds 0..4\n" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_defaults_follow_the_model(hub, tmp_path):
    """Without a GPU, a model of diffusers is scored by the detector for CPUs; the first line says so."""
    done = run(hub, tmp_path, "eval", "--model", "cogvideox", "--offline")
    assert done.stderr.startswith("by default: suite dsr-core, seeds 0..4, detector nanodet (no GPU is used)\n")
    assert "backends pull cogvideox-5b && dsrbench backends pull nanodet" in error_line(done, 7)
    done = run(hub, tmp_path, "align", "--model", "cogvideox", "--out", "aligned", "--offline")
    assert done.stderr.startswith(
        "by default: suite dsr-train:train, held-out dsr-core, validation dsr-train:validation, detector nanodet"
    )
    assert "backends pull cogvideox-5b && dsrbench backends pull nanodet" in error_line(done, 7)
    assert not (tmp_path / "aligned").exists()


def test_a_file_of_prompts_keeps_the_embedded_models_detector(hub, tmp_path):
    (tmp_path / "prompts.txt").write_text(
        "A cat is on the left of a box, then the cat walks to the right of the box.\n"
    )
    asked = ("eval", "--suite", "prompts.txt", "--seeds", "0", "-o", "generator.steps=1", "--out", "run")
    done = run(hub, tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("by default: detector sprites (the embedded model has its own detector)\n")
    assert Run.open(tmp_path / "run").manifest.detector.name == "sprites"


def test_a_server_that_fails_in_the_middle_names_what_is_left(hub, tmp_path):
    hub.faults = [(f"(GET|HEAD) /{SAM2}/resolve", "403")] * 3
    done = run(hub, tmp_path, "eval", "--model", "cogvideox", "--protocol", "spatialalign", "--limit", "1", *SMALL)
    hub.faults = []
    line = error_line(done, 7)
    assert SAM2 in line
    assert line.endswith("to fetch the rest, run: dsrbench backends pull sam2")


def test_a_model_that_the_hub_does_not_have(hub, tmp_path):
    done = run(hub, tmp_path, "eval", "--model", "me/nothing", "--suite", "dsr-core-mini")
    line = error_line(done, 7)
    assert "me/nothing: no such model on the Hub" in line
    assert "dsrbench backends pull diffusers --model me/nothing" in line
