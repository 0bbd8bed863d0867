"""Recipes: read, and refused with what is wrong in them."""

from __future__ import annotations

import json

import pytest

from dsrbench.errors import PromptError
from dsrbench.prompts.recipe import Part, Recipe, list_recipes, read_recipe

PART = {"split": "test", "relations": ["LR", "RL"], "size": 4}
GOOD = {"suite": "toy", "version": "1", "seed": 3, "parts": [PART]}


def write(tmp_path, data):
    path = tmp_path / "toy.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_a_recipe_in_a_file(tmp_path):
    assert read_recipe(write(tmp_path, GOOD)) == Recipe("toy", "1", 3, (Part("test", ("LR", "RL"), 4),))
    assert [read_recipe(name).suite for name in list_recipes()] == list_recipes()


BAD = [
    ("{", "not a recipe in JSON"),
    ([], "expected a recipe as a JSON object, got list"),
    ({**GOOD, "sead": 1}, "unknown key 'sead' of a recipe; did you mean 'seed'"),
    ({**GOOD, "seed": "1"}, "'seed' must be of type int, got '1'"),
    ({**GOOD, "seed": True}, "'seed' must be of type int, got True"),
    ({"suite": "toy", "version": "1", "parts": [PART]}, "'seed' is missing"),
    ({**GOOD, "parts": []}, "either 'parts' or 'of'"),
    ({**GOOD, "of": "dsr-core"}, "either 'parts' or 'of'"),
    ({"suite": "toy", "version": "1", "seed": 1, "of": "dsr-core"}, "'size' must be at least 1"),
    ({**GOOD, "apart_from": [1]}, "'apart_from' must be a list of texts"),
    ({**GOOD, "parts": ["LR"]}, "expected a part as a JSON object"),
    ({**GOOD, "parts": [{"split": "test", "size": 4}]}, "a part needs 'relations'"),
    ({**GOOD, "parts": [{**PART, "split": "dev"}]}, "'split' must be one of train, validation, test, got 'dev'"),
    ({**GOOD, "parts": [{**PART, "relations": ["LX"]}]}, "unknown relation in 'LX'"),
    ({**GOOD, "parts": [{**PART, "relations": ["LR", "LR"]}]}, "each once"),
    ({**GOOD, "parts": [{**PART, "size": 1}]}, "a prompt for each at least; got 1"),
    ({**GOOD, "parts": [{**PART, "wording": "side"}]}, "no wording 'side'; did you mean 'sides'"),
]


@pytest.mark.parametrize(("data", "message"), BAD)
def test_bad_recipes(tmp_path, data, message):
    path = write(tmp_path, data)
    with pytest.raises(PromptError, match=message) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_recipes_that_are_not_there(tmp_path):
    with pytest.raises(PromptError, match="no recipe 'dsr-cor'; did you mean 'dsr-core'"):
        read_recipe("dsr-cor")
    with pytest.raises(PromptError, match="cannot be read"):
        read_recipe(tmp_path / "absent.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff")
    with pytest.raises(PromptError, match="not a recipe in JSON"):
        read_recipe(tmp_path / "bytes.json")
