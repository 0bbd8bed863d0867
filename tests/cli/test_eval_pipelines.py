"""The whole of `dsrbench eval` on a tiny pipeline of every recipe's class, by path; and its bad input."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from factories.pipelines import BUILDERS  # noqa: E402

from dsrbench.backends.generators import recipe as recipes  # noqa: E402
from dsrbench.backends.generators.recipe import read_recipe  # noqa: E402
from dsrbench.cli import group  # noqa: E402
from dsrbench.errors import DSRBenchError  # noqa: E402
from dsrbench.store import Run  # noqa: E402
from dsrbench.video import probe  # noqa: E402

SMALL = ("generator.height=64", "generator.width=64", "generator.frames=9", "generator.steps=2")
FRAMES = {"cogvideox1.5-5b": 17, "mochi": 7}


def run(*args):
    """`dsrbench ARGS` in this process: exit code, what it said on standard error or as its error."""
    done = CliRunner().invoke(group, [str(arg) for arg in args])
    if done.exception is None or isinstance(done.exception, SystemExit):
        return done.exit_code, done.stderr
    if not isinstance(done.exception, DSRBenchError):
        raise done.exception
    return done.exception.exit_code, str(done.exception)


def evaluate(folder, out, *more, options=SMALL):
    given = [word for option in (*options, "generator.dtype=float32") for word in ("-o", option)]
    asked = ("--suite", "sprites-val", "--seeds", "0", "--limit", "2", "--detector", "sprites-template")
    return run("eval", "--model", folder, "--out", out, *asked, *given, *more)


def test_every_pipeline_class_of_a_recipe_is_run():
    classes = {read_recipe(path.stem).pipeline for path in recipes.FOLDER.iterdir()}
    assert {read_recipe(name).pipeline for name in BUILDERS} == classes


@pytest.mark.parametrize("name", BUILDERS)
def test_from_a_folder_to_a_report(pipeline_folder, name, tmp_path):
    code, said = evaluate(pipeline_folder(name), tmp_path / "run")
    assert code == 0, said
    run_folder, recipe = Run(tmp_path / "run"), read_recipe(name)
    made = FRAMES.get(name, 9)
    assert ("in place of 9" in said) == (made != 9)
    samples = run_folder.samples()
    assert len(samples) == 2
    assert {(s.n_frames, s.fps, s.width, s.height) for s in samples} == {(made, float(recipe.fps), 64, 64)}
    assert all(s.text_used == s.prompt.text for s in samples)
    assert {s.score.status.value for s in samples} <= {"scored", "invalid"}
    info = probe(next(run_folder.videos.glob("*.mp4")))
    assert (info.codec, info.n_frames) == ("h264", made)
    record = run_folder.manifest.generator
    assert (record.name, record.options["model"]) == ("diffusers", f"tiny-{name}")
    assert record.fingerprint["recipe"] == name
    assert record.fingerprint["settings"]["frames"] == made
    assert record.fingerprint["settings"]["negative_prompt"] == recipe.negative_prompt
    assert "model_index.json" in record.fingerprint["weights"]
    assert any(name.endswith(".safetensors") for name in record.fingerprint["weights"])
    assert (run_folder.folder / "report/index.html").is_file()


def test_resumed_and_batched_runs(pipeline_folder, tmp_path):
    folder, out = pipeline_folder("wan2.1-1.3b"), tmp_path / "run"
    assert evaluate(folder, out)[0] == 0
    before = {path.name: path.read_bytes() for path in (out / "videos").iterdir()}
    (out / "videos" / min(before)).unlink()
    assert evaluate(folder, out)[0] == 0
    assert {path.name: path.read_bytes() for path in (out / "videos").iterdir()} == before
    code, said = evaluate(folder, out, options=(*SMALL, "generator.guidance=2"))
    assert code == 6
    assert "settings.guidance: 5.0 -> 2.0" in said or "options.guidance" in said


def test_bad_folders(pipeline_folder, tmp_path):
    good = pipeline_folder("wan2.1-1.3b")
    table = [
        ("no index", lambda f: (f / "model_index.json").unlink(), 3, "expected a folder with the model_index.json"),
        (
            "broken index",
            lambda f: (f / "model_index.json").write_text("{"),
            3,
            "expected a folder with the model_index",
        ),
        ("other class", lambda f: change(f, _class_name="FluxPipeline"), 3, "no recipe runs a FluxPipeline"),
        ("own class", lambda f: change(f, _class_name=["mine", "Mine"]), 3, "is code of its own, which is never run"),
        (
            "own part",
            lambda f: change(f, vae=["mine", "Vae"]),
            5,
            "component vae is of 'mine'; only classes of diffusers",
        ),
        ("code", lambda f: (f / "vae/diffusers.py").write_text("raise SystemExit"), 5, "comes with Python code"),
        ("no part", lambda f: shutil.rmtree(f / "text_encoder"), 5, "component text_encoder is not there"),
        ("pickled", pickle_weights, 5, "transformer has no safetensors; pickles are not read"),
    ]
    for number, (name, damage, code, words) in enumerate(table):
        folder = shutil.copytree(good, tmp_path / f"model-{number}")
        damage(folder)
        got, said = evaluate(folder, tmp_path / f"run-{number}")
        assert (got, words in said, "\n" in said) == (code, True, False), (name, said)


def change(folder, **values):
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def pickle_weights(folder):
    (file,) = (folder / "transformer").glob("*.safetensors")
    file.rename(file.with_suffix(".bin"))


@pytest.mark.parametrize("part", ["transformer", "text_encoder"])
def test_damaged_weights_end_the_run(pipeline_folder, tmp_path, part):
    folder = shutil.copytree(pipeline_folder("wan2.1-1.3b"), tmp_path / "cut")
    (file,) = (folder / part).glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-100])
    code, said = evaluate(folder, tmp_path / "run")
    assert code == 5
    assert "the pipeline cannot be loaded" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("model", "options", "code", "words"),
    [
        (
            *("wan2.1", (), 7),
            "not on this machine: Wan-AI/Wan2.1-T2V-1.3B-Diffusers. With a network, run: dsrbench backends pull wan2.1",
        ),
        ("animatediff", (), 7, "With a network, run: dsrbench backends pull animatediff"),
        ("me/mine", (), 7, "With a network, run: dsrbench backends pull diffusers --model me/mine"),
        ("me/mine", ("generator.revision=v2",), 7, "backends pull diffusers --model me/mine --revision v2"),
        ("wan2.3", (), 5, "no model named 'wan2.3', and no such folder; did you mean"),
        ("{folder}", ("generator.frame=9",), 3, "no option 'frame'; did you mean 'frames'"),
        ("{folder}", ("generator.frames=many",), 3, "expected int or NoneType, got 'many'"),
        ("{folder}", ("generator.steps=0",), 3, "steps must be above 0"),
        ("{folder}", ("generator.batch=0",), 3, "batch must be at least 1, got 0"),
        ("{folder}", ("generator.device=tpu9",), 3, "device 'tpu9' cannot be used"),
        ("{folder}", ("generator.offload=all",), 3, "offload must be one of none, model, sequential; got 'all'"),
        ("{folder}", ("generator.revision=v2",), 3, "a revision belongs to a model on the Hub"),
        ("{folder}", ("generator.adapter=nowhere",), 5, "adapter nowhere: expected a .safetensors file"),
    ],
)
def test_bad_input_is_one_line(pipeline_folder, tmp_path, monkeypatch, model, options, code, words):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("DSRBENCH_OFFLINE", "1")
    folder = pipeline_folder("wan2.1-1.3b") if model == "{folder}" else model
    got, said = evaluate(folder, tmp_path / "run", options=options)
    assert got == code, said
    assert words in said
    assert "\n" not in said
    assert not (tmp_path / "run").exists()
