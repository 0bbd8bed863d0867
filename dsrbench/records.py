"""Conversion of records, which are frozen dataclasses, to JSON values and back."""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dsrbench.errors import InputError

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Convert a value to dicts, lists, texts, numbers, truth values and None; a number that is not finite gives None.

    Args:
        value: Dataclasses, mappings, sequences, sets, enumerations, numpy arrays and numbers, and what they hold. A
            field whose metadata have the key `json` has that name in JSON.

    >>> from dsrbench.analysis.statistics import Interval
    >>> to_json({"accuracy": Interval(0.5, float("nan"), 1.0)})
    {'accuracy': {'value': 0.5, 'low': None, 'high': 1.0}}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {_name_in_json(field): to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(to_json(key)): to_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return to_json(value.tolist())
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _name_in_json(field: dataclasses.Field[Any]) -> str:
    name: str = field.metadata.get("json", field.name)
    return name


def hash_json(value: Any) -> str:
    """Hash JSON values, whatever the order of their keys: SHA-256, 64 hexadecimal digits.

    >>> hash_json({"a": 1, "b": 2}) == hash_json({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def from_json(kind: type[T], data: Any) -> T:
    """Make a record from JSON values; None gives NaN for a number, and unknown names are ignored.

    Args:
        kind: Class of the record. Its fields are texts, numbers, enumerations, records, and tuples, mappings and
            optional values of these.
        data: The result of `to_json`.

    Raises:
        InputError: A value of another type, or a name that is missing; the message says which.

    >>> from dsrbench.analysis.statistics import Interval
    >>> from_json(Interval, {"value": 0.5, "low": None, "high": 1})
    Interval(value=0.5, low=nan, high=1.0)
    """
    from cattrs import transform_error

    try:
        return _converter().structure(data, kind)
    except InputError:
        raise
    except Exception as error:  # cattrs groups the errors of fields
        problems = transform_error(error, path="", format_exception=_describe)
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise InputError("; ".join(_locate(problem, kind.__name__) for problem in problems[:3]) + more) from None


def _locate(problem: str, record: str) -> str:
    """Write the name of the field before the problem."""
    text, _, name = problem.partition(" @ ")
    return f"{name.lstrip('.') or record}: {text}"


def _describe(error: BaseException, kind: type | None) -> str:
    if isinstance(error, KeyError):
        return f"lacks {error.args[0]}"
    return "expected an object" if isinstance(error, AttributeError) else str(error)


@functools.cache
def _converter() -> Converter:
    from cattrs import Converter
    from cattrs.gen import make_dict_structure_fn, override

    def structure_record(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
        names: dict[str, Any] = {
            field.name: override(rename=_name_in_json(field)) for field in dataclasses.fields(kind)
        }
        structure = make_dict_structure_fn(kind, converter, **names)
        return lambda value, _: structure(_check(dict, value), kind)

    converter = Converter()
    converter.register_structure_hook_factory(dataclasses.is_dataclass, structure_record)
    for kind in (bool, int, str):
        converter.register_structure_hook(kind, functools.partial(_check, kind))
    converter.register_structure_hook(float, _read_number)
    return converter


def _read_number(value: Any, _: Any) -> float:
    return math.nan if value is None else float(_check(float, value))


def _check(kind: type, value: Any, target: Any = None) -> Any:
    """Return a value of just this kind, as `target` where that is an enumeration of it."""
    is_number = kind is float and isinstance(value, int) and not isinstance(value, bool)
    if not is_number and type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__} {str(value)[:40]!r}")
    return value if target in (None, kind) else target(value)
