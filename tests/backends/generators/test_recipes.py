"""Every recipe against the pipeline class it names, against the other recipes, and against a table of broken ones."""

from __future__ import annotations

import importlib
import inspect
import itertools
import re

import pytest

from dsrbench.backends.generators import recipe as recipes
from dsrbench.backends.generators.recipe import match_recipe, read_recipe, recipe_names
from dsrbench.backends.generators.settings import Overrides, settle
from dsrbench.backends.pretrained.devices import DTYPES
from dsrbench.backends.resolve import name_model, resolve_model
from dsrbench.errors import InputError, OptionError, UnknownBackendError

diffusers = pytest.importorskip("diffusers")
yaml = pytest.importorskip("yaml")

NAMES = sorted(path.stem for path in recipes.FOLDER.iterdir())
PROMISED = {
    "cogvideox": ["cogvideox-2b", "cogvideox-5b", "cogvideox1.5-5b"],
    "wan": ["wan2.1-1.3b", "wan2.1-14b", "wan2.2-5b", "wan2.2-a14b"],
    "others": ["ltx", "hunyuanvideo", "hunyuanvideo-1.5", "mochi", "animatediff"],
}


def test_the_models_promised_are_there_and_nothing_else():
    assert sorted(itertools.chain(*PROMISED.values())) == NAMES
    assert recipe_names()["cogvideox"] == "cogvideox-5b"
    assert recipe_names()["wan2.1"] == "wan2.1-1.3b"
    assert recipe_names()["wan2.2"] == "wan2.2-5b"
    aliases = [alias for name in NAMES for alias in read_recipe(name).aliases]
    assert len(set(aliases)) == len(aliases)
    assert not set(aliases) & set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_fits_its_pipeline(name):
    recipe = read_recipe(name)
    cls = getattr(diffusers, recipe.pipeline)
    call = inspect.signature(cls.__call__).parameters
    ours = {"prompt", "height", "width", "num_frames", "num_inference_steps", "generator", "output_type"}
    assert ours | set(recipe.call) <= set(call)
    assert "negative_prompt" in call or not recipe.negative_prompt
    assert not set(recipe.call) & (ours | {recipe.guidance_argument, recipe.fps_argument})
    components = inspect.signature(cls.__init__).parameters
    assert recipe.guidance_argument in (components if recipe.guidance_argument == "guider" else call)
    assert not recipe.fps_argument or recipe.fps_argument in call
    assert recipe.lora in components
    assert {*recipe.dtypes, *recipe.parameters, *recipe.parts, *recipe.without} <= set(components)
    assert recipe.lora in recipe.parameters
    assert {recipe.dtype, *recipe.dtypes.values()} <= set(DTYPES)
    for part in recipe.parts.values():
        assert hasattr(getattr(diffusers, part["class"]), "from_pretrained")
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", part["id"])


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_asks_for_what_its_model_can_make(name):
    recipe = read_recipe(name)
    settings, notes = settle(recipe, Overrides())
    assert notes == ()
    assert (settings.frames, settings.height, settings.width) == (recipe.frames, recipe.height, recipe.width)
    assert re.fullmatch(r"\d+n\+\d+", recipe.frame_rule)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", recipe.id)
    assert recipe.steps >= recipe.min_steps >= 1
    assert all(0 < billions < 100 for billions in recipe.parameters.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_scheduler_has_the_settings_a_recipe_changes(name):
    changes = dict(read_recipe(name).scheduler)
    usual = "UniPCMultistepScheduler" if "flow_shift" in changes else "DDIMScheduler"
    cls = getattr(diffusers, changes.pop("class", usual))
    assert set(changes) <= set(inspect.signature(cls.__init__).parameters)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_where_its_numbers_come_from(name):
    first = (recipes.FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert re.match(r"# https://\S+", first)


def test_one_recipe_of_a_class_takes_what_the_others_do_not():
    by_class = {}
    for name in NAMES:
        recipe = read_recipe(name)
        by_class.setdefault(recipe.pipeline, []).append(recipe)
    for cls, found in by_class.items():
        assert sum(not recipe.match for recipe in found) == 1, cls
        assert len({str(recipe.match) for recipe in found}) == len(found), cls


def write(folder, **files):
    import json

    for name, values in files.items():
        path = folder / (name.replace("__", "/") + ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize(
    ("index", "transformer", "pipeline", "name"),
    [
        ({}, {"num_layers": 30}, "WanPipeline", "wan2.1-1.3b"),
        ({}, {"num_layers": 40}, "WanPipeline", "wan2.1-14b"),
        ({"boundary_ratio": 0.875}, {"num_layers": 40}, "WanPipeline", "wan2.2-a14b"),
        ({"expand_timesteps": True}, {"num_layers": 30}, "WanPipeline", "wan2.2-5b"),
        ({}, {"use_rotary_positional_embeddings": False}, "CogVideoXPipeline", "cogvideox-2b"),
        ({}, {"use_rotary_positional_embeddings": True, "patch_size_t": None}, "CogVideoXPipeline", "cogvideox-5b"),
        ({}, {"use_rotary_positional_embeddings": True, "patch_size_t": 2}, "CogVideoXPipeline", "cogvideox1.5-5b"),
        ({}, {}, "LTXPipeline", "ltx"),
    ],
)
def test_a_folder_is_matched_by_what_it_says_of_itself(tmp_path, index, transformer, pipeline, name):
    folder = write(tmp_path, model_index=index, transformer__config=transformer)
    assert match_recipe(folder, pipeline).name == name


def test_a_class_without_a_recipe(tmp_path):
    with pytest.raises(
        InputError, match="no recipe runs a FluxPipeline; there are recipes for AnimateDiffPipeline, Cog"
    ):
        match_recipe(tmp_path, "FluxPipeline")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of recipes of one's own, in place of the package's."""
    monkeypatch.setattr(recipes, "FOLDER", tmp_path)
    read_recipe.cache_clear()
    yield tmp_path
    read_recipe.cache_clear()


def test_adding_a_model_is_adding_a_file(own):
    values = yaml.safe_load((recipes.Path(recipes.__file__).parent / "recipes/ltx.yaml").read_text(encoding="utf-8"))
    (own / "ltx-mine.yaml").write_text(yaml.safe_dump({**values, "aliases": ["mine"], "frames": 97}))
    assert resolve_model("mine") == ("diffusers", {"model": "ltx-mine"})
    assert read_recipe("ltx-mine").frames == 97
    assert name_model("mine", "x/lora.safetensors") == "ltx-mine+lora"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "keys absent, or none of a recipe"),
        ("", "keys absent, or none of a recipe"),
        ("pipeline: WanPipeline", "keys absent"),
        ("!!python/object/apply:os.system ['true']", "cannot be read"),
        ("a: [", "cannot be read"),
    ],
)
def test_broken_recipes(own, text, words):
    (own / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_recipe("bad")


def test_unknown_names_have_near_matches():
    with pytest.raises(
        UnknownBackendError, match="no model named 'cogvidox', and no such folder; did you mean 'cogvid"
    ):
        resolve_model("cogvidox")
    with pytest.raises(UnknownBackendError, match=r"did you mean 'wan2\.1'"):
        resolve_model("wan2.11")
    with pytest.raises(UnknownBackendError, match="no recipe named 'ltxx'"):
        read_recipe("ltxx")
    assert resolve_model("me/mine") == ("diffusers", {"model": "me/mine"})
    assert resolve_model("hunyuanvideo") == ("diffusers", {"model": "hunyuanvideo"})


FRAMES = [("wan2.1", 80, 81), ("wan2.1", 1, 1), ("wan2.1", 3, 5), ("cogvideox", 48, 49), ("mochi", 84, 85)]


@pytest.mark.parametrize(("name", "asked", "made"), [*FRAMES, ("animatediff", 24, 24), ("cogvideox1.5-5b", 80, 81)])
def test_frame_counts_are_rounded_and_said(name, asked, made):
    settings, notes = settle(read_recipe(recipe_names()[name]), Overrides(frames=asked))
    assert settings.frames == made
    assert [note for note in notes if f"{made} in place of {asked}" in note] == list(notes)
    assert bool(notes) == (asked != made)


def test_sizes_are_rounded_and_said():
    settings, notes = settle(read_recipe("ltx"), Overrides(height=500, width=33))
    assert (settings.height, settings.width) == (512, 32)
    assert notes == ("ltx makes sizes that are multiples of 32: 32x512 in place of 33x500",)


@pytest.mark.parametrize(
    ("name", "asked", "words"),
    [
        ("ltx", {"steps": 0}, "steps must be above 0 and below a million, got 0"),
        ("ltx", {"frames": -9}, "frames must be above 0 and below a million, got -9"),
        ("ltx", {"fps": float("nan")}, "fps must be above 0 and below a million, got nan"),
        ("ltx", {"height": 10**9}, "height must be above 0 and below"),
        ("ltx", {"guidance": -1.0}, "guidance must be 0 or more, got -1.0"),
        ("ltx", {"dtype": "int8"}, "dtype must be one of float32, float16, bfloat16; got 'int8'"),
        ("mochi", {"steps": 1}, "mochi takes at least 2 steps, got 1"),
        ("animatediff", {"frames": 33}, "animatediff makes at most 32 frames, got 33"),
    ],
)
def test_settings_out_of_range(name, asked, words):
    with pytest.raises(OptionError, match=re.escape(words)):
        settle(read_recipe(name), Overrides(**asked))


def test_reading_recipes_imports_no_model_package():
    import subprocess
    import sys

    code = (
        "import sys; from dsrbench.backends.generators.recipe import recipe_names; recipe_names(); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "diffusers", "transformers", "huggingface_hub"} & set(loaded)
    assert importlib.import_module("dsrbench.backends.generators.recipe").__name__ in loaded
