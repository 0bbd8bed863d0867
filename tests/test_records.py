"""Records as JSON values and back, and errors that name the field."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from dsrbench.errors import InputError
from dsrbench.records import from_json, hash_json, to_json


class Colour(enum.StrEnum):
    RED = "red"


@dataclasses.dataclass(frozen=True)
class Part:
    name: str = ""
    share: float = dataclasses.field(default=math.nan, metadata={"json": "share_0.7"})


@dataclasses.dataclass(frozen=True)
class Whole:
    part: Part = Part()
    names: tuple[str, ...] = ()
    shares: Mapping[str, float] = dataclasses.field(default_factory=dict)
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    count: int | None = None
    colour: Colour = Colour.RED
    flag: bool = False


WHOLE = Whole(Part("a", 0.5), ("x", "y"), {"t": 1.0}, {"deep": {"list": [1, "2", None]}}, 3, Colour.RED, True)


@pytest.mark.parametrize("record", [WHOLE, Whole()])
def test_there_and_back(record):
    values = json.loads(json.dumps(to_json(record), allow_nan=False))
    again = from_json(Whole, values)
    assert to_json(again) == to_json(record)
    assert to_json(from_json(Whole, {**values, "of a later version": 1})) == values
    assert values["part"].keys() == {"name", "share_0.7"}


def test_numbers_that_are_not_finite_and_arrays():
    assert to_json({"a": math.inf, "b": np.float64("nan"), "c": np.arange(2)}) == {"a": None, "b": None, "c": [0, 1]}
    assert math.isnan(from_json(Part, {"share_0.7": None}).share)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"part": {"name": 3}}, "part.name: expected str, got int '3'"),
        ({"part": []}, "part: expected dict, got list '[]'"),
        ({"names": ["x", 1]}, "names[1]: expected str, got int '1'"),
        ({"shares": {"t": "much"}}, "shares['t']: expected float, got str 'much'"),
        ({"options": [1]}, "options: expected an object"),
        ({"count": True}, "count: expected int, got bool 'True'"),
        ({"flag": 1}, "flag: expected bool, got int '1'"),
        ({"colour": "blue"}, "colour: 'blue' is not a valid Colour"),
        ([], "Whole: expected dict, got list '[]'"),
        ({"names": [1] * 100_000}, "names[0]: expected str, got int '1'"),
    ],
)
def test_another_type_is_one_short_line(values, message):
    with pytest.raises(InputError) as caught:
        from_json(Whole, values)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_hashes_do_not_depend_on_the_order():
    assert hash_json({"a": [1, 2], "b": None}) == hash_json({"b": None, "a": [1, 2]})
    assert hash_json([1, 2]) != hash_json([2, 1])
