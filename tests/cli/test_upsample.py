"""`dsrbench upsample` on tiny language models, and `dsrbench eval` of what it wrote; resuming; bad input."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("diffusers")

from factories.language_models import ANSWER, random_model, reciting_model

from dsrbench.backends.generators.upsampled import read_lines
from dsrbench.backends.generators.upsampler import Upsampler
from dsrbench.cli import group
from dsrbench.errors import DSRBenchError, MissingExtraError
from dsrbench.store import Run

CAT = "A cat is on the left of a box, then the cat walks to the right of the box."
DOG = "A dog is on the left of a box, then the dog walks to the right of the box."
SAID = "".join(ANSWER)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    reciting_model(folder / "reciting")
    random_model(folder / "random")
    return folder


@pytest.fixture
def suite(tmp_path):
    return write_suite(tmp_path / "mine.jsonl", CAT, DOG)


def write_suite(path, *texts):
    path.write_text("".join(json.dumps({"id": f"p{i}", "text": text}) + "\n" for i, text in enumerate(texts)))
    return path


def run(*args):
    """`dsrbench ARGS` in this process: exit code, standard output, and standard error or the error's line."""
    done = CliRunner().invoke(group, [str(arg) for arg in args])
    if isinstance(done.exception, DSRBenchError):
        return done.exception.exit_code, done.stdout, str(done.exception)
    if done.exception is not None and not isinstance(done.exception, SystemExit | KeyboardInterrupt):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def upsample(suite, models, out, *more, model="reciting"):
    return run("upsample", suite, "--model", models / model, "--out", out, *more)


def evaluate(folder, suite, out, texts):
    options = ("height=32", "width=32", "frames=5", "steps=1", "dtype=float32", f"upsampled={texts}")
    given = [word for option in options for word in ("-o", f"generator.{option}")]
    asked = ("--suite", suite, "--seeds", "0", "--detector", "sprites-template", "--out", out)
    return run("eval", "--model", folder, *asked, *given)


def test_from_a_suite_to_samples_that_say_which_text_was_used(pipeline_folder, models, suite, tmp_path):
    texts = tmp_path / "texts.jsonl"
    code, out, err = upsample(suite, models, texts)
    assert code == 0, err
    name = next(iter(read_lines(texts).values())).upsampler
    assert name.startswith("reciting@")
    assert out == f"{texts}  1 of 2 prompts extended, 1 as they are, by {name}\n"
    assert f"as it is, the answer lost the subject 'dog': {DOG}\n" in err
    assert "upsample: 2/2" in err
    first, second = [json.loads(line) for line in texts.read_text().splitlines()]
    assert first == {"text": CAT, "upsampled": SAID, "upsampler": name}
    assert second == {"text": DOG, "upsampled": DOG, "upsampler": name, "note": "the answer lost the subject 'dog'"}

    folder, runs = pipeline_folder("wan2.1-1.3b"), tmp_path / "run"
    code, _, err = evaluate(folder, suite, runs, texts)
    assert code == 0, err
    samples = Run(runs).samples()
    assert {(s.prompt.text, s.text_used) for s in samples} == {(CAT, SAID), (DOG, DOG)}
    assert Run(runs).manifest.generator.fingerprint["text"]["upsampler"] == name
    videos = {path.name: path.read_bytes() for path in (runs / "videos").iterdir()}
    assert (
        evaluate(folder, suite, tmp_path / "said", write_texts(tmp_path / "said.jsonl", {CAT: SAID, DOG: DOG}))[0] == 0
    )
    assert {path.name: path.read_bytes() for path in (tmp_path / "said/videos").iterdir()} == videos
    code, _, err = evaluate(folder, suite, runs, write_texts(tmp_path / "texts.jsonl", {CAT: CAT, DOG: DOG}))
    assert (code, "\n" in err) == (6, False)
    assert "fingerprint.text" in err
    assert evaluate(folder, suite, tmp_path / "raw", tmp_path / "texts.jsonl")[0] == 0
    raw = {path.name: path.read_bytes() for path in (tmp_path / "raw/videos").iterdir()}
    assert sorted(name for name in videos if raw[name] != videos[name]) == [
        s.video for s in samples if s.text_used == SAID
    ]


