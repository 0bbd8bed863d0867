"""Which entries are shown: filters as a value, from a link or from the controls of the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dsrbench.board.ties import Placed

SIZES: Mapping[str, tuple[float, float]] = {
    "under 1 B": (0, 1e9),
    "1 to 5 B": (1e9, 5e9),
    "5 to 20 B": (5e9, 20e9),
    "20 B and more": (20e9, float("inf")),
}
"""Numbers of weights, from (inclusive) and to (exclusive)."""

UNKNOWN = "not known"

ACCESS = ("open", "closed")

MOST_TEXT = 200
"""Characters of a search, or of any value in a link, that are looked at."""


@dataclasses.dataclass(frozen=True)
class Filters:
    """What a reader wants to see; an empty value leaves all entries in.

    Attributes:
        text: Part of an entry's name, model or account, in any case.
        suite: Name of a suite.
        size: One of `SIZES`, or `UNKNOWN`.
        access: One of `ACCESS`.
        licence: Licences, any of them.
        tier: Tiers, any of them.
        protocol: Protocols, any of them.
    """

    text: str = ""
    suite: str = ""
    size: str = ""
    access: str = ""
    licence: tuple[str, ...] = ()
    tier: tuple[str, ...] = ()
    protocol: tuple[str, ...] = ()

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Filters:
        """Filters from the parameters of a link; several values are joined by commas, unknown ones change nothing.

        >>> Filters.read({"size": "1 to 5 B", "tier": "re-scored,re-detected", "a": "x"}).tier
        ('re-scored', 're-detected')
        """
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            text = str(given.get(field.name) or "")[:MOST_TEXT]
            several = tuple(part for part in text.split(",") if part)
            values[field.name] = several if isinstance(field.default, tuple) else text
        return cls(**values)

    def link(self) -> dict[str, str]:
        """The inverse of `read`, without what is empty."""
        values = dataclasses.asdict(self)
        texts = {name: value if isinstance(value, str) else ",".join(value) for name, value in values.items()}
        return {name: text for name, text in texts.items() if text}

    def fits(self, placed: Placed) -> bool:
        """Whether an entry is shown."""
        facts = describe_facets(placed)
        words = " ".join([placed.name, placed.record.entry.model.id, placed.record.account]).lower()
        return (
            all(word in words for word in self.text.lower().split())
            and all(not value or facts[name] == value for name, value in self._single().items())
            and all(not values or facts[name] in values for name, values in self._several().items())
        )

    def _single(self) -> dict[str, str]:
        return {"suite": self.suite, "size": self.size, "access": self.access}

    def _several(self) -> dict[str, tuple[str, ...]]:
        return {"licence": self.licence, "tier": self.tier, "protocol": self.protocol}


def select(entries: Iterable[Placed], filters: Filters) -> list[Placed]:
    """The entries that fit, in their order."""
    return [placed for placed in entries if filters.fits(placed)]


def describe_facets(placed: Placed) -> dict[str, str]:
    """Return the values that an entry is filtered by."""
    entry, model = placed.record.entry, placed.record.entry.model
    size = model.parameters
    sizes = [name for name, (least, most) in SIZES.items() if size is not None and least <= size < most]
    return {
        "suite": entry.suite.name,
        "size": sizes[0] if sizes else UNKNOWN,
        "access": ACCESS[0] if model.open else ACCESS[1],
        "licence": model.license or UNKNOWN,
        "tier": placed.record.tier,
        "protocol": entry.protocol or UNKNOWN,
    }


def list_choices(entries: Sequence[Placed]) -> dict[str, list[str]]:
    """Every value each filter can take among some entries, sorted; sizes from small to large."""
    facts = [describe_facets(placed) for placed in entries]
    found = {name: sorted({fact[name] for fact in facts} - {""}) for name in (facts[0] if facts else ())}
    order = [*SIZES, UNKNOWN]
    if "size" in found:
        found["size"].sort(key=order.index)
    return {field.name: found.get(field.name, []) for field in dataclasses.fields(Filters) if field.name != "text"}
