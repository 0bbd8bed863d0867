"""The committed comparison is what its script makes, and shows what it says it shows."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from dsrbench.markdown import insert_table
from dsrbench.metric import score_tracks
from dsrbench.types import Relation

FOLDER = Path(__file__).parents[2] / "benchmark" / "comparison"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.path.insert(0, str(FOLDER))
comparison, static = load("vbench_direction"), load("static_rules")


def test_the_committed_table_is_the_one_the_script_makes():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert insert_table(text, comparison.make_table(), start=comparison.START) == text
    assert text.count(comparison.START) == 1
    assert insert_table(text, static.make_table(), start=static.MARK) == text


@pytest.mark.parametrize("code", static.PLACES)
def test_the_opposite_is_wrong_to_the_score_alone(code):
    tracks = static.render_tracks(code)
    swapped = static.swap(tracks)
    relation = Relation(code)
    assert score_tracks(tracks, code).passes()
    assert score_tracks(swapped, code).dsr_score < 0.01
    assert static.vbench_score(tracks, relation) == static.vbench_score(swapped, relation) == 1
    assert static.compbench_score(swapped, relation) == pytest.approx(0.4)


@pytest.mark.parametrize("type", comparison.TYPES)
def test_a_mirror_changes_one_and_not_the_other(type):
    tracks = comparison.render_tracks(type)
    mirrored = comparison.mirror(tracks)
    straight, swapped = (score_tracks(each, type) for each in (tracks, mirrored))
    assert straight.passes()
    assert not swapped.passes()
    if "T" in type:
        assert swapped.dsr_score < straight.dsr_score - 0.3
    else:
        assert swapped.dsr_score == pytest.approx(1 - straight.dsr_score)
    assert comparison.undirected_score(mirrored, type) == pytest.approx(comparison.undirected_score(tracks, type))
    assert comparison.undirected_score(tracks, type) > 0.6


OBJECT = [0.0, 0, 10, 10]
FRAMES = [
    # absent: none
    ([np.nan] * 4, "L", 0.0),
    # the side does not matter, the axis does
    ([-30, 0, -20, 10], "L", 1.0),
    ([30, 0, 40, 10], "L", 1.0),
    ([30, 0, 40, 10], "T", 0.0),
    ([0, 30, 10, 40], "T", 1.0),
    ([0, -30, 10, -20], "U", 1.0),
    # on the diagonal: neither
    ([30, 30, 40, 40], "L", 0.0),
    ([30, 30, 40, 40], "T", 0.0),
    # overlap: 0.1 / IoU of a third, less than 0.1
    ([5, 0, 15, 10], "R", 0.3),
    ([9, 0, 19, 10], "R", 1.0),
]


@pytest.mark.parametrize(("subject", "code", "expected"), FRAMES)
def test_the_rule(subject, code, expected):
    found = comparison.frame_score(np.array(subject, float), np.array(OBJECT), Relation(code))
    assert found == pytest.approx(expected)
