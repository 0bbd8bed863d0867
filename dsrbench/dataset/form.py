"""Form in which a dataset is written, and result of its curation."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Form:
    """Form in which a dataset is written.

    Attributes:
        inside: Whether the tables hold the videos; otherwise these are files next to the tables.
        shard_bytes: Maximum size of the videos of a shard, bytes.
        name: Name of the dataset in its card.
        licence: Identifier of the license in the Hub's list.
    """

    inside: bool = True
    shard_bytes: float = 256e6
    name: str = "dataset"
    licence: str = "unknown"


@dataclasses.dataclass(frozen=True)
class Curation:
    """The result of a curation.

    Attributes:
        n_samples: Number of samples of all runs.
        rows: Number of rows, by split.
        dropped: Number of samples that are no rows, by reason.
    """

    n_samples: int
    rows: dict[str, int]
    dropped: dict[str, int]
