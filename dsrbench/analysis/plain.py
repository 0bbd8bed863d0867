"""Values as JSON takes them: NaN as null, data classes as objects, enumerations as their values."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


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
