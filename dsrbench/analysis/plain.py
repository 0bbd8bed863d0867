"""Values as JSON takes them, and back: NaN as null, data classes as objects, enumerations as their values."""

from __future__ import annotations

import dataclasses
import enum
import math
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def plain(value: Any) -> Any:
    """A value made of dicts, lists, texts, numbers, truth values and None only.

    Args:
        value: Data classes, mappings, sequences, numpy arrays and numbers, and what they hold.

    >>> from dsrbench.analysis.statistics import Interval
    >>> plain({"accuracy": Interval(0.5, float("nan"), 1.0)})
    {'accuracy': {'value': 0.5, 'low': None, 'high': 1.0}}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def read_plain(kind: type[T], value: Any) -> T:
    """Restore a value from what `plain` made of it.

    Args:
        kind: A data class whose fields are numbers, texts, truth values, data classes, and mappings or tuples of these.
        value: The result of `plain`, or what JSON made of it; keys that are missing have their defaults.

    >>> from dsrbench.analysis.statistics import Interval
    >>> read_plain(Interval, {"value": 0.5, "low": None, "high": 1.0})
    Interval(value=0.5, low=nan, high=1.0)
    """
    hints = typing.get_type_hints(kind)
    return kind(**{name: _restore(hints[name], item) for name, item in value.items()})


def _restore(kind: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return tuple(_restore(arguments[0], item) for item in value)
    if origin is Mapping:
        return {key: _restore(arguments[1], item) for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return read_plain(typing.cast(type, kind), value)
    return math.nan if kind is float and value is None else value
