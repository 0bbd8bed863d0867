"""Checks of settings: their types and their ranges, each refused in one line."""

from __future__ import annotations

import math
import typing
from typing import Any

from dsrbench.errors import OptionError


def check_types(group: object) -> None:
    """Check that each field of a data class has a value of its type.

    Raises:
        OptionError: Names the first that has not.
    """
    for key, kind in typing.get_type_hints(type(group)).items():
        check_type(key, getattr(group, key), kind)


def check_type(key: str, value: Any, kind: Any) -> None:
    """Check the type of one setting.

    Args:
        key: Key of the setting.
        value: Its value.
        kind: `bool`, `int`, `float`, `str`, a union of these and None, or a tuple of `str`.

    Raises:
        OptionError: A value of another type.

    >>> check_type("clip", "much", float | None)
    Traceback (most recent call last):
    dsrbench.errors.OptionError: setting 'clip': expected float or none, got 'much'
    """
    if typing.get_origin(kind) is tuple:
        is_right = isinstance(value, tuple) and all(isinstance(item, str) and item for item in value)
        expected = "a tuple of names"
    else:
        allowed = list_types(kind)
        is_right = any(_is_of(value, one) for one in allowed)
        expected = " or ".join("none" if one is type(None) else one.__name__ for one in allowed)
    if not is_right:
        raise OptionError(f"setting {key!r}: expected {expected}, got {value!r}")


def list_types(kind: Any) -> tuple[Any, ...]:
    """Return the types that an annotation such as `float | None` allows."""
    return typing.get_args(kind) or (kind,)


def _is_of(value: Any, kind: type) -> bool:
    """Say whether a value has a type; an integer is a number too, and a truth value is no integer."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float) if kind is float else isinstance(value, kind)


def check_at_least(group: object, bound: int, *keys: str) -> None:
    """Check that fields are at least a bound.

    Raises:
        OptionError: Names the first that is not.
    """
    for key in keys:
        if not getattr(group, key) >= bound:
            raise OptionError(f"{key} must be at least {bound}, got {getattr(group, key)}")


def check_above_zero(group: object, *keys: str) -> None:
    """Check that fields are above 0.

    Raises:
        OptionError: Names the first that is not.
    """
    for key in keys:
        if not getattr(group, key) > 0:
            raise OptionError(f"{key} must be above 0, got {getattr(group, key)}")


def check_finite(group: object, *keys: str) -> None:
    """Check that fields are finite numbers.

    Raises:
        OptionError: Names the first that is not.
    """
    for key in keys:
        if not math.isfinite(getattr(group, key)):
            raise OptionError(f"{key} must be a finite number, got {getattr(group, key)}")


def check_with(group: object, needed: str, *keys: str) -> None:
    """Check that fields which change what another one does are set only with that one.

    Raises:
        OptionError: Names the first that is set without it.
    """
    for key in keys:
        if getattr(group, key) and not getattr(group, needed):
            raise OptionError(f"{key} needs {needed}=true; set that too, or {key} to false")
