"""Filters of the entries shown, read from a link or from the controls of the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dsrbench.board.ties import Placed

Values = Mapping[str, Any]
"""Values of a tab's controls by name, or the parameters of a link: then all are texts."""

SIZES: Mapping[str, tuple[float, float]] = {
    "under 1 B": (0, 1e9),
    "1 to 5 B": (1e9, 5e9),
    "5 to 20 B": (5e9, 20e9),
    "20 B and more": (20e9, float("inf")),
}
"""Ranges of the number of weights: minimum (inclusive) and maximum (exclusive), by title."""

EVERY = "all"
"""Choice of a menu that filters nothing."""

UNKNOWN = "not known"

ACCESS = ("open", "closed")

MAX_TEXT = 200
"""Maximum length of a filter's text, in characters; the rest is ignored."""


@dataclasses.dataclass(frozen=True)
class Filters:
    """Conditions that an entry must meet to be shown; an empty one is met by every entry.

    Attributes:
        text: Words that the entry's name, model or account must contain, in any case.
        suite: Name of a suite.
        size: Key of `SIZES`, or `UNKNOWN`.
        access: One of `ACCESS`.
        licence: Accepted licences.
        tier: Accepted tiers.
        protocol: Accepted protocols.
    """

    text: str = ""
    suite: str = ""
    size: str = ""
    access: str = ""
    licence: tuple[str, ...] = ()
    tier: tuple[str, ...] = ()
    protocol: tuple[str, ...] = ()

    @classmethod
    def read(cls, values: Values) -> Filters:
        """Return the filters in controls or in a link, where several values are joined by commas.

        >>> Filters.read({"size": "1 to 5 B", "tier": "re-scored,re-detected", "a": "x"}).tier
        ('re-scored', 're-detected')
        """
        filters: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            value = values.get(field.name) or ""
            text = ",".join(value) if isinstance(value, list) else str(value)
            text = "" if text == EVERY else text[:MAX_TEXT]
            several = tuple(part for part in text.split(",") if part)
            filters[field.name] = several if isinstance(field.default, tuple) else text
        return cls(**filters)

    def link(self) -> dict[str, str]:
        """Return the link parameters that `read` accepts, without empty ones."""
        values = dataclasses.asdict(self)
        texts = {name: value if isinstance(value, str) else ",".join(value) for name, value in values.items()}
        return {name: text for name, text in texts.items() if text}

    def fits(self, placed: Placed) -> bool:
        """Tell whether an entry meets all conditions."""
        facets = describe_facets(placed)
        words = " ".join([placed.name, placed.record.entry.model.id, placed.record.account]).lower()
        conditions = {name: value for name, value in dataclasses.asdict(self).items() if value and name != "text"}
        return all(word in words for word in self.text.lower().split()) and all(
            facets[name] in (value if isinstance(value, tuple) else (value,)) for name, value in conditions.items()
        )


def select(entries: Iterable[Placed], filters: Filters) -> list[Placed]:
    """Return the entries that meet all conditions, in their order."""
    return [placed for placed in entries if filters.fits(placed)]


def describe_facets(placed: Placed) -> dict[str, str]:
    """Return the values that an entry is filtered by, by the name of the filter."""
    entry, model = placed.record.entry, placed.record.entry.model
    size = model.parameters
    sizes = [name for name, (low, high) in SIZES.items() if size is not None and low <= size < high]
    return {
        "suite": entry.suite.name,
        "size": sizes[0] if sizes else UNKNOWN,
        "access": ACCESS[0] if model.open else ACCESS[1],
        "licence": model.license or UNKNOWN,
        "tier": placed.record.tier,
        "protocol": entry.protocol or UNKNOWN,
    }


def list_choices(entries: Sequence[Placed]) -> dict[str, list[str]]:
    """Return the values of each filter among some entries, sorted; sizes in the order of `SIZES`."""
    facets = [describe_facets(placed) for placed in entries]
    choices = {name: sorted({facet[name] for facet in facets} - {""}) for name in (facets[0] if facets else ())}
    order = [*SIZES, UNKNOWN]
    if "size" in choices:
        choices["size"].sort(key=order.index)
    return {field.name: choices.get(field.name, []) for field in dataclasses.fields(Filters) if field.name != "text"}


def pick(value: Any, choices: Sequence[str], default: str = "") -> str:
    """Return a value that is one of the choices, else the default."""
    return value if isinstance(value, str) and value in choices else default