def write_texts(path, texts):
    lines = ({"text": text, "upsampled": said, "upsampler": "me"} for text, said in texts.items())
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_prompt_the_file_lacks_is_a_failed_sample_and_none_at_all_is_an_error(pipeline_folder, suite, tmp_path):
    folder, texts = pipeline_folder("wan2.1-1.3b"), write_texts(tmp_path / "texts.jsonl", {CAT: SAID})
    assert evaluate(folder, suite, tmp_path / "run", texts)[0] == 8
    (failed,) = [s for s in Run(tmp_path / "run").samples() if s.score.status.value == "failed"]
    assert failed.prompt.text == DOG
    assert "add it with: dsrbench upsample SUITE --out " in failed.score.reason
    code, _, err = evaluate(folder, suite, tmp_path / "none", write_texts(texts, {"a": "b"}))
    assert (code, "\n" in err) == (5, False)
    assert "it can make none of the suite's prompts" in err
    texts.write_text("{")
    code, _, err = evaluate(folder, suite, tmp_path / "bad", texts)
    assert (code, "\n" in err) == (3, False)
    assert err.startswith(f"{texts}, line 1: not JSON")


def test_an_interrupted_command_goes_on_to_the_same_bytes(models, suite, tmp_path, monkeypatch):
    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    assert upsample(suite, models, whole)[0] == 0
    extend, asked = Upsampler.extend, []

    def interrupted(upsampler, prompt):
        asked.append(prompt.text)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return extend(upsampler, prompt)

    monkeypatch.setattr(Upsampler, "extend", interrupted)
    assert upsample(suite, models, part)[0] != 0
    assert part.read_bytes() == whole.read_bytes().splitlines(keepends=True)[0]
    code, out, err = upsample(suite, models, part)
    assert code == 0, err
    assert "1 of 2 prompts extended" in out
    assert asked == [CAT, DOG, DOG]
    assert part.read_bytes() == whole.read_bytes()
    assert upsample(suite, models, part)[0] == 0
    assert len(asked) == 3, "a whole file is left alone"
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == ["mine.jsonl", "part.jsonl", "whole.jsonl"]
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []


def test_a_file_grows_by_other_suites_and_is_not_shared_by_two_upsamplers(models, suite, tmp_path):
    texts = tmp_path / "folder/texts.jsonl"
    assert upsample(suite, models, texts)[0] == 0
    before = texts.read_bytes()
    for other in (("--max-tokens", "9"), ("--temperature", "0.5")):
        code, _, err = upsample(suite, models, texts, *other)
        assert (code, "\n" in err) == (3, False)
        assert "name another file with --out" in err
    assert texts.read_bytes() == before
    more = write_suite(
        tmp_path / "more.jsonl", CAT.replace("A cat", "A small cat").replace("the cat", "the small cat"), CAT
    )
    code, out, err = upsample(more, models, texts)
    assert code == 0, err
    assert texts.read_bytes().startswith(before)
    assert len(read_lines(texts)) == 3
    assert "1 of 2 prompts extended" in out


