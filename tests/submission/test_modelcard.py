from __future__ import annotations

import dataclasses
import math

import pytest
import yaml
from factories.entries import SUITE, write_entry
from huggingface_hub import ModelCard

from dsrbench.errors import InputError
from dsrbench.prompts import read_suite
from dsrbench.submission import check_entry
from dsrbench.submission.modelcard import FIGURES, add_to_card

CARD = """---
license: apache-2.0
tags:
- video
model-index:
- name: my-model
  results:
  - task:
      type: text-to-video
    dataset:
      name: Other
      type: other
    metrics:
    - type: fvd
      value: 12.5
      name: FVD
---

# My model

It *does* things: 漢字.
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    return check_entry(write_entry(tmp_path_factory.mktemp("e")), lambda name, version: read_suite(SUITE))


def add(text, checked, **given):
    return add_to_card(text, checked.entry, checked.summary, **given)


def results_of(text):
    return {one.metric_name: one for one in ModelCard(text).data.eval_results}


def test_a_new_card_has_the_figures(checked):
    text = add("", checked).card
    found = results_of(text)
    assert set(found) == set(FIGURES.values())
    assert found["Accuracy@0.7"].metric_value == checked.summary.headline.value
    assert found["Coverage"].metric_value == 1.0
    assert found["Accuracy@0.7"].dataset_name == "dsr-core-mini 1.0 (nanodet, assignment, 5 seeds a prompt)"
    assert "model-index" in yaml.safe_load(text.split("---")[1])
    assert ModelCard(text).data.model_name == "model"


def test_what_a_card_has_is_kept(checked):
    text = add(CARD, checked).card
    card = ModelCard(text)
    assert (card.data.license, card.data.tags, card.data.model_name) == ("apache-2.0", ["video"], "my-model")
    assert results_of(text)["FVD"].metric_value == 12.5
    assert card.text == ModelCard(CARD).text
    assert len(card.data.eval_results) == 4


def test_added_twice_it_is_there_once(checked):
    once = add(CARD, checked).card
    assert add(once, checked).card == once
    newer = dataclasses.replace(checked.summary, coverage=0.5)
    changed = add_to_card(once, checked.entry, newer).card
    assert results_of(changed)["Coverage"].metric_value == 0.5
    assert len(ModelCard(changed).data.eval_results) == 4


def test_a_benchmark_on_the_hub_gets_its_own_file(checked):
    assert add("", checked).results == ""
    files = add("", checked, dataset="lab/board")
    (row,) = yaml.safe_load(files.results)
    assert row["dataset"] == {"id": "lab/board", "task_id": "dsr-core-mini"}
    assert row["value"] == checked.summary.headline.value
    assert results_of(files.card)["Coverage"].dataset_type == "lab/board"


def test_no_mean_score_where_nothing_was_scored(checked):
    none = dataclasses.replace(checked.summary, mean_score=math.nan)
    assert set(results_of(add_to_card("", checked.entry, none).card)) == {"Accuracy@0.7", "Coverage"}


@pytest.mark.parametrize("text", ["---\n[1, 2]\n---\n", "---\n: : :\n---\n", "---\nmodel-index: 3\n---\n"])
def test_what_is_no_card(checked, text):
    with pytest.raises(InputError, match="not a model card that can be added to"):
        add(text, checked)