def test_a_model_in_the_hubs_cache_is_named_with_its_commit(models, suite, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    asked = ("upsample", suite, "--model", "me/mine", "--out", tmp_path / "texts.jsonl")
    code, _, err = run(*asked, "--offline")
    assert (code, err) == (
        7,
        "offline, and not on this machine: me/mine. With a network, run: "
        "dsrbench backends pull upsampler --model me/mine",
    )
    code, _, err = run(*asked[:2], *asked[4:], "--offline")
    assert code == 7
    assert err.endswith("run: dsrbench backends pull upsampler")
    place = tmp_path / "hub/models--me--mine"
    shutil.copytree(models / "reciting", place / "snapshots" / ("c" * 40))
    (place / "refs").mkdir()
    (place / "refs/main").write_text("c" * 40)
    code, out, err = run(*asked)
    assert code == 0, err
    assert out.endswith(f"by me/mine@{'c' * 12}, instruction 1, 200 tokens, float32\n")
    assert run(*asked, "--offline", "--revision", "v2")[2].endswith(
        "dsrbench backends pull upsampler --model me/mine --revision v2"
    )
    code, out, _ = run("backends", "pull", "upsampler", "--model", "me/mine", "--offline")
    assert (code, out) == (0, f"{place / 'snapshots' / ('c' * 40)}  me/mine, commit {'c' * 40}\n")


def test_bad_models_are_one_line(models, suite, tmp_path):
    def change(folder, **fields):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **fields}))

    def without_end(folder):
        for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
            fields = json.loads((folder / name).read_text())
            left = {key: value for key, value in fields.items() if key not in ("eos_token_id", "eos_token")}
            (folder / name).write_text(json.dumps({**left, **({"eos_token": None} if "token" in name else {})}))

    table = [
        (lambda f: (f / "config.json").unlink(), "config.json is not in it"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pickled weights are not read"),
        (lambda f: (f / "model.safetensors").write_bytes(b"broken"), "cannot be loaded as a model"),
        (lambda f: [path.unlink() for path in f.glob("token*")], "cannot be loaded as a model"),
        (lambda f: change(f, num_hidden_layers=2), "weights, such as model.layers.1"),
        (lambda f: change(f, model_type="detr"), "holds a model of the type 'detr'; upsampler takes "),
        (without_end, "says of no token that it ends an answer"),
    ]
    for number, (damage, words) in enumerate(table):
        shutil.copytree(models / "random", tmp_path / f"bad-{number}")
        damage(tmp_path / f"bad-{number}")
        code, _, err = upsample(suite, tmp_path, tmp_path / "texts.jsonl", model=f"bad-{number}")
        assert (code, words in err, "\n" in err) == (5, True, False), (number, err)
    assert not (tmp_path / "texts.jsonl").exists()


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("--max-tokens", "0"), 3, "max_tokens must be at least 1, got 0"),
        (("--max-tokens", "many"), 2, "'many' is not a valid integer"),
        (("--temperature", "-1"), 3, "temperature must be a number of 0 or more, got -1.0"),
        (("--dtype", "int8"), 3, "dtype must be one of float32, float16, bfloat16; got 'int8'"),
        (("--device", "tpu"), 3, "device 'tpu' cannot be used"),
        (("--revision", "v2"), 3, "a revision belongs to a model on the Hub"),
        (("--out", "{}"), 3, "cannot be read (Is a directory)"),
        (("--out", "{}/mine.jsonl"), 3, "line 1: unknown key 'id'"),
        (("--out", "{}/mine.jsonl/texts.jsonl"), 6, "mine.jsonl"),
    ],
)
def test_bad_options_are_one_line(models, suite, tmp_path, more, code, words):
    got, _, err = upsample(suite, models, tmp_path / "texts.jsonl", *(word.format(tmp_path) for word in more))
    assert (got, words in err) == (code, True), err
    assert code == 2 or "\n" not in err


@pytest.mark.parametrize("package", ["transformers", "torch"])
def test_a_missing_package_is_named_before_the_model_is_fetched(suite, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("dsrbench.cli.options.fetch_missing", lambda *_, **__: pytest.fail("fetched"))
    error = CliRunner().invoke(group, ["upsample", str(suite), "--out", str(tmp_path / "texts.jsonl")]).exception
    assert isinstance(error, MissingExtraError)
    assert f"needs the package {package!r}. Install it with: pip install 'dsrbench[hf]'" in str(error)


def test_a_bad_suite(models, tmp_path):
    code, _, err = upsample("sprite", models, tmp_path / "texts.jsonl")
    assert (code, "\n" in err) == (3, False)
    assert "no suite named 'sprite'; did you mean 'sprites'" in err
